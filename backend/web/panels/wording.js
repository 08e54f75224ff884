// What the panels say about jobs, downloads and models: plain sentences from the server's numbers. Knows no page.
import { bytes, count, duration, plural } from "../lib/format.js";

const SECOND_MS = 1000;

export const isActive = (job) => job.state === "queued" || job.state === "running";

/** One line on an index job: how far, how fast, how long still. */
export function jobLine(job) {
  if (job.state === "done") return doneLine(job.report);
  if (!isActive(job)) return job.error?.message ?? "The job was stopped.";
  if (job.state === "queued") return "Waiting for another index job";
  if (!job.total) return "Looking for files";
  const parts = [`${count(job.done)} of ${plural(job.total, "file")}`];
  if (job.files_per_s) parts.push(`${count(job.files_per_s)} a second`);
  if (job.eta_s) parts.push(`${duration(job.eta_s * SECOND_MS)} left`);
  return parts.join(" · ");
}

function doneLine(report) {
  if (!report) return "Up to date.";
  const { files, changed, removed, skipped, seconds } = report;
  if (!files) return "No file of this folder can be indexed.";
  if (!changed && !removed) return `Up to date: nothing changed in ${plural(files, "file")}.`;
  const left = Object.values(skipped ?? {}).reduce((sum, one) => sum + one, 0);
  const tail = left ? `, ${count(left)} left out` : "";
  return `${plural(changed, "file")} read in ${duration(seconds * SECOND_MS)}${tail}.`;
}

/** The share of a job or a download that is done; null while the whole is unknown. */
export function share(done, total) {
  return total ? Math.min(1, done / total) : null;
}

/** One line on a download. */
export function pullLine(pull) {
  const part = `${bytes(pull.done_bytes)} of ${bytes(pull.total_bytes)}`;
  if (pull.state === "failed") return `Stopped: ${pull.error?.message ?? pull.error ?? "the source does not answer"}`;
  if (pull.state === "paused") return `Paused at ${part}`;
  if (pull.state === "done") return "Downloaded";
  if (!pull.total_bytes) return "Looking for the source";
  const parts = [part];
  if (pull.bytes_per_s) parts.push(`${bytes(pull.bytes_per_s)} a second`);
  if (pull.eta_s) parts.push(`${duration(pull.eta_s * SECOND_MS)} left`);
  return parts.join(" · ");
}

const MODEL_STATES = {
  loaded: "In memory",
  loading: "Loading",
  installed: "Installed",
  damaged: "Damaged file",
  missing: "Not installed",
};
export const modelState = (state) => MODEL_STATES[state] ?? state;

const VIRTUAL = ["extractive", "auto", "remote"];
/** Whether an engine has no file in the catalogue. */
export const isVirtual = (model) => VIRTUAL.includes(model.id);

/** The facts of a model in one line; unknown ones are left out. */
export function modelFacts(model) {
  const facts = [];
  if (model.size_bytes) facts.push(`${bytes(model.size_bytes)} on disk`);
  if (model.memory_bytes) facts.push(`${bytes(model.memory_bytes)} of memory`);
  if (model.licence) facts.push(model.licence);
  if (!isVirtual(model) && model.context) facts.push(`reads ${count(model.context)} tokens`);
  return facts.join(" · ");
}
