// Opens a codebase by its path, or one that was opened before. In a dialog, and on the page where nothing is indexed.
import { html, useRef, useState } from "../vendor/vendor.js";
import { basename, visible } from "../lib/format.js";
import { codebases } from "../lib/store.js";
import { Button, ErrorNote, IconButton } from "../lib/ui.js";
import { chooseCodebase } from "../chat/actions.js";
import { forgetRecent, recent, startIndex } from "./jobs.js";

/** `id`: of the field, because the form may be on the page twice. */
export function OpenCodebase({ onClose = () => {}, id = "open-path" }) {
  const [path, setPath] = useState("");
  const [isBusy, setBusy] = useState(false);
  const [error, setError] = useState(null);
  const field = useRef(null);
  const open = async (folder) => {
    setBusy(true);
    setError(null);
    try {
      const job = await startIndex(folder);
      await chooseCodebase(job.codebase);
      onClose();
    } catch (failure) {
      setError(failure);
      setBusy(false);
      field.current?.focus();
    }
  };
  const submit = (event) => {
    event.preventDefault();
    if (path.trim()) open(path.trim());
  };
  return html`
    <form class="open-form" onSubmit=${submit}>
      <label for=${id}>Folder on the machine that Lantern runs on</label>
      <div class="row">
        <input id=${id} class="field" ref=${field} autofocus value=${path} placeholder="~/src/project" autocomplete="off"
          autocapitalize="off" spellcheck="false" aria-describedby=${`${id}-help`} onInput=${(event) => setPath(event.target.value)} />
        <${Button} kind="primary" type="submit" disabled=${isBusy || !path.trim()}>${isBusy ? "Opening …" : "Open"}<//>
      </div>
      <p id=${`${id}-help`} class="muted">Its files are read and indexed here; nothing leaves this machine. Ignored files and
        secrets are left out.</p>
      ${error && html`<${ErrorNote} error=${error} />`}
    </form>
    <${Recent} open=${open} isBusy=${isBusy} />`;
}

function Recent({ open, isBusy }) {
  const indexed = new Set(codebases.value.map((one) => one.root));
  if (!recent.value.length) return null;
  return html`
    <h3>Opened before</h3>
    <ul class="list entries">${recent.value.map((root) => html`
      <li key=${root} class="entry"><div class="entry-line">
        <button type="button" class="entry-main" disabled=${isBusy} onClick=${() => open(root)}>
          <span class="entry-title">${basename(root)}</span>
          <span class="entry-meta">${visible(root)}${indexed.has(root) ? "" : " · not indexed any more"}</span>
        </button>
        <div class="entry-actions"><${IconButton} icon="close" label=${`Remove ${visible(root)} from this list`}
          onClick=${() => forgetRecent(root)} /></div>
      </div></li>`)}</ul>`;
}
