// The dialog of the models: which one answers, what each needs, loading and downloading.
import { html, useState } from "../vendor/vendor.js";
import { get, post } from "../lib/api.js";
import { bytes, visible } from "../lib/format.js";
import { model, models, toastError } from "../lib/store.js";
import { Button, ErrorNote, Progress } from "../lib/ui.js";
import { chooseModel, loadModels } from "../chat/actions.js";
import { Confirm } from "./confirm.js";
import { usePolling } from "./polling.js";
import { isPulling, loadPulls, pausePull, pulls, startPull } from "./pulls.js";
import { isVirtual, modelFacts, modelState, pullLine, share } from "./wording.js";

const BUSY_MS = 700;
const CALM_MS = 4000;
const LARGE = 2; // a model that takes more than the half of the free memory is a large one
const COMMAND = /`lantern models pull ([^`]+)`/g; // here it is a button

export function Models() {
  const [device, setDevice] = useState(null);
  const [error, setError] = useState(null);
  const isBusy = isPulling() || models.value.some((one) => one.state === "loading");
  usePolling(async () => {
    await loadModels();
    try {
      await loadPulls();
      if (!device) setDevice(await get("/device"));
      setError(null);
    } catch (failure) {
      setError(failure);
    }
  }, isBusy ? BUSY_MS : CALM_MS);
  return html`
    ${device && html`<p class="note device">${device.words.replace(COMMAND, "$1")}.</p>`}
    ${error && html`<${ErrorNote} error=${error} />`}
    <${Choices} device=${device} />`;
}

function Choices({ device }) {
  const own = models.value.find((one) => one.default)?.id ?? "";
  const chosen = model.value || own;
  return html`
    <ul class="list models">
      ${models.value.map((one) => html`<${Model} key=${one.id} entry=${one} isChosen=${one.id === chosen} device=${device} />`)}
    </ul>`;
}

function Model({ entry, isChosen, device }) {
  const [question, setQuestion] = useState(""); // pull or use: what waits for an answer
  const pull = pulls.value[entry.id];
  const use = () => {
    setQuestion("");
    chooseModel(entry.default ? "" : entry.id);
    if (entry.state === "installed" && !isVirtual(entry)) load(entry.id);
  };
  const onUse = () => (isLarge(entry, device) && entry.state === "installed" ? setQuestion("use") : use());
  return html`
    <li class=${isChosen ? "model chosen" : "model"} aria-current=${isChosen ? "true" : undefined}>
      <div class="model-words">
        <h3><span class="model-name">${visible(entry.id)}</span>
          ${isChosen && html`<span class="badge chosen">In use</span>`}
          ${!isVirtual(entry) && html`<span class=${`badge state-${entry.state}`}>
            ${pull?.state === "running" ? "Downloading" : modelState(entry.state)}</span>`}
          ${entry.default && html`<span class="badge">Server’s own</span>`}</h3>
        ${entry.expectation && html`<p>${entry.expectation}</p>`}
        ${entry.problem && html`<p class="problem">${visible(entry.problem)}</p>`}
        ${modelFacts(entry) && html`<p class="muted small">${modelFacts(entry)}</p>`}
        <${Transfer} pull=${pull} />
      </div>
      <${Actions} entry=${entry} pull=${pull} isChosen=${isChosen} onUse=${onUse} onPull=${() => setQuestion("pull")} />
      ${question === "use" && html`<${Confirm} kind="primary" yes="Use it" onYes=${use} onNo=${() => setQuestion("")}
        question=${`${entry.id} takes ${bytes(entry.memory_bytes)} of the ${bytes(device.available_bytes)} of memory that are free. Load it?`}>
        <p class="muted">${entry.expectation}</p><//>`}
      ${question === "pull" && html`<${Licence} entry=${entry} onDone=${() => setQuestion("")} />`}
    </li>`;
}

const isLarge = (entry, device) => Boolean(device?.available_bytes) && entry.memory_bytes * LARGE > device.available_bytes;

function Transfer({ pull }) {
  if (!pull || pull.state === "done") return null;
  const value = share(pull.done_bytes, pull.total_bytes);
  if (pull.state === "failed") return html`<p class="note error" role="alert">${pullLine(pull)}</p>`;
  return html`<${Progress} label=${pullLine(pull)} value=${value} />`;
}

/** What one agrees to by a download, before it starts. */
function Licence({ entry, onDone }) {
  const begin = () => {
    onDone();
    startPull(entry.id).catch(toastError);
  };
  const licence = entry.licence || "unknown: look at its publisher's page first";
  return html`
    <${Confirm} question=${`Download ${entry.id}?`} yes="Download" kind="primary" onYes=${begin} onNo=${onDone}>
      <dl class="facts">
        <dt>Licence</dt><dd>${licence}</dd>
        <dt>Download</dt><dd>${bytes(entry.size_bytes)}</dd>
        ${entry.memory_bytes && html`<dt>Memory</dt><dd>${bytes(entry.memory_bytes)} while it is loaded</dd>`}
        ${entry.expectation && html`<dt>Here</dt><dd>${entry.expectation}</dd>`}
      </dl>
    <//>`;
}

function Actions({ entry, pull, isChosen, onUse, onPull }) {
  const button = (words, onClick, kind = "plain") => html`
    <${Button} kind=${kind} onClick=${onClick} aria-label=${`${words} ${entry.id}`}>${words}<//>`;
  const go = (work) => () => work(entry.id).catch(toastError);
  const isHere = entry.state !== "missing" && entry.state !== "damaged";
  if (!isHere && pull?.state === "running") return button("Pause", go(pausePull));
  if (!isHere && (pull?.state === "paused" || pull?.state === "failed")) return button("Resume", go(startPull));
  if (!isHere) return button("Download", onPull);
  if (!isChosen) return button("Use", onUse);
  return entry.state === "installed" && !isVirtual(entry) ? button("Load", () => load(entry.id)) : null;
}

/** Loads a model in the background; the list shows how far it is. */
async function load(name) {
  try {
    await post(`/models/${encodeURIComponent(name)}/load`, {});
  } catch (failure) {
    toastError(failure);
  }
  await loadModels();
}
