// Where the question is written.
import { html } from "../vendor/vendor.js";
import { draft } from "../lib/store.js";
import { ask } from "./actions.js";

export const Composer = () => html`<form class="composer" onSubmit=${(event) => (event.preventDefault(), ask(draft.value), (draft.value = ""))}>
  <textarea id="composer" class="field" aria-label="Question" value=${draft.value} onInput=${(event) => (draft.value = event.target.value)}></textarea>
  <button class="button primary">Ask</button></form>`;
