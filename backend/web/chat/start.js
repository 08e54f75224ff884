// What is shown before the first question: what to ask, or what is missing.
import { html } from "../vendor/vendor.js";
import { basename, plural } from "../lib/format.js";
import * as store from "../lib/store.js";
import { jobs } from "../panels/jobs.js";
import { OpenCodebase } from "../panels/open.js";
import { jobLine, share } from "../panels/wording.js";
import { Button, Progress } from "../lib/ui.js";
import { ask } from "./actions.js";

const EXAMPLES = ["What is this project about?", "Where does the program start?", "How are errors handled?"];

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
      <p class="muted">Lantern reads a codebase once, in seconds, and then answers questions about it.</p><${OpenCodebase} id="folder" /></div>`;
  }
  const job = jobs.value[base.id];
  return html`
    <div class="start">
      <h1>Ask about ${basename(base.root)}</h1>
      ${job ? html`<${Progress} label=${jobLine(job)} value=${share(job.done, job.total)} />` : html`
        <p class="muted">${plural(base.files, "file is", "files are")} indexed. Answers come with the lines of code they rest on.</p>`}
      <${NoModel} />
      <ul class="list examples">${EXAMPLES.map((text) => html`
        <li key=${text}><button type="button" class="example" onClick=${() => ask(text)}>${text}</button></li>`)}</ul>
    </div>`;
}
