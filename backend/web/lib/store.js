// The state that the parts of the page share, as signals. Knows no server and no elements.
import { computed, signal } from "../vendor/vendor.js";
import { sentence } from "./format.js";

const TOKEN = "lantern.token"; // of this tab only, never in localStorage

/** What `keep` has put under a name of a storage ("localStorage", "sessionStorage"); null: nothing that can be read. */
export function kept(storage, name) {
  try {
    return JSON.parse(window[storage].getItem(name));
  } catch {
    return null;
  }
}

/** Keeps a value until the page is loaded again. A storage that is full, or forbidden by the browser, keeps none. */
export function keep(storage, name, value) {
  try {
    window[storage].setItem(name, JSON.stringify(value));
  } catch (failure) {
    console.info(`${name} is not remembered: ${failure.message}`);
  }
}

/** A signal that is remembered in this browser under `lantern.NAME`. For preferences, never for secrets. */
export function preference(name, otherwise) {
  const value = signal(kept("localStorage", `lantern.${name}`) ?? otherwise);
  value.subscribe((now) => keep("localStorage", `lantern.${name}`, now));
  return value;
}

/** The token; null when signed out. `signedOutBecause` is a sentence for the sign-in page, or "". */
export const token = signal(kept("sessionStorage", TOKEN));
export const signedOutBecause = signal("");

export function signIn(value) {
  keep("sessionStorage", TOKEN, value);
  signedOutBecause.value = "";
  token.value = value;
}

export function signOut(reason = "") {
  keep("sessionStorage", TOKEN, null);
  signedOutBecause.value = reason;
  token.value = null;
}

/** `state`: connecting, open, lost, refused; `reason`: its words, where there are other ones. */
export const connection = signal({ state: "connecting" });
/** What `initialize` answered, or null: `server`, `epoch`, `limits`. */
export const server = signal(null);

/** `GET /codebases` and the id of the one that is asked; null: none is indexed or chosen. */
export const codebases = signal([]);
export const codebase = signal(null);
export const currentCodebase = computed(() => codebases.value.find((one) => one.id === codebase.value) ?? null);

/** `GET /models`, and the chosen name ("": the server's own choice). */
export const models = signal([]);
export const model = preference("model", "");

/** The open session and conversation; `conversation` is null before the first question of a new one. */
export const session = signal(null);
export const conversation = signal(null);
/** The turns of the open conversation, oldest first; each is a signal (see chat/turns.js). */
export const turns = signal([]);
export const isAnswering = computed(() => turns.value.some((turn) => !turn.value.end));
/** Counts up whenever a question was stored or an answer ended: lists of conversations load themselves again. */
export const conversationsChanged = signal(0);

/** What goes with the next question: `context` items to send, and places to leave out. */
export const pins = signal([]); // {path, range?: [start, end], text?, label?}
export const excludes = signal([]); // {path, range?: [start, end]}
/** The text in the composer. */
export const draft = signal("");

/** The panel that is open beside or above the chat: {name, args} or null. */
export const panel = signal(null);
export const openPanel = (name, args = {}) => (panel.value = { name, args });
export const closePanel = () => (panel.value = null);
/** Whether the sidebar is shown on a narrow screen. */
export const isSidebarOpen = signal(false);

export const theme = preference("theme", "system"); // system, light, dark

/** Short messages at the lower edge: {id, text, kind: info/error}. */
export const toasts = signal([]);
let lastToast = 0;
export function toast(text, kind = "info") {
  const id = (lastToast += 1);
  toasts.value = [...toasts.value.slice(-2), { id, text, kind }];
  setTimeout(() => dismiss(id), kind === "error" ? 12000 : 5000);
}
export const dismiss = (id) => (toasts.value = toasts.value.filter((one) => one.id !== id));
/** Says an error of a call to the user. */
export const toastError = (failure) => toast(sentence(failure?.message ?? failure), "error");

/** Lines of the page's own in the conversation ("From here on phi3-mini answers"): {after: number of turns, text, model?}. */
export const remarks = signal([]);
export const remark = (text, model) => (remarks.value = [...remarks.value, { after: turns.value.length, text, model }]);
