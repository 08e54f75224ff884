// Where the question is written: text, what goes with it, send and stop.
import { computed, html, signal, useEffect, useRef, useState } from "../vendor/vendor.js";
import { place, visible } from "../lib/format.js";
import * as store from "../lib/store.js";
import { Button, Dialog, Icon, IconButton } from "../lib/ui.js";
import { ask, prefetch, stop, whenOpen } from "./actions.js";
import { attachAgain, attachFiles, attachPasted, attachText, isDiff } from "./attach.js";

/** The id of the turn whose question was taken to be edited, or null. */
const editing = signal(null);
/** The same while that is the last turn of what is shown: only the last one can be replaced. */
const edited = computed(() => (store.turns.value.at(-1)?.peek().id === editing.value ? editing.value : null));
const MOST = 32768; // characters of a question
const TYPING_PAUSE_MS = 500;
let isWaiting = false; // for a connection, with a question that begins a session

async function submit() {
  if (!store.draft.value.trim() || store.isAnswering.value || isWaiting) return undefined;
  if (!store.session.value && store.connection.value.state !== "open") {
    if (store.connection.value.state !== "connecting") store.toast("The question is sent as soon as Lantern answers.");
    isWaiting = true;
    await whenOpen();
    isWaiting = false;
    return submit(); // the question may have changed, or gone
  }
  const text = store.draft.value.trim();
  const replaces = edited.value;
  store.draft.value = "";
  editing.value = null;
  if (!(await ask(text, { replaces }))) {
    store.draft.value ||= text;
    editing.value = replaces;
  }
  return undefined;
}

function editLast() {
  const last = store.turns.value.at(-1)?.peek();
  if (last?.end) edit(last);
}

/** Puts the question of a turn into the composer, with what was attached to it. */
export function edit(turn) {
  editing.value = turn.id;
  store.draft.value = turn.question;
  attachAgain(turn.context);
  requestAnimationFrame(() => document.getElementById("composer")?.focus());
}

const Chip = ({ kind, icon, label, onRemove }) => html`
  <li class=${`chip ${kind}`}><${Icon} name=${icon} /><span class="ellipsis">${label}</span>
    <button type="button" aria-label=${`Remove ${label}`} onClick=${onRemove}><${Icon} name="close" /></button></li>`;

function Chips() {
  const { pins, excludes } = store;
  if (!pins.value.length && !excludes.value.length) return null;
  return html`
    <ul class="list chips" aria-label="What goes with the question">
      ${pins.value.map((one) => html`
        <${Chip} kind="with" icon=${one.once ? "attach" : "pin"} label=${visible(one.label ?? place(one.path, ...(one.range ?? [])))}
          onRemove=${() => (pins.value = pins.value.filter((other) => other !== one))} />`)}
      ${excludes.value.map((one) => html`
        <${Chip} kind="without" icon="minus" label=${`without ${place(one.path, ...(one.range ?? []))}`}
          onRemove=${() => (excludes.value = excludes.value.filter((other) => other !== one))} />`)}
    </ul>`;
}

/** A text to attach: a selection or a diff, under a name. */
function PasteDialog({ onClose }) {
  const [text, setText] = useState("");
  const [name, setName] = useState("");
  const add = (event) => {
    event.preventDefault();
    if (attachText(name.trim() || (isDiff(text) ? "pasted.diff" : "pasted.txt"), text)) onClose();
  };
  return html`
    <${Dialog} title="Attach a text" onClose=${onClose}>
      <form class="stack" onSubmit=${add}>
        <label class="stack">Code, a log, or the output of <code>git diff</code>
          <textarea class="field mono" rows="10" value=${text} onInput=${(event) => setText(event.target.value)}></textarea></label>
        <label class="stack">Path (optional, for example <code>src/app.py</code>)
          <input class="field" value=${name} onInput=${(event) => setName(event.target.value)} /></label>
        <div class="row"><${Button} kind="primary" type="submit">Attach<//><${Button} onClick=${onClose}>Cancel<//></div>
      </form>
    <//>`;
}

function useGrowing(element) {
  useEffect(() => {
    const { current } = element;
    current.style.height = "auto";
    current.style.height = `${Math.min(current.scrollHeight + 2, innerHeight * 0.4)}px`;
  }, [store.draft.value]);
}

export function Composer() {
  const field = useRef(null);
  const files = useRef(null);
  const typing = useRef(0);
  const [isPasting, setPasting] = useState(false);
  const [isOver, setOver] = useState(false);
  const isAnswering = store.isAnswering.value;
  useGrowing(field);
  const onInput = (event) => {
    store.draft.value = event.target.value;
    clearTimeout(typing.current);
    typing.current = setTimeout(() => prefetch(store.draft.value), TYPING_PAUSE_MS);
  };
  const onKeyDown = (event) => {
    if (event.isComposing) return;
    if (event.key === "Enter" && !event.shiftKey) {
      event.preventDefault();
      submit();
    } else if (event.key === "ArrowUp" && !store.draft.value && !isAnswering) {
      event.preventDefault();
      editLast();
    } else if (event.key === "Escape" && edited.value) {
      event.stopPropagation();
      editing.value = null;
      store.draft.value = "";
    }
  };
  const onPaste = (event) => {
    const room = MOST - store.draft.value.length;
    if (attachPasted(event.clipboardData.getData("text"), room)) event.preventDefault();
  };
  const onDrop = (event) => {
    event.preventDefault();
    setOver(false);
    attachFiles(event.dataTransfer.files);
  };
  return html`
    <form class=${isOver ? "composer over" : "composer"} onSubmit=${(event) => (event.preventDefault(), submit())}
      onDragOver=${(event) => (event.preventDefault(), setOver(true))} onDragLeave=${() => setOver(false)} onDrop=${onDrop}>
      ${edited.value && html`<p class="small composer-editing">Editing the last question; its answer is replaced.
        <${Button} kind="quiet small" onClick=${() => ((editing.value = null), (store.draft.value = ""))}>Cancel<//></p>`}
      <${Chips} />
      <label class="visually-hidden" for="composer">Question</label>
      <textarea id="composer" ref=${field} rows="1" dir="auto" maxlength=${MOST} value=${store.draft.value} enterkeyhint="send"
        placeholder=${store.turns.value.length ? "Ask a follow-up" : "Ask about the code"} onInput=${onInput} onKeyDown=${onKeyDown}
        onPaste=${onPaste}></textarea>
      <div class="row composer-foot">
        <input ref=${files} type="file" multiple hidden onChange=${(event) => (attachFiles(event.target.files), (event.target.value = ""))} />
        <${IconButton} icon="attach" label="Attach files" onClick=${() => files.current.click()} />
        <${IconButton} icon="paste" label="Attach a selection or a diff" onClick=${() => setPasting(true)} />
        <${IconButton} icon="eye" label="Show the prompt that would be sent" disabled=${!store.draft.value.trim()}
          onClick=${() => store.openPanel("preview")} />
        <span class="grow"></span>
        ${isAnswering
          ? html`<${Button} kind="plain" icon="stop" onClick=${stop}>Stop<//>`
          : html`<${Button} kind="primary" icon="send" type="submit" disabled=${!store.draft.value.trim()}>Ask<//>`}
      </div>
    </form>
    ${isPasting && html`<${PasteDialog} onClose=${() => setPasting(false)} />`}`;
}
