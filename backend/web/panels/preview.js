// The prompt that the question would send, and its pieces of code: keep one in every prompt, or leave it out.
import { html, useEffect, useState } from "../vendor/vendor.js";
import { post } from "../lib/api.js";
import { inOrder, place, plural, visible } from "../lib/format.js";
import { codebase, conversation, draft, excludes, model, pins, session } from "../lib/store.js";
import { isPinned, toggleExclude, togglePin } from "../chat/sources.js";
import { Button, Empty, ErrorNote, copyText } from "../lib/ui.js";
import { Excerpt } from "./excerpt.js";

const TYPING_MS = 500;

export function Preview() {
  const question = draft.value;
  const { preview, error, isBusy, reload } = usePreview(question);
  return html`
    <div class="preview">
      <label for="preview-question">Question</label>
      <textarea id="preview-question" class="field" rows="2" value=${question}
        onInput=${(event) => (draft.value = event.target.value)}></textarea>
      ${!question.trim() && html`<${Empty} title="No question yet">
        <p>Write one, and see which code would go with it to the model. Nothing is sent.</p><//>`}
      ${error && html`<${ErrorNote} error=${error} onRetry=${reload} />`}
      <${LeftOut} />
      ${question.trim() && preview && html`<${Result} preview=${preview} isBusy=${isBusy} />`}
      ${question.trim() && !preview && !error && html`<p class="muted" role="status">Reading …</p>`}
    </div>`;
}

/** The answer of `POST /chat/preview`; it is asked again when the question, the pins or what is left out change. */
function usePreview(question) {
  const [found, setFound] = useState({ preview: null, error: null });
  const [isBusy, setBusy] = useState(false);
  const [round, setRound] = useState(0);
  useEffect(() => {
    if (!question.trim()) return undefined;
    const controller = new AbortController();
    const load = async () => {
      setBusy(true);
      try {
        setFound({ preview: await post("/chat/preview", body(question), { signal: controller.signal }), error: null });
      } catch (error) {
        if (error.name !== "AbortError") setFound({ preview: null, error });
      }
      setBusy(false);
    };
    const timer = setTimeout(load, found.preview ? TYPING_MS : 0);
    return () => {
      clearTimeout(timer);
      controller.abort();
    };
  }, [question, pins.value, excludes.value, codebase.value, model.value, round]);
  return { ...found, isBusy, reload: () => setRound(round + 1) };
}

function body(query) {
  return {
    query,
    session_id: session.value,
    conversation_id: conversation.value,
    codebase: codebase.value,
    model: model.value || null,
    context: pins.value.map(({ path, range, text }) => ({ path, range, text })),
    exclude: excludes.value,
  };
}

function Result({ preview, isBusy }) {
  return html`
    <p class="muted" role="status">${isBusy ? "Reading …" : `${plural(preview.tokens, "token")} for ${visible(preview.model_name)}, `
      + `with ${plural(preview.snippets.length, "piece")} of code`}</p>
    <h3>Code in the prompt</h3>
    <ol class="list pieces">${preview.snippets.map((piece) => html`<${Piece} key=${key(piece)} piece=${piece} />`)}</ol>
    ${preview.snippets.length === 0 && html`<p class="muted">No code goes with this question.</p>`}
    <div class="section-head"><h3>The whole prompt</h3>
      <${Button} kind="quiet" icon="copy" onClick=${(event) => copyText(preview.prompt, event.currentTarget)}>Copy<//></div>
    <pre class="prompt-text" tabindex="0" aria-label="The whole prompt">${inOrder(preview.prompt)}</pre>`;
}

const key = ({ path, start, end }) => `${path}:${start}-${end}`;

function Piece({ piece }) {
  const [start, end] = [piece.start, piece.end];
  const isKept = isPinned(piece);
  const where = place(piece.path, start, end);
  const leaveOut = () => {
    if (isKept) togglePin(piece);
    toggleExclude(piece);
  };
  return html`
    <li><details class="piece">
      <summary><span class="badge">${piece.n}</span> <span class="mono piece-place">${where}</span></summary>
      <${Excerpt} path=${piece.path} start=${piece.start} end=${piece.end} text=${piece.text} /></details>
      <div class="toolbar">
        <${Button} kind="quiet" icon="pin" onClick=${() => togglePin(piece)}
          aria-label=${`${isKept ? "Unpin" : "Pin"} ${where}`}>${isKept ? "Unpin" : "Pin"}<//>
        <${Button} kind="quiet" icon="minus" onClick=${leaveOut} aria-label=${`Leave out ${where}`}>Leave out<//>
      </div></li>`;
}

/** What is left out; each can come back. */
function LeftOut() {
  if (!excludes.value.length) return null;
  return html`
    <div class="left-out"><span class="muted">Left out:</span>
      ${excludes.value.map((item) => {
        const where = place(item.path, item.range?.[0], item.range?.[1]);
        return html`<${Button} key=${where} kind="quiet" icon="plus" aria-label=${`Take ${where} back`}
          onClick=${() => toggleExclude({ path: item.path, start: item.range?.[0], end: item.range?.[1] })}>${where}<//>`;
      })}
    </div>`;
}
