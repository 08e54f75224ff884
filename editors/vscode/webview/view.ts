// The view's own script: shows the conversation, sends questions. All it knows comes in messages of the extension.

import { AnswerRenderer, button, element } from "./dom.js";
import type { FromView, ToView, ViewAction, ViewState, ViewTurn } from "./messages.js";

interface Host {
  postMessage(message: FromView): void;
  getState(): { draft?: string } | undefined;
  setState(state: { draft: string }): void;
}
declare function acquireVsCodeApi(): Host;

const TYPING_MS = 300;
const CHARS_A_MS = 200; // an answer that grows waits this long between two drawings: 5 ms at 1,000 characters
const MOST_PAUSE_MS = 200;
const host = acquireVsCodeApi();
const byId = (id: string) => document.getElementById(id) as HTMLElement;
const log = byId("log");
const empty = byId("empty");
const announcer = byId("announcer");
const banner = byId("banner");
const summary = byId("summary");
const input = byId("question") as HTMLTextAreaElement;
const askButton = byId("ask") as HTMLButtonElement;
const stopButton = byId("stop") as HTMLButtonElement;

const turns = new Map<string, ViewTurn>();
const dirty = new Set<string>();
let typing: ReturnType<typeof setTimeout> | undefined;

const openOf = (turn: string) => (path: string, start: number, end: number) =>
  host.postMessage({ type: "open", turn, path, start, end });
const copy = (text: string) => host.postMessage({ type: "copy", text });

function receive(message: ToView): void {
  switch (message.type) {
    case "turns":
      turns.clear();
      log.replaceChildren(empty);
      for (const turn of message.turns) put(turn);
      draw();
      break;
    case "turn":
      put(message.turn);
      break;
    case "delta": {
      const turn = turns.get(message.id);
      if (turn) put({ ...turn, text: turn.text + message.text, status: "" });
      break;
    }
    case "state":
      showState(message.state);
      break;
    case "focus":
      input.focus();
  }
}

/** Remembers a turn; it is drawn with a later frame, however many deltas come before: a long one less often. */
function put(turn: ViewTurn): void {
  turns.set(turn.id, turn);
  const pause = Math.min(MOST_PAUSE_MS, turn.text.length / CHARS_A_MS);
  if (dirty.size === 0) setTimeout(() => requestAnimationFrame(draw), pause);
  dirty.add(turn.id);
}

function draw(): void {
  const isAtEnd = log.scrollHeight - log.scrollTop - log.clientHeight < 40;
  for (const id of dirty) {
    const turn = turns.get(id);
    const before = document.getElementById(`turn-${id}`);
    if (!turn) before?.remove();
    else if (before) before.replaceWith(drawn(turn));
    else log.append(drawn(turn));
  }
  dirty.clear();
  const isRunning = [...turns.values()].some(isOpen);
  stopButton.hidden = !isRunning;
  askButton.hidden = isRunning;
  empty.hidden = turns.size > 0;
  announcer.textContent = announcement([...turns.values()].at(-1));
  if (isAtEnd) log.scrollTop = log.scrollHeight;
}

/** What a screen reader says of the last turn: what it waits for and its end, never the tokens. A problem is an alert. */
function announcement(turn: ViewTurn | undefined): string {
  if (!turn || turn.problem) return "";
  if (turn.footer) return "The answer has ended.";
  return turn.status.replace(/,? \d.*$/, "") || "Writes …";
}

const isOpen = (turn: ViewTurn) => !turn.footer && !turn.problem;

function drawn(turn: ViewTurn): HTMLElement {
  const made = element("article", "turn");
  made.id = `turn-${turn.id}`;
  made.append(element("div", "question", turn.question));
  if (turn.attached.length) made.append(element("div", "attached", `With ${turn.attached.join(", ")}`));
  const answer = element("div", "answer", ...new AnswerRenderer(turn, openOf(turn.id), copy).render());
  made.append(answer);
  if (turn.status) made.append(element("div", "status", turn.status));
  if (turn.notice) made.append(element("div", "notice", turn.notice));
  if (turn.problem) made.append(problem(turn.problem, turn.action));
  if (turn.sources.length) made.append(sourceList(turn));
  if (turn.footer) {
    const footer = element("div", "footer", turn.footer);
    if (turn.text) footer.append(button("Copy answer", "link", () => copy(turn.text)));
    made.append(footer);
  }
  return made;
}

function sourceList(turn: ViewTurn): HTMLElement {
  const list = element("ol", "sources");
  list.setAttribute("aria-label", "Sources");
  const open = openOf(turn.id);
  for (const source of turn.sources) {
    const place = `${source.path}:${source.start}-${source.end}`;
    const link = button(
      `[${source.n}] ${place}`,
      "place",
      () => open(source.path, source.start, source.end),
      `Open ${place}`,
    );
    const item = element("li", "", link);
    if (source.symbol) item.append(element("span", "symbol", source.symbol));
    if (!source.fresh) item.append(element("span", "mark stale", "changed since it was indexed"));
    if (source.why) item.append(element("span", "why", `found by ${source.why}`));
    list.append(item);
  }
  return list;
}

function problem(words: string, action: ViewAction | undefined): HTMLElement {
  const made = element("div", "problem", element("span", "", words));
  made.setAttribute("role", "alert");
  if (action)
    made.append(button(action.label, "", () => host.postMessage({ type: "command", command: action.command })));
  return made;
}

function showState(state: ViewState): void {
  summary.textContent = state.summary;
  banner.replaceChildren();
  banner.hidden = !state.words;
  if (state.words) banner.append(problem(state.words, state.action));
  banner.className = state.isProblem ? "is-problem" : "";
}

function send(): void {
  const text = input.value.trim();
  if (!text || askButton.hidden) return;
  clearTimeout(typing);
  input.value = "";
  host.setState({ draft: "" });
  resize();
  log.scrollTop = log.scrollHeight;
  host.postMessage({ type: "ask", text });
}

function resize(): void {
  input.rows = Math.min(8, Math.max(2, input.value.split("\n").length));
}

input.addEventListener("input", () => {
  host.setState({ draft: input.value });
  resize();
  clearTimeout(typing);
  const text = input.value.trim();
  if (text) typing = setTimeout(() => host.postMessage({ type: "typing", text }), TYPING_MS);
});
input.addEventListener("keydown", (event) => {
  if (event.isComposing) return;
  if (event.key === "Enter" && !event.shiftKey) {
    event.preventDefault();
    send();
  } else if (event.key === "Escape") host.postMessage({ type: "stop" });
});
askButton.addEventListener("click", send);
stopButton.addEventListener("click", () => host.postMessage({ type: "stop" }));
byId("new").addEventListener("click", () => host.postMessage({ type: "new" }));
window.addEventListener("message", (event) => receive(event.data as ToView));

input.value = host.getState()?.draft ?? "";
resize();
host.postMessage({ type: "ready" });
