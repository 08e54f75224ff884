// The sidebar's codebases: which one is asked, how far its index is, and what can be done with it.
import { html, useState } from "../vendor/vendor.js";
import { remove } from "../lib/api.js";
import { basename, plural, visible } from "../lib/format.js";
import { codebase, codebases, openPanel, toastError, toast } from "../lib/store.js";
import { Button, Empty, IconButton, Progress } from "../lib/ui.js";
import { chooseCodebase, loadCodebases } from "../chat/actions.js";
import { Confirm, useRow } from "./confirm.js";
import { findJobs, jobs, remember, startIndex } from "./jobs.js";
import { usePolling } from "./polling.js";
import { jobLine, share } from "./wording.js";

const LOOK_MS = 4000;

export function Codebases() {
  const list = codebases.value;
  usePolling(() => codebase.value && findJobs(codebase.value).catch(() => {}), LOOK_MS, [codebase.value]);
  return html`
    <header class="section-head"><h2>Codebases</h2>
      <${IconButton} icon="plus" label="Open a codebase (Alt+O)" onClick=${() => openPanel("open")} /></header>
    ${list.length === 0 && html`<${Empty} title="Nothing is indexed">
      <p>Open a folder with code, and ask about it.</p>
      <${Button} kind="primary" icon="folder" onClick=${() => openPanel("open")}>Open a codebase<//><//>`}
    <ul class="list entries">${list.map((one) => html`<${Entry} key=${one.id} base=${one} />`)}</ul>`;
}

function Entry({ base }) {
  const [isAsking, setAsking] = useState(false);
  const row = useRow();
  const job = jobs.value[base.id];
  const isCurrent = codebase.value === base.id;
  const name = basename(base.root);
  const forget = async () => {
    setAsking(false);
    try {
      await remove(`/codebases/${encodeURIComponent(base.id)}`);
      toast(`${name} is forgotten. Its files are where they were.`);
    } catch (failure) {
      toastError(failure);
    }
    await loadCodebases();
  };
  return html`
    <li ref=${row} class=${isCurrent ? "entry current" : "entry"}>
      <div class="entry-line">
        <button type="button" class="entry-main" aria-current=${isCurrent ? "true" : undefined} title=${visible(base.root)}
          onClick=${() => choose(base)}>
          <span class="entry-title">${name}</span>
          <span class="entry-meta">${stateLine(base)}</span>
        </button>
        <div class="entry-actions">
          <${IconButton} icon="eye" label=${`Overview of ${name}`} onClick=${() => openPanel("overview", { id: base.id })} />
          <${IconButton} icon="again" label=${`Index ${name} again`} disabled=${Boolean(job)}
            onClick=${() => startIndex(base.root).catch(toastError)} />
          <${IconButton} icon="trash" label=${`Forget ${name}`} onClick=${() => setAsking(true)} />
        </div>
      </div>
      ${job && html`<${Progress} label=${jobLine(job)} value=${share(job.done, job.total)} />`}
      ${isAsking && html`<${Confirm} question=${`Forget ${name}? Its index is deleted, its files stay.`} yes="Forget"
        onYes=${forget} onNo=${() => setAsking(false)} />`}
    </li>`;
}

function choose(base) {
  remember(base.root);
  if (codebase.value !== base.id) chooseCodebase(base.id);
}

const STATES = { empty: "not indexed yet", damaged: "damaged: index it again" };

function stateLine(base) {
  if (STATES[base.state]) return STATES[base.state];
  if (base.state === "indexing" && !base.files) return "being indexed";
  return `${plural(base.files, "file")}${base.state === "indexing" ? ", being indexed" : ""}`;
}
