// Lines of a file as they are on disk, which can be widened in both directions.
import { html, useState } from "../vendor/vendor.js";
import { getLines } from "../lib/api.js";
import { CodeView } from "../lib/code.js";
import { codebase, toastError } from "../lib/store.js";
import { Button } from "../lib/ui.js";

const STEP = 30; // lines

export function Excerpt({ path, start, end, text, base = codebase.value }) {
  const [shown, setShown] = useState({ start, end, text, lines: null });
  const widen = async () => {
    try {
      const from = Math.max(1, shown.start - STEP);
      setShown(await getLines(base, path, from, shown.end + STEP));
    } catch (failure) {
      toastError(failure);
    }
  };
  const isWhole = shown.lines !== null && shown.start <= 1 && shown.end >= shown.lines;
  const isFull = shown.end - shown.start > 360; // an answer has at most 400 lines
  return html`
    <${CodeView} path=${path} start=${shown.start} text=${shown.text} marks=${shown.lines === null ? null : [start, end]} />
    ${!isWhole && !isFull && html`<${Button} kind="quiet" icon="down" onClick=${widen}>More lines around<//>`}`;
}
