// The sources of an answer: code with lines, why it was chosen, whether it is as it was. And code in a dialog.
import { html, signal, useEffect, useRef, useState } from "../vendor/vendor.js";
import { getLines } from "../lib/api.js";
import { CodeView } from "../lib/code.js";
import { basename, place, plural, visible } from "../lib/format.js";
import * as store from "../lib/store.js";
import { attachAgain } from "./attach.js";
import { Button, ErrorNote, IconButton } from "../lib/ui.js";

const SIGNALS = [
  ["symbol", "a name in the question"],
  ["lexical", "its words"],
  ["dense", "its meaning"],
  ["rerank", "the re-ranking model"],
  ["file", "other hits in its file"],
  ["graph", "references from other hits"],
];
const PAGE_LINES = 120;

/** Whose sources are shown, and which one is open: {turn id, n, lines: [from, to] or null}. */
export const shown = signal({ turn: null, n: null, lines: null });
/** Whether the sources lie over the answer, on a narrow screen. */
export const isPaneOpen = signal(false);

/** Opens a source where a citation points. `text`: the citation as the answer has it. */
export function openSource(turn, n, text = "") {
  const found = /(?::|#L)(\d+)(?:[-–]L?(\d+))?/.exec(text);
  const lines = found ? [Number(found[1]), Number(found[2] ?? found[1])] : null;
  shown.value = { turn, n, lines };
  isPaneOpen.value = true;
}

/** Why a source was chosen, in words, the strongest reason first. */
export function why(scores) {
  const reasons = SIGNALS.filter(([name]) => scores?.[name] > 0).sort((a, b) => scores[b[0]] - scores[a[0]]);
  if (!reasons.length) return "attached, pinned, or found exactly";
  return `chosen for ${reasons.slice(0, 3).map(([, words]) => words).join(", ")}`;
}

const samePlace = (one, path, start, end) => one.path === path && one.range?.[0] === start && one.range?.[1] === end;

const attachedNow = (path) => store.pins.value.find((one) => one.text && one.path === path);
const attachedThen = (turn, { path }) => turn.context.find((one) => one.text && one.path === path);

/** Whether a place goes with all next questions. */
export function isPinned({ path, start, end }) {
  return store.pins.value.some((one) => (one.text ? one.path === path && !one.once : samePlace(one, path, start, end)));
}

/** Pins a place for the next questions, or takes the pin away. A piece of an attached text stands for the whole text. */
export function togglePin({ path, start, end }) {
  const attached = attachedNow(path);
  if (attached) {
    store.pins.value = store.pins.value.map((one) => (one === attached ? { ...one, once: !one.once } : one));
    return;
  }
  const without = store.pins.value.filter((one) => !samePlace(one, path, start, end));
  store.pins.value = without.length < store.pins.value.length ? without : [...without, { path, range: [start, end], label: place(path, start, end) }];
}

/** Leaves a place out of the next prompts, or takes it back. An attached text is not attached any more. */
export function toggleExclude({ path, start, end }) {
  const attached = attachedNow(path);
  if (attached) {
    store.pins.value = store.pins.value.filter((one) => one !== attached);
    return;
  }
  const without = store.excludes.value.filter((one) => !samePlace(one, path, start, end));
  const isOut = without.length < store.excludes.value.length;
  store.excludes.value = isOut ? without : [...without, { path, range: [start, end] }];
  if (!isOut) store.toast("The next questions go without this piece. “Ask again” shows the difference.");
}

/**
 * Loads lines of a file: {data, error}. `path` null: nothing. `codebase`: the one that the answer is about, null where that
 * is not known: the open one.
 */
function useLines(path, start, end, codebase) {
  const [state, setState] = useState({});
  const id = codebase ?? store.codebase.value;
  useEffect(() => {
    if (path === null) return undefined;
    const stop = new AbortController();
    getLines(id, path, start, end, { signal: stop.signal })
      .then((data) => setState({ data }))
      .catch((error) => error.name !== "AbortError" && setState({ error }));
    return () => stop.abort();
  }, [path, start, end, id, store.currentCodebase.value?.generation]);
  return state;
}

/** What was attached to the question, where the source is a piece of it. */
function attachedLines(turn, { path, start, end }) {
  const own = attachedThen(turn, { path });
  if (!own) return null;
  const lines = own.text.split("\n");
  const offset = own.range && own.range[1] - own.range[0] + 1 === lines.length ? own.range[0] : 1;
  return { start, text: lines.slice(start - offset, end - offset + 1).join("\n") };
}

function SourceCode({ turn, source, lines }) {
  const attached = attachedLines(turn, source);
  const isUnknown = source.attached && !turn.context.length; // the history has not told yet what was attached
  const { data, error } = useLines(attached || isUnknown ? null : source.path, source.start, source.end, turn.codebase);
  if (attached) return html`<${CodeView} path=${source.path} start=${attached.start} text=${attached.text} marks=${lines} scroll />`;
  if (isUnknown) return html`<p class="muted small">This was attached to the question.</p>`;
  if (error) return html`<p class="muted small">${error.code === "not_found" ? "This file is not in the index any more." : error.message}</p>`;
  if (!data) return html`<p class="muted small">Loading …</p>`;
  return html`
    ${source.sha && data.sha !== source.sha && html`
      <p class="badge warn">The file has changed since the answer; these are its lines now</p>`}
    <${CodeView} path=${source.path} start=${data.start} text=${data.text} marks=${lines} scroll />`;
}

function SourceCard({ turn, source, isFirst }) {
  const card = useRef(null);
  const here = shown.value;
  const isChosen = here.turn === turn.id;
  const isOpen = isChosen ? here.n === source.n : isFirst; // the best one, until another is chosen
  const isKept = isPinned(source);
  const isOut = store.excludes.value.some((one) => samePlace(one, source.path, source.start, source.end));
  useEffect(() => {
    if (isOpen && isChosen) card.current.scrollIntoView({ block: "nearest" });
  }, [isOpen, here]);
  const id = `source-${turn.id}-${source.n}`;
  const attached = attachedThen(turn, source);
  const pin = () => {
    if (attached) attachAgain([attached]);
    togglePin(source);
  };
  const toggle = () => (shown.value = { turn: turn.id, n: isOpen ? null : source.n, lines: null });
  return html`
    <li class=${`source ${isOpen ? "open" : ""} ${isOut ? "out" : ""}`} ref=${card}>
      <button type="button" class="source-head" aria-expanded=${isOpen} aria-controls=${id} onClick=${toggle}>
        <span class="source-number" aria-hidden="true">${source.n}</span>
        <span class="source-name"><span class="visually-hidden">Source ${source.n}: </span>
          <span class="source-file">${basename(source.path)}<span class="muted">:${source.start}-${source.end}</span></span>
          ${source.symbol && html`<code>${visible(source.symbol)}</code>`}</span>
        ${source.fresh === false && html`<span class="badge warn">changed on disk</span>`}
      </button>
      ${isOpen && html`
        <div class="source-body" id=${id}>
          <p class="small source-path">${place(source.path, source.start, source.end)}</p>
          <p class="muted small">Why: ${why(source.why)}. ${source.fresh === false ? "The file has changed since it was indexed." : ""}</p>
          <${SourceCode} turn=${turn} source=${source} lines=${isChosen ? here.lines : null} />
          <div class="row wrap source-actions">
            ${!attached && html`<${Button} kind="quiet small" icon="file"
              onClick=${() => store.openPanel("code", { ...source, codebase: turn.codebase })}>Open the file<//>`}
            <${Button} kind="quiet small" icon="pin" aria-pressed=${isKept} onClick=${pin}>${isKept ? "Unpin" : "Pin"}<//>
            ${!attached && html`<${Button} kind="quiet small" icon="minus" aria-pressed=${isOut}
              onClick=${() => toggleExclude(source)}>${isOut ? "Take it back" : "Without this piece"}<//>`}
          </div>
        </div>`}
    </li>`;
}

/** The column beside the conversation. */
export function Sources() {
  const heading = useRef(null);
  const all = store.turns.value;
  const turn = (all.find((one) => one.peek().id === shown.value.turn) ?? all.at(-1))?.value;
  useEffect(() => {
    if (!isPaneOpen.value || !matchMedia("(max-width: 1100px)").matches) return undefined;
    const before = document.activeElement;
    heading.current?.focus();
    return () => before?.isConnected && before.focus();
  }, [isPaneOpen.value]);
  const onKeyDown = (event) => {
    if (event.key !== "Escape") return;
    event.preventDefault(); // the answer goes on
    isPaneOpen.value = false;
    document.getElementById("composer")?.focus();
  };
  if (!turn?.sources.length) return null;
  const number = all.findIndex((one) => one.peek().id === turn.id) + 1;
  return html`
    <aside class=${isPaneOpen.value ? "sources open" : "sources"} aria-labelledby="sources-title"
      onKeyDown=${onKeyDown}>
      <header><h2 id="sources-title" tabindex="-1" ref=${heading}>Sources</h2>
        <span class="muted small">${plural(turn.sources.length, "piece")}${number < all.length ? ` of answer ${number}` : ""}</span>
        <${IconButton} icon="close" label="Close the sources" onClick=${() => (isPaneOpen.value = false)} /></header>
      <ol class="list">${turn.sources.map((source, index) => html`
        <${SourceCard} key=${source.n} turn=${turn} source=${source} isFirst=${index === 0} />`)}</ol>
    </aside>
    ${isPaneOpen.value && html`<div class="sources-scrim" onClick=${() => (isPaneOpen.value = false)}></div>`}`;
}

/** A file around some lines, in a dialog; args: {path, start, end, codebase}, the last as for `useLines`. */
export function CodeDialog({ args: { path, start = 1, end = start, codebase = null } }) {
  const [from, setFrom] = useState(Math.max(1, start - 30));
  const to = Math.max(from + PAGE_LINES, Math.min(end + 30, from + 390));
  const { data, error } = useLines(path, from, to, codebase);
  if (error) return html`<${ErrorNote} error=${error} />`;
  return html`
    <p class="row wrap"><code class="grow ellipsis">${visible(path)}</code>
      ${data && html`<span class="muted small">Lines ${data.start}-${data.end} of ${data.lines}</span>`}</p>
    ${data && html`<${CodeView} path=${path} start=${data.start} text=${data.text} marks=${[start, end]} scroll />`}
    ${data && html`<div class="row wrap dialog-foot">
      <${Button} disabled=${data.start === 1} onClick=${() => setFrom(Math.max(1, from - PAGE_LINES))}>Earlier lines<//>
      <${Button} disabled=${data.end >= data.lines} onClick=${() => setFrom(data.end + 1)}>Later lines<//>
      <${Button} icon="pin" onClick=${() => (togglePin({ path, start, end }), store.toast("The next question has this piece."))}>Pin ${start}-${end}<//></div>`}`;
}
