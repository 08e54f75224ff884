// REST calls with the token of this tab. Knows no page.
import { token, signOut } from "./store.js";

/** An error that the server answered, or that it did not answer at all (`code` is then "unreachable"). */
export class ApiError extends Error {
  constructor(code, message, status) {
    super(message);
    Object.assign(this, { code, status });
  }
}

/** One call; answers the JSON. `body` is sent as JSON. Throws `ApiError`; a refused token signs this tab out. */
export async function call(method, path, body, { signal } = {}) {
  const headers = { "Content-Type": "application/json" };
  if (token.value) headers.Authorization = `Bearer ${token.value}`;
  let response;
  try {
    const content = body === undefined ? (method === "GET" || method === "DELETE" ? undefined : "{}") : JSON.stringify(body);
    response = await fetch(path, { method, headers, body: content, signal, cache: "no-store" });
  } catch (failure) {
    if (failure.name === "AbortError") throw failure;
    throw new ApiError("unreachable", "Lantern does not answer. Start it with `lantern serve`.", 0);
  }
  const payload = await response.json().catch(() => null);
  if (response.ok) return payload;
  const { code = "internal", message = `${response.status} ${response.statusText}` } = payload?.error ?? {};
  if (response.status === 401 && path !== "/signin") signOut("The server does not accept this tab's token any more.");
  throw new ApiError(code, message, response.status);
}

export const get = (path, options) => call("GET", path, undefined, options);
export const post = (path, body, options) => call("POST", path, body, options);
export const patch = (path, body) => call("PATCH", path, body);
export const remove = (path) => call("DELETE", path);

/** `/path?a=1&b=2` without the parameters that are null or "". */
export function address(path, parameters = {}) {
  const given = Object.entries(parameters).filter(([, value]) => value !== null && value !== undefined && value !== "");
  const query = new URLSearchParams(given.map(([name, value]) => [name, String(value)]));
  return given.length ? `${path}?${query}` : path;
}
