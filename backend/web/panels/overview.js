// What a codebase is, by its own files: purpose, languages, commands, folders; each fact leads to its line.
import { html, useEffect, useLayoutEffect, useRef, useState } from "../vendor/vendor.js";
import { get, getLines } from "../lib/api.js";
import { basename, count, place, plural, visible } from "../lib/format.js";
import { codebase, codebases, currentCodebase, openPanel } from "../lib/store.js";
import { Button, Empty, ErrorNote } from "../lib/ui.js";
import { Excerpt } from "./excerpt.js";

// The kinds of facts, in the order of the page; others come after them.
const TITLES = {
  purpose: "What it is for",
  layout: "Folders",
  run: "Run it",
  setup: "Set up",
  build: "Build",
  test: "Test",
  lint: "Check",
  docs: "Documentation",
  dependencies: "Dependencies",
  "entry points": "Entry points",
  licence: "Licence",
  version: "Version",
  name: "Name",
};
const LANGUAGES = 6;
const FOLLOWED = { events: "as files change", polling: "every few seconds" };

export function Overview({ args }) {
  const base = codebases.value.find((one) => one.id === args.id) ?? currentCodebase.value;
  const [loaded, setLoaded] = useState({});
  const found = loaded.id === base?.id ? loaded : {}; // not what was loaded of another codebase
  useEffect(() => {
    if (!base) return undefined;
    const controller = new AbortController();
    const path = `/codebases/${encodeURIComponent(base.id)}/overview`;
    get(path, { signal: controller.signal }).then(
      (overview) => setLoaded({ id: base.id, overview }),
      (error) => error.name !== "AbortError" && setLoaded({ id: base.id, error }),
    );
    return () => controller.abort();
  }, [base?.id, base?.generation]);
  if (!base) {
    return html`<${Empty} title="Nothing is indexed"><p>Open a codebase to see what it is.</p>
      <${Button} kind="primary" onClick=${() => openPanel("open")}>Open a codebase<//><//>`;
  }
  return html`
    <p class="overview-root"><strong>${basename(base.root)}</strong> <span class="muted mono">${visible(base.root)}</span></p>
    ${found.error && html`<${ErrorNote} error=${found.error} />`}
    ${!found.overview && !found.error && html`<p class="muted" role="status">Reading its files …</p>`}
    ${found.overview && html`<${Numbers} base=${base} /><${Languages} languages=${found.overview.languages} />
      <${Facts} facts=${found.overview.facts} base=${base.id} />`}`;
}

const Numbers = ({ base }) => html`
  <dl class="tiles">
    <div class="tile"><dt>Files</dt><dd>${count(base.files)}</dd></div>
    <div class="tile"><dt>Pieces of code</dt><dd>${count(base.chunks)}</dd></div>
    <div class="tile"><dt>Brought up to date</dt><dd>${FOLLOWED[base.watched] ?? "when indexed"}</dd></div>
  </dl>`;

function Languages({ languages }) {
  const most = Math.max(...languages.map((one) => one.files), 1);
  const rest = languages.slice(LANGUAGES);
  if (!languages.length) return null;
  return html`
    <section class="fact-group"><h2>Languages</h2>
      <ul class="list languages">
        ${languages.slice(0, LANGUAGES).map((one) => html`
          <li key=${one.name}><span>${visible(one.name)}</span><${Bar} share=${one.files / most} />
            <span class="muted">${plural(one.files, "file")}</span></li>`)}
      </ul>
      ${rest.length > 0 && html`<p class="muted small">And ${rest.map((one) => `${visible(one.name)} ${count(one.files)}`).join(", ")}.</p>`}
    </section>`;
}

/** The width is a property set by script: the policy of the page forbids style attributes. */
function Bar({ share }) {
  const bar = useRef(null);
  useLayoutEffect(() => bar.current.style.setProperty("inline-size", `${Math.max(1, Math.round(share * 100))}%`));
  return html`<span class="bar" aria-hidden="true"><span ref=${bar}></span></span>`;
}

function Facts({ facts, base }) {
  const kinds = [...new Set([...Object.keys(TITLES), ...facts.map((fact) => fact.kind)])];
  return kinds.map((kind) => {
    const own = facts.filter((fact) => fact.kind === kind && (fact.value || fact.name));
    return own.length > 0 && html`
      <section key=${kind} class="fact-group"><h2>${TITLES[kind] ?? visible(kind)}</h2>
        <ul class="list fact-list">${own.map((fact) => html`<${Fact} key=${`${place(fact.path, fact.line)} ${fact.name} ${fact.value}`} fact=${fact} base=${base} />`)}</ul>
      </section>`;
  });
}

function Fact({ fact, base }) {
  const [file, setFile] = useState(null);
  const where = place(fact.path, fact.line);
  const toggle = async () => {
    if (file) return setFile(null);
    const lines = getLines(base, fact.path, Math.max(1, fact.line - 3), fact.line + 12);
    return setFile(await lines.catch((error) => ({ error })));
  };
  return html`
    <li><div class="fact">
        <span class="fact-words">${fact.name && html`<strong>${visible(fact.name)}</strong>`} ${visible(fact.value)}</span>
        <button type="button" class="link mono" aria-expanded=${file !== null} onClick=${toggle}>${where}</button>
      </div>
      ${file?.error && html`<${ErrorNote} error=${file.error} />`}
      ${file && !file.error && html`<${Excerpt} path=${file.path} start=${file.start} end=${file.end} text=${file.text} base=${base} />`}
    </li>`;
}
