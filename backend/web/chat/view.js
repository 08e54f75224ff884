// The conversation: turns, the sources beside them, the composer. Follows the end of the text unless one has scrolled.
import { html, useEffect, useRef, useState } from "../vendor/vendor.js";
import { plural } from "../lib/format.js";
import { onAlt } from "../lib/keys.js";
import * as store from "../lib/store.js";
import { Button } from "../lib/ui.js";
import { stop } from "./actions.js";
import { Turn } from "./answer.js";
import { Composer } from "./composer.js";
import { remarksOf } from "./remarks.js";
import { isPaneOpen, shown, Sources } from "./sources.js";
import { stageForReader } from "./stage.js";
import { Start } from "./start.js";

const NEAR_PX = 60;

/** Says what happens to a screen reader: stages and the end, never the tokens. */
function Announcer() {
  const turn = store.turns.value.at(-1)?.value;
  let words = "";
  if (turn && !turn.end) words = stageForReader(turn, store.connection.value.state);
  else if (turn?.end && !turn.end.error && !turn.end.fromHistory) { // an error is an alert
    const number = turn.text.split(/\s+/).filter(Boolean).length;
    words = turn.end.reason === "cancelled" ? "The answer is stopped." : `The answer has ended: ${plural(number, "word")}, ${plural(turn.sources.length, "source")}.`;
  }
  return html`<p class="visually-hidden" role="status" aria-live="polite">${words}</p>`;
}

/** Keeps the end in view while the content grows, as long as the reader is there. */
function useFollowing(frame, content) {
  const [isAtEnd, setAtEnd] = useState(true);
  const follows = useRef(true);
  const toEnd = () => frame.current?.scrollTo({ top: frame.current.scrollHeight });
  useEffect(() => {
    const box = frame.current;
    const watch = new ResizeObserver(() => follows.current && toEnd());
    watch.observe(content.current);
    watch.observe(box);
    let top = box.scrollTop;
    const onScroll = () => {
      // The text may have grown since the page scrolled itself: only a step back is the reader's.
      const isBack = box.scrollTop < top;
      top = box.scrollTop;
      if (box.scrollHeight - top - box.clientHeight < NEAR_PX) follows.current = true;
      else if (isBack) follows.current = false;
      setAtEnd(follows.current);
    };
    box.addEventListener("scroll", onScroll, { passive: true });
    return () => {
      watch.disconnect();
      box.removeEventListener("scroll", onScroll);
    };
  }, []);
  useEffect(() => {
    follows.current = true;
    toEnd();
  }, [store.turns.value.length, store.conversation.value]);
  return [isAtEnd, toEnd];
}

export function Chat() {
  const frame = useRef(null);
  const content = useRef(null);
  const [isAtEnd, toEnd] = useFollowing(frame, content);
  const turns = store.turns.value;
  useEffect(() => {
    onAlt("s", () => {
      isPaneOpen.value = true;
      requestAnimationFrame(() => document.getElementById("sources-title")?.focus());
    });
    const onKey = (event) => {
      if (event.key !== "Escape" || event.defaultPrevented || event.isComposing || document.querySelector("dialog[open]")) return;
      if (isPaneOpen.value && matchMedia("(max-width: 1100px)").matches) isPaneOpen.value = false;
      else if (store.isAnswering.value) stop();
    };
    document.addEventListener("keydown", onKey);
    return () => document.removeEventListener("keydown", onKey);
  }, []);
  const last = turns.at(-1)?.peek().id;
  useEffect(() => {
    shown.value = { turn: null, n: null, lines: null }; // the sources of a new answer
  }, [last]);
  const isRouted = store.models.value.some((one) => one.id === "auto" && (store.model.value ? one.id === store.model.value : one.default));
  const remarks = remarksOf(isRouted ? turns.map(() => ({})) : turns.map((turn) => turn.value), store.remarks.value);
  return html`
    <div class=${turns.length ? "chat" : "chat new"}>
      <div class="conversation">
        ${turns.length > 0 && html`<h1 class="visually-hidden">Conversation</h1>`}
        <div class="turns-frame" ref=${frame} tabindex=${turns.length ? 0 : -1} role="region" aria-label="Conversation">
          <div class="turns" ref=${content}>
            ${turns.length === 0 && html`<${Start} />`}
            ${turns.map((turn, index) => html`
              <${Turn} key=${turn.peek().id} turn=${turn} isLast=${index === turns.length - 1} />
              ${remarks[index + 1].map((text) => html`<p class="remark">${text}</p>`)}`)}
          </div>
        </div>
        <div class="composer-frame">
          ${!isAtEnd && html`<${Button} kind="plain small to-end" icon="down" onClick=${toEnd}>To the end<//>`}
          <${Composer} />
        </div>
      </div>
      <${Sources} />
      <${Announcer} />
    </div>`;
}
