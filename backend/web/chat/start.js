// What is shown before the first question: what to ask, or what is missing.
import { html, useEffect, useState } from "../vendor/vendor.js";
import { get, post } from "../lib/api.js";
import { basename, count, duration } from "../lib/format.js";
import * as store from "../lib/store.js";
import { Button, ErrorNote, Progress } from "../lib/ui.js";
import { ask, loadCodebases } from "./actions.js";

const EXAMPLES = ["What is this project about?", "Where does the program start?", "How are errors handled?"];
const POLL_MS = 400;

/** Indexes a folder and shows how far it is. */
function OpenFolder() {
  const [path, setPath] = useState("");
  const [job, setJob] = useState(null);
  const [error, setError] = useState(null);
  const isRunning = job && ["running", "queued", "waiting"].includes(job.state);
  useEffect(() => {
    if (!isRunning) return undefined;
    const timer = setTimeout(() => get(`/index/jobs/${encodeURIComponent(job.job_id)}`).then(setJob, setError), POLL_MS);
    return () => clearTimeout(timer);
  }, [job]);
  useEffect(() => {
    if (job?.state === "done") loadCodebases();
    else if (job && !isRunning) setError(job.error ?? new Error(`Indexing ended: ${job.state}.`));
  }, [job?.state]);
  const begin = (event) => {
    event.preventDefault();
    setError(null);
    post("/index", { path: path.trim() }).then(setJob, setError);
  };
  const rate = job?.files_per_s ? `, ${count(job.files_per_s)} files/s` : "";
  const rest = job?.eta_s ? `, about ${duration(job.eta_s * 1000)} left` : "";
  return html`
    <form class="stack open-folder" onSubmit=${begin}>
      <label for="folder">Folder of a codebase on this machine</label>
      <div class="row"><input id="folder" class="field grow" placeholder="/home/me/project" spellcheck="false" autocomplete="off"
        value=${path} onInput=${(event) => setPath(event.target.value)} />
        <${Button} kind="primary" type="submit" disabled=${!path.trim() || isRunning}>Open<//></div>
      ${isRunning && html`<${Progress} value=${job.total ? job.done / job.total : null}
        label=${`Indexing ${count(job.done)} of ${count(job.total)} files${rate}${rest}`} />`}
      ${error && html`<${ErrorNote} error=${error} />`}
    </form>`;
}

function NoModel() {
  const answering = store.models.value.find((one) => (store.model.value ? one.id === store.model.value : one.default));
  if (answering && answering.id !== "extractive" && ["missing", "damaged"].includes(answering.state)) {
    return html`<div class="note"><p>The model ${answering.id} is ${answering.state}. Choose another, or download it.</p>
      <${Button} onClick=${() => store.openPanel("models")}>Models<//></div>`;
  }
  if (answering?.id !== "extractive") return null;
  return html`<div class="note info"><p>No model answers: answers quote the code. A model explains it.</p>
    <${Button} onClick=${() => store.openPanel("models")}>Models<//></div>`;
}

export function Start() {
  const base = store.currentCodebase.value;
  if (store.server.value === null) {
    const { state, reason } = store.connection.value;
    return html`<div class="start"><p class="muted">${state === "connecting" ? "Connecting to Lantern …" : reason ??
      "Lantern does not answer. Start it with `lantern serve`; this page connects by itself."}</p></div>`;
  }
  if (!base) {
    return html`<div class="start"><h1>Nothing is indexed yet</h1>
      <p class="muted">Lantern reads a codebase once, in seconds, and then answers questions about it.</p><${OpenFolder} /></div>`;
  }
  return html`
    <div class="start">
      <h1>Ask about ${basename(base.root)}</h1>
      <p class="muted">${count(base.files)} files are indexed. Answers come with the lines of code they rest on.</p>
      <${NoModel} />
      <ul class="list examples">${EXAMPLES.map((text) => html`
        <li key=${text}><button type="button" class="example" onClick=${() => ask(text)}>${text}</button></li>`)}</ul>
    </div>`;
}
