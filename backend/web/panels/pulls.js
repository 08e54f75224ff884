// Downloads of models: started, paused, followed. Knows no elements.
import { signal } from "../vendor/vendor.js";
import { get, post, remove } from "../lib/api.js";
import { toast } from "../lib/store.js";
import { loadModels } from "../chat/actions.js";
import { pullLine } from "./wording.js";

/** The downloads that the server knows, by model. */
export const pulls = signal({});

export const isPulling = () => Object.values(pulls.value).some((pull) => pull.state === "running");

const put = (pull) => (pulls.value = { ...pulls.value, [pull.name]: pull });
const path = (name) => `/models/${encodeURIComponent(name)}/pull`;

/** Asks the server how far its downloads are; the list of models loads again when one has ended. */
export async function loadPulls() {
  const before = pulls.value;
  const { pulls: list } = await get("/models/pulls");
  pulls.value = Object.fromEntries(list.map((pull) => [pull.name, pull]));
  const ended = list.filter((pull) => before[pull.name]?.state === "running" && pull.state !== "running");
  if (ended.length) await loadModels();
  for (const pull of ended) {
    if (pull.state === "done") toast(`${pull.name} is downloaded.`);
    if (pull.state === "failed") toast(`${pull.name}: ${pullLine(pull)}`, "error");
  }
}

/** Starts a download, or goes on with one. */
export async function startPull(name) {
  put(await post(path(name), {}));
}

/** Pauses a download; what is here is kept. */
export async function pausePull(name) {
  await remove(path(name));
  await loadPulls();
}
