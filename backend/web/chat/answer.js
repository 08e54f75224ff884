// One question with its answer: the text as it streams, what it waits for, how it ended, what can be done with it.
import { html } from "../vendor/vendor.js";
import { statusWords } from "../lib/citations.js";
import { plural, visible } from "../lib/format.js";
import { Markdown } from "../lib/markdown.js";
import { connection, turns } from "../lib/store.js";
import { Button, copyText, ErrorNote, Icon, IconButton, Progress } from "../lib/ui.js";
import { ask } from "./actions.js";
import { attachAgain } from "./attach.js";
import { edit } from "./composer.js";
import { isPaneOpen, openSource, shown } from "./sources.js";
import { stageWords, summary } from "./stage.js";

const ENDS = {
  cancelled: "Stopped. What was written so far is kept.",
  length: "The answer has reached its longest length. Ask “go on” for the rest.",
};

/** How many citations have which state, where one is not fine. */
function Citations({ cites }) {
  const bad = ["moved", "stale", "invented"].map((status) => [status, cites.filter((one) => one.status === status).length]);
  const shownStates = bad.filter(([, number]) => number);
  if (!shownStates.length) return null;
  return html`<ul class="list row wrap cite-legend">${shownStates.map(([status, number]) => html`
    <li key=${status}><span class=${`badge ${status === "moved" ? "warn" : "bad"}`}>${plural(number, "citation")}: ${statusWords(status)}</span></li>`)}</ul>`;
}

/** A notice comes with every answer that it is about; it is shown at the first, where the text does not end with it. */
function isNew(turn) {
  if (turn.text.includes(turn.end.notice)) return false;
  const first = turns.value.find((one) => one.value.end?.notice === turn.end.notice);
  return first?.peek().id === turn.id;
}

/** Asks the question of a turn again, in its place. */
function again(turn) {
  attachAgain(turn.context);
  ask(turn.question, { replaces: turn.id });
}

function Waiting({ turn }) {
  const { words, value } = stageWords(turn, connection.value.state);
  return html`<div class="waiting">${value === null
    ? html`<p><span class="pulse" aria-hidden="true"></span>${words}</p>`
    : html`<${Progress} value=${value} label=${words} />`}</div>`;
}

function Actions({ turn, isLast }) {
  return html`
    <div class="row wrap turn-actions">
      ${turn.text && html`<${IconButton} icon="copy" label="Copy the answer"
        onClick=${(event) => copyText(turn.text, event.currentTarget)} />`}
      ${isLast && html`<${IconButton} icon="again" label="Ask again" onClick=${() => again(turn)} />`}
      ${turn.sources.length > 0 && html`
        <${Button} kind="quiet small" icon="file" onClick=${() => {
          shown.value = { turn: turn.id, n: turn.sources[0].n, lines: null };
          isPaneOpen.value = true;
        }}>${plural(turn.sources.length, "source")}<//>`}
      <span class="muted small turn-summary">${visible(summary(turn.end))}</span>
    </div>`;
}

export function Turn({ turn: signal, isLast }) {
  const turn = signal.value;
  const { end } = turn;
  const onCite = (cite) => openSource(turn.id, cite.n[0], Array.from(turn.text).slice(cite.start, cite.end).join(""));
  return html`
    <article class="turn" aria-busy=${!end} data-turn=${turn.id}>
      <header class="question">
        <h2 dir="auto">${turn.question}</h2>
        ${isLast && end && html`<${IconButton} icon="edit" label="Edit the question" onClick=${() => edit(turn)} />`}
      </header>
      ${turn.context.length > 0 && html`<p class="muted small">With ${turn.context.map((one) => visible(one.path)).join(", ")}</p>`}
      <div class="answer">
        ${turn.text && html`<${Markdown} text=${turn.text} cites=${turn.cites} sources=${turn.sources} isLive=${!end} onCite=${onCite} />`}
        ${!end && html`<${Waiting} turn=${turn} />`}
        ${end && html`<${Ending} turn=${turn} isLast=${isLast} />`}
      </div>
    </article>`;
}

function Ending({ turn, isLast }) {
  const { end } = turn;
  return html`
    <${Citations} cites=${turn.cites} />
    ${end.notice && isNew(turn) && html`<p class="note info row"><${Icon} name="help" /><span class="grow">${end.notice}</span></p>`}
    ${ENDS[end.reason] && html`<p class="muted">${ENDS[end.reason]}</p>`}
    ${end.error && html`<${ErrorNote} error=${end.error} onRetry=${isLast ? () => again(turn) : null} />`}
    <${Actions} turn=${turn} isLast=${isLast} />`;
}
