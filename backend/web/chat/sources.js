// The sources beside an answer: code with lines, why it was chosen, fresh or changed; and code in a dialog.
import { html } from "../vendor/vendor.js";

export const why = (scores) => Object.keys(scores ?? {}).join(", ");
export const CodeDialog = () => html`<p>Code</p>`;
