// Searches the code without a question: places with the reasons, opened and pinned from here.
import { html, signal, useLayoutEffect, useRef } from "../vendor/vendor.js";
import { post } from "../lib/api.js";
import { duration, place, plural, visible } from "../lib/format.js";
import { closePanel, codebase, currentCodebase, openPanel } from "../lib/store.js";
import { Button, Empty, ErrorNote } from "../lib/ui.js";
import { isPinned, togglePin, why } from "../chat/sources.js";
import { Excerpt } from "./excerpt.js";

const FIRST = 10;
const MOST = 50;

// They outlive the panel: one comes back to the same results.
const query = signal("");
const folder = signal("");
const result = signal(null); // {hits, found, ms, query, k, codebase}
const failure = signal(null);
const isBusy = signal(false);

async function run(k = FIRST) {
  const text = query.value.trim();
  if (!text || isBusy.value) return;
  const asked = codebase.value;
  isBusy.value = true;
  failure.value = null;
  const paths = folder.value.trim() ? [folder.value.trim()] : [];
  try {
    const answer = await post("/search", { query: text, codebase: asked, k, paths });
    result.value = { ...answer, query: text, k, codebase: asked };
  } catch (error) {
    failure.value = error;
    result.value = null;
  }
  isBusy.value = false;
}

export function Search() {
  const field = useRef(null);
  useLayoutEffect(() => field.current?.focus(), []);
  if (!currentCodebase.value) {
    return html`<${Empty} title="Nothing is indexed"><p>Open a codebase to search in it.</p>
      <${Button} kind="primary" onClick=${() => openPanel("open")}>Open a codebase<//><//>`;
  }
  const found = result.value?.codebase === codebase.value ? result.value : null; // not what another codebase has
  const submit = (event) => {
    event.preventDefault();
    run();
  };
  return html`
    <form class="search-form" role="search" onSubmit=${submit}>
      <input class="field" type="search" ref=${field} aria-label="Words, a name, or a sentence" value=${query.value}
        placeholder="Words, a name, or a sentence" onInput=${(event) => (query.value = event.target.value)} />
      <input class="field folder" aria-label="Only below this folder or file" placeholder="Folder (any)" value=${folder.value}
        autocapitalize="off" spellcheck="false" onInput=${(event) => (folder.value = event.target.value)} />
      <${Button} kind="primary" icon="search" type="submit" disabled=${isBusy.value}>Search<//>
    </form>
    <p class="muted result-line" role="status">${isBusy.value ? "Searching …" : resultLine(found)}</p>
    ${failure.value && html`<${ErrorNote} error=${failure.value} onRetry=${() => run()} />`}
    ${found && html`<${Hits} result=${found} />`}`;
}

function resultLine(found) {
  if (!found) return "";
  if (!found.hits.length) return `Nothing like “${visible(found.query)}” is in this codebase.`;
  const places = `${plural(found.hits.length, "place")} in ${duration(found.ms)}`;
  return found.found ? `${places}, the best first` : `Nothing here answers “${visible(found.query)}”. The closest ${places}:`;
}

function Hits({ result: found }) {
  const isMore = found.hits.length >= found.k && found.k < MOST;
  return html`
    <ol class="list hits">${found.hits.map((hit) => html`<${Hit} key=${`${found.query} ${hit.chunk_id} ${hit.start_line}`} hit=${hit} />`)}</ol>
    ${isMore && html`<${Button} onClick=${() => run(MOST)}>Show more<//>`}`;
}

function Hit({ hit }) {
  const where = place(hit.path, hit.start_line, hit.end_line);
  const range = { path: hit.path, start: hit.start_line, end: hit.end_line };
  const isKept = isPinned(range);
  const ask = () => {
    if (!isKept) togglePin(range);
    closePanel();
    requestAnimationFrame(() => document.getElementById("composer")?.focus());
  };
  return html`
    <li class="hit">
      <div class="hit-head">
        <h2 class="hit-title">${hit.symbol ? visible(hit.symbol) : visible(hit.path)}</h2>
        ${hit.kind && html`<span class="badge">${visible(hit.kind)}</span>`}
        ${!hit.fresh && html`<span class="badge warn">Changed since it was indexed</span>`}
        <div class="toolbar">
          <${Button} kind="quiet" icon="pin" onClick=${() => togglePin(range)}
            aria-label=${`${isKept ? "Unpin" : "Pin"} ${where}`}>${isKept ? "Unpin" : "Pin"}<//>
          <${Button} kind="quiet" icon="chat" onClick=${ask} aria-label=${`Ask about this: ${where}`}>Ask about this<//>
        </div>
      </div>
      <p class="hit-place"><span class="mono">${where}</span> <span class="muted">${why(hit.why)}</span></p>
      <${Excerpt} path=${hit.path} start=${hit.start_line} end=${hit.end_line} text=${hit.text} />
    </li>`;
}
