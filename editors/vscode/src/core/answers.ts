// Folds the events of a turn into what is shown of it, and says in words what it waits for. Knows no editor.

import { toProblem, serverProblem, ACTIONS, type Problem } from "./errors";
import type { EndEvent, Source, StatusEvent, TurnEvent } from "./wire";
import type { ViewSource, ViewTurn } from "../../webview/messages";

const STAGES: Record<string, string> = {
  queued: "Waits for an earlier question",
  retrieving: "Searches the codebase",
  loading: "Loads the model",
  prefill: "Reads the code",
  generating: "Writes",
  indexing: "Brings the index up to date",
};
const SIGNALS = 3; // that are named for a source

/** What a status event says, for a person. */
export function statusWords(event: StatusEvent): string {
  const counts = event.total
    ? ` ${event.done ?? 0} of ${event.total}${event.stage === "prefill" ? " tokens" : ""}`
    : "";
  const eta = event.eta_ms === undefined ? "" : `, about ${Math.max(1, Math.round(event.eta_ms / 1000))} s left`;
  return `${STAGES[event.stage] ?? event.stage}${counts}${eta} …`;
}

export function newTurn(id: string, question: string, attached: string[] = []): ViewTurn {
  return {
    id,
    question,
    attached,
    text: "",
    sources: [],
    citations: [],
    status: "Sends the question …",
    notice: "",
    problem: "",
    footer: "",
  };
}

/** The turn after an event. */
export function withEvent(turn: ViewTurn, event: TurnEvent): ViewTurn {
  switch (event.type) {
    case "accepted":
      return turn;
    case "sources":
      return { ...turn, sources: event.items.map(viewSource) };
    case "delta":
      return { ...turn, text: turn.text + event.text, status: "" };
    case "cite": {
      const { n, start, end, status } = event;
      return { ...turn, citations: [...turn.citations, { n, start, end, status }] };
    }
    case "status": {
      const isWriting = turn.text !== "" && event.stage === "generating";
      return { ...turn, status: isWriting ? "" : statusWords(event) };
    }
    case "end":
      return withEnd(turn, event);
    default:
      return turn; // of a newer server
  }
}

function withEnd(turn: ViewTurn, end: EndEvent): ViewTurn {
  const notice = end.notice && !turn.text.includes(end.notice) ? end.notice : "";
  const ended = { ...turn, status: "", notice, footer: endWords(end) };
  return end.error ? withProblem(ended, serverProblem(end.error.code, end.error.message)) : ended;
}

/** The turn after a failure. */
export function withProblem(turn: ViewTurn, failure: unknown): ViewTurn {
  const problem: Problem = toProblem(failure);
  return { ...turn, status: "", problem: problem.message, action: ACTIONS[problem.kind] };
}

/** How an answer ended: the model, the time, and the share of it that rests on the sources. */
export function endWords(end: EndEvent): string {
  const words = [end.model === "extractive" ? "quoted from the code, without a model" : (end.model ?? "")];
  const ms = Object.values(end.ms ?? {}).reduce((sum, value) => sum + value, 0);
  if (ms) words.push(`${(ms / 1000).toFixed(1)} s`);
  if (end.reason === "cancelled") words.push("stopped");
  if (end.reason === "length") words.push("ends at its token limit");
  if (end.grounding !== undefined) words.push(`${Math.round(end.grounding * 100)} % rests on the sources`);
  return words.filter(Boolean).join(" · ") || "ended";
}

function viewSource(source: Source): ViewSource {
  const why = Object.entries(source.why ?? {})
    .filter(([, score]) => score > 0)
    .sort(([, a], [, b]) => b - a)
    .slice(0, SIGNALS)
    .map(([signal]) => signal)
    .join(", ");
  const { n, path, start, end, symbol, fresh } = source;
  return { n, path, start, end, symbol: symbol ?? "", fresh, why };
}

/** Questions that may follow an answer. */
export function followUps(sources: Source[]): string[] {
  const symbol = sources.find((source) => source.symbol)?.symbol;
  return symbol ? [`Who calls \`${symbol}\`?`, `Which tests cover \`${symbol}\`?`, "Explain that in more detail."] : [];
}
