// The conversation: turns, their answers, the composer.
import { html } from "../vendor/vendor.js";
import { turns } from "../lib/store.js";
import { Markdown } from "../lib/markdown.js";
import { Composer } from "./composer.js";

const Turn = ({ turn }) => html`<article class="turn">
  <h2 class="question">${turn.value.question}</h2>
  <${Markdown} text=${turn.value.text} cites=${turn.value.cites} sources=${turn.value.sources} isLive=${!turn.value.end} />
</article>`;

export const Chat = () => html`
  <div class="chat"><div class="turns">${turns.value.map((turn) => html`<${Turn} key=${turn.peek().id} turn=${turn} />`)}</div>
    <${Composer} /></div>`;
