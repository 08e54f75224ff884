// What a user attaches: files, a pasted selection, a diff. Makes `pins` of them that go with one question.
import { byteLength, visible } from "../lib/format.js";
import { pins, toast } from "../lib/store.js";

const MOST_BYTES = 200_000; // of one file; the frame of a question has at most 1 MiB
const MOST_IN_ALL = 800_000;
const MOST_FILES = 20; // at once

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
  const all = [...files];
  if (all.length > MOST_FILES) toast(`Only the first ${MOST_FILES} of the ${all.length} files are attached.`, "error");
  for (const file of all.slice(0, MOST_FILES)) {
    if (file.size > MOST_BYTES) toast(`${visible(file.name)} is too long: at most 200 kB a file.`, "error");
    else {
      const text = await file.text().catch(() => null);
      if (text === null) toast(`${visible(file.name)} cannot be read: attach files, not folders.`, "error");
      else attachText(file.name, text);
    }
  }
}

/** A pasted diff, and a text without room in the question, becomes an attachment; answers whether it stays out of there. */
export function attachPasted(text, room) {
  if (isDiff(text) && attachText("pasted.diff", text)) return toast("The diff is attached."), true;
  if (text.length <= room) return false;
  if (attachText("pasted.txt", text)) toast("The text is too long for a question: it is attached.");
  return true;
}
