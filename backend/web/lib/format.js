// Numbers, times and untrusted names as text. Pure functions.

const UNITS = ["B", "kB", "MB", "GB", "TB"];

/** 1536 -> "1.5 kB" (1000 to the next unit). */
export function bytes(count) {
  let value = count ?? 0;
  let unit = 0;
  while (value >= 999.5 && unit < UNITS.length - 1) {
    value /= 1000;
    unit += 1;
  }
  return `${unit === 0 || value >= 99.5 ? Math.round(value) : value.toFixed(1).replace(/\.0$/, "")} ${UNITS[unit]}`;
}

const encoder = new TextEncoder();

/** How many bytes a text has in UTF-8. */
export const byteLength = (text) => encoder.encode(text).length;

/** Milliseconds as "350 ms", "4.2 s", "3 min 5 s", "2 h 10 min". */
export function duration(ms) {
  if (ms < 1000) return `${Math.round(ms)} ms`;
  if (ms < 9950) return `${(ms / 1000).toFixed(1).replace(/\.0$/, "")} s`;
  const seconds = Math.round(ms / 1000);
  if (seconds < 60) return `${seconds} s`;
  const minutes = Math.floor(seconds / 60);
  if (minutes < 60) return seconds % 60 ? `${minutes} min ${seconds % 60} s` : `${minutes} min`;
  return `${Math.floor(minutes / 60)} h ${minutes % 60} min`;
}

/** 12345 -> "12,345". */
export const count = (value) => String(Math.round(value ?? 0)).replace(/\B(?=(\d{3})+(?!\d))/g, ",");

/** `count` things: plural(1, "file") -> "1 file", plural(3, "file") -> "3 files". */
export const plural = (value, noun, many = `${noun}s`) => `${count(value)} ${value === 1 ? noun : many}`;

/** An ISO time as "now", "5 min ago", "3 h ago", "yesterday", "12 Nov". */
export function ago(iso, now = Date.now()) {
  const moment = Date.parse(iso);
  if (Number.isNaN(moment)) return "";
  const minutes = Math.floor((now - moment) / 60000);
  if (minutes < 1) return "now";
  if (minutes < 60) return `${minutes} min ago`;
  if (minutes < 1440) return `${Math.floor(minutes / 60)} h ago`;
  if (minutes < 2880) return "yesterday";
  return new Date(moment).toLocaleDateString("en-GB", { day: "numeric", month: "short" });
}

const escaped = (found) => {
  const code = found.codePointAt(0).toString(16);
  return code.length > 4 ? `\\u{${code}}` : `\\u${code.padStart(4, "0")}`;
};
// The characters of prompts/visible.py.
const HIDDEN = new RegExp("[\\0-\\x1f\\x7f-\\x9f\\xad\\u034f\\u061c\\u115f\\u1160\\u17b4\\u17b5\\u180e\\u200b\\u200e\\u200f" +
  "\\u2028-\\u202e\\u2060-\\u206f\\u3164\\ufeff\\uffa0\\ufff0-\\ufffb\\u{1bca0}-\\u{1bca3}\\u{1d173}-\\u{1d17a}" +
  "\\ud800-\\udfff\\u{e0000}-\\u{e0fff}]", "gu");

/** Text from a file, a model or a file name for one line of the page: control and invisible characters are shown. */
export const visible = (text) => String(text ?? "").replace(HIDDEN, escaped);

/** Code with the characters shown that change its direction: it is read in the order in which it runs. */
export const inOrder = (code) => code.replace(/[\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]/g, escaped);

/** "src/a.py", 3, 9 -> "src/a.py:3-9". */
export function place(path, start, end) {
  if (!start) return visible(path);
  return `${visible(path)}:${start}${end && end !== start ? `-${end}` : ""}`;
}

/** An error's message as a sentence: it begins with a capital letter, unless that is a name. */
export const sentence = (text) => String(text ?? "").replace(/^[a-z]+(?=,? [a-z])/, (word) => word[0].toUpperCase() + word.slice(1));

/** The last part of a path. */
export const basename = (path) => visible(String(path).replace(/\/+$/, "").split("/").pop() || path);
