// Index jobs that the page shows: started here, or found running. Knows no elements.
import { signal } from "../vendor/vendor.js";
import { address, get, post } from "../lib/api.js";
import { preference, toast, toastError } from "../lib/store.js";
import { loadCodebases } from "../chat/actions.js";
import { isActive, jobLine } from "./wording.js";

const PAUSE_MS = 400;
const RECENT = 8;
const WORTH_SHOWING = 25; // files: a saved file is a job, too, and over before one could read of it

const lastDone = new Map(); // codebase -> the last job that has ended

/** The jobs that are shown, by codebase. */
export const jobs = signal({});
/** Folders that were opened in this browser, last one first. */
export const recent = preference("recent", []);

export const remember = (root) => (recent.value = [root, ...recent.value.filter((one) => one !== root)].slice(0, RECENT));
export const forgetRecent = (root) => (recent.value = recent.value.filter((one) => one !== root));

/** Indexes the folder at `path`, follows the job, and answers its first state. Throws `ApiError`. */
export async function startIndex(path) {
  const job = await post("/index", { path });
  remember(job.root);
  follow(job, true);
  await loadCodebases();
  return job;
}

/** Shows the jobs of a codebase that something else has started: the command line, a change of many files. */
export async function findJobs(codebase) {
  const { jobs: found } = await get(address("/index/jobs", { codebase }));
  const last = found.findLast((job) => !isActive(job))?.job_id;
  if (lastDone.has(codebase) && lastDone.get(codebase) !== last) await loadCodebases(); // its files are others now
  lastDone.set(codebase, last);
  const active = found.find((job) => isActive(job) && (job.total === 0 || job.total >= WORTH_SHOWING));
  if (active && !jobs.value[codebase]) follow(active, false);
}

async function follow(first, isOwn) {
  let job = first;
  const show = (state) => (jobs.value = { ...jobs.value, [first.codebase]: state });
  try {
    while (isActive(job)) {
      show(job);
      await new Promise((resolve) => setTimeout(resolve, PAUSE_MS));
      job = await get(`/index/jobs/${encodeURIComponent(job.job_id)}`);
    }
    if (isOwn) toast(jobLine(job), job.state === "failed" ? "error" : "info");
  } catch (failure) {
    if (isOwn) toastError(failure);
  }
  const { [first.codebase]: _, ...rest } = jobs.value;
  jobs.value = rest;
  await loadCodebases().catch(toastError);
}
