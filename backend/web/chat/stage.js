// What an unfinished answer waits for, in words. Pure.
import { count, duration, plural } from "../lib/format.js";

const rest = (eta) => (eta ? `, about ${duration(Math.max(1, Math.round(eta / 1000)) * 1000)} left` : "");

/** {words, value}: a sentence, and the share that is done (null: not known). */
export function stageWords(turn, connection) {
  if (connection !== "open") {
    return { words: "The connection is lost. The answer goes on as soon as it is back.", value: null };
  }
  if (turn.isPending) return { words: "Sending the question …", value: null };
  const { stage, done, total, eta_ms: eta } = turn.stage ?? {};
  const value = total ? Math.min(1, done / total) : null;
  if (stage === "queued") {
    return { words: total ? `Waiting for ${plural(total, "other answer")}${rest(eta)} …` : "Waiting for its turn …", value: null };
  }
  if (stage === "retrieving") return { words: "Searching the codebase …", value: null };
  if (stage === "loading") {
    const share = value === null ? "" : `: ${Math.round(value * 100)} %`;
    return { words: `Loading the model${share}${rest(eta)} …`, value };
  }
  if (stage === "prefill") {
    return { words: total ? `Reading ${count(done)} of ${count(total)} tokens${rest(eta)} …` : "Reading …", value };
  }
  if (stage === "indexing") return { words: `Indexing${total ? ` ${count(done)} of ${plural(total, "file")}` : ""}${rest(eta)} …`, value };
  return { words: stage === "generating" ? "Writing …" : "Starting …", value: null };
}

/** The stage without numbers, for a screen reader. */
export const stageForReader = (turn, connection) => stageWords(turn, connection).words.replace(/[:,]? ?\d.*$/, "");

/** What answers without a model, in words. */
export const NO_MODEL = { extractive: "quoted from the code, without a model", structure: "exact, from the index" };

/** How an answer came about: the model, its time and its tokens. */
export function summary({ model, ms = {}, usage = {}, grounding }) {
  const parts = [];
  if (model) parts.push(NO_MODEL[model] ?? model);
  const total = ["index", "queue", "retrieve", "prefill", "read", "generate"].reduce((sum, name) => sum + (ms[name] ?? 0), 0);
  if (total) parts.push(duration(total));
  if (usage.completion && !NO_MODEL[model]) parts.push(plural(usage.completion, "token"));
  if (grounding !== undefined && grounding !== null) parts.push(`${Math.round(grounding * 100)} % of the sentences rest on the sources`);
  return parts.join(" · ");
}
