// REST calls with the token of this tab. Knows no page.
import { token, signOut } from "./store.js";

/** An error that the server answered, or that it did not answer at all (`code` is then "unreachable"). */
export class ApiError extends Error {
  constructor(code, message, status) {
    super(message);
    Object.assign(this, { code, status });
  }
}

/**
 * One call; answers the JSON. `path` is below the page's own, which a proxy may have moved; `body` is sent as JSON. Throws
 * `ApiError`, or the `AbortError` of the signal, also while the answer is read. A refused token signs this tab out, if the
 * tab still has it.
 */
export async function call(method, path, body, { signal } = {}) {
  const headers = { "Content-Type": "application/json" };
  const sent = token.value;
  if (sent) headers.Authorization = `Bearer ${sent}`;
  let response;
  let payload = null; // of an answer that is not JSON: it comes from another program
  try {
    const content = body === undefined ? (method === "GET" || method === "DELETE" ? undefined : "{}") : JSON.stringify(body);
    response = await fetch(`.${path}`, { method, headers, body: content, signal, cache: "no-store" });
    payload = await response.json();
  } catch (failure) {
    if (failure.name === "AbortError") throw failure;
    const isRead = failure.name === "SyntaxError";
    if (!isRead) throw new ApiError("unreachable", "Lantern does not answer. Start it with `lantern serve`.", 0);
  }
  if (response.ok && payload) return payload;
  const { code = "internal", message = `The server answers ${response.status} without JSON.` } = payload?.error ?? {};
  const isRefused = response.status === 401 && sent && sent === token.value && path !== "/signin";
  if (isRefused) signOut("The server does not accept this tab's token any more.");
  throw new ApiError(code, message, response.status);
}

export const get = (path, options) => call("GET", path, undefined, options);
export const post = (path, body, options) => call("POST", path, body, options);
export const patch = (path, body) => call("PATCH", path, body);
export const remove = (path) => call("DELETE", path);

/** Lines `start`..`end` of a file of a codebase. */
export const getLines = (codebase, path, start, end, options) =>
  get(address(`/codebases/${encodeURIComponent(codebase)}/file`, { path, start, end }), options);

/** `/path?a=1&b=2` without the parameters that are null or "". */
export function address(path, parameters = {}) {
  const given = Object.entries(parameters).filter(([, value]) => value !== null && value !== undefined && value !== "");
  const query = new URLSearchParams(given.map(([name, value]) => [name, String(value)]));
  return given.length ? `${path}?${query}` : path;
}
