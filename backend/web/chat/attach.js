// What a user attaches: files, a pasted selection, a diff. Makes `pins` of them that go with one question.
import { byteLength } from "../lib/format.js";
import { pins, toast } from "../lib/store.js";

const MOST_BYTES = 200_000; // of one file; the frame of a question has at most 1 MiB
const MOST_IN_ALL = 800_000;

/** Whether a text looks like the output of `git diff`. */
export const isDiff = (text) => /^(diff --git |--- \S)/m.test(text.slice(0, 2000)) && /^@@ .*@@/m.test(text);

const frameBytes = (text) => byteLength(JSON.stringify(text)); // what it takes in the frame

/** Adds a text under a name; answers whether there was room. */
export function attachText(name, text, label = name) {
  const used = pins.value.reduce((sum, one) => sum + (one.text ? frameBytes(one.text) : 0), 0);
  if (!text.trim()) return toast(`${name} is empty.`, "error"), false;
  if (text.includes("\0")) return toast(`${name} is not a text file.`, "error"), false;
  if (byteLength(text) > MOST_BYTES || used + frameBytes(text) > MOST_IN_ALL) {
    toast(`${name} is too long: at most 200 kB a file and 800 kB in all. Attach the lines that matter.`, "error");
    return false;
  }
  const others = pins.value.filter((one) => one.path !== name || !one.text);
  pins.value = [...others, { path: name, text, label, once: true }];
  return true;
}

/** What was attached to an earlier question goes with the next one, too. */
export function attachAgain(context) {
  const isHere = ({ path }) => pins.value.some((one) => one.text && one.path === path);
  const missing = context.filter((one) => one.text && !isHere(one));
  pins.value = [...pins.value, ...missing.map((one) => ({ ...one, label: one.path, once: true }))];
}

/** Adds files that were chosen or dropped. */
export async function attachFiles(files) {
  for (const file of [...files].slice(0, 20)) {
    if (file.size > MOST_BYTES) toast(`${file.name} is too long: at most 200 kB a file.`, "error");
    else attachText(file.name, await file.text());
  }
}

/** A pasted diff becomes an attachment; answers whether it did. */
export function attachPasted(text) {
  if (!isDiff(text) || !attachText("pasted.diff", text)) return false;
  toast("The diff is attached.");
  return true;
}
