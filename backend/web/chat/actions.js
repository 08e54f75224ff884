// What a user can do: ask, stop, open conversations, choose codebase and model. Ties the socket to the store.
import { batch, effect } from "../vendor/vendor.js";
import { get } from "../lib/api.js";
import { visible } from "../lib/format.js";
import { onAlt } from "../lib/keys.js";
import { LanternSocket } from "../lib/socket.js";
import * as store from "../lib/store.js";
import { checkCitations, histories, loadHistory } from "./history.js";
import { modelRemark } from "./remarks.js";
import { pendingTurn, turns } from "./turns.js";

const PLACE = "lantern.place"; // session and conversation of this tab
const unsent = new Map(); // turn id -> parameters of its prompt, until the server has accepted it
const stopped = new Map(); // turn id -> session, of what was stopped while the connection was lost
const lastCodebase = store.preference("codebase", "");
let socket = null;
let isOpening = false; // a session, for a question

const newId = () => Array.from(crypto.getRandomValues(new Uint8Array(16)), (byte) => byte.toString(16).padStart(2, "0")).join("");

/** Connects, and keeps the store up to date until the answered function is called. */
export function start() {
  store.connection.value = { state: "connecting" };
  for (const session of turns.bySession.keys()) turns.reset(session); // a new socket reads their logs from the beginning
  socket = new LanternSocket(store.token.value, {
    onEvent, onReset, onReplay, onReady, onConnected, onGone,
    onState: (state) => {
      if (state.code === 4401) store.signOut("The server does not accept this tab's token any more.");
      else store.connection.value = state;
    },
  });
  onAlt("n", newConversation);
  reopenLast();
  const stopShowing = effect(showTurns);
  const stopNaming = effect(() => {
    const first = store.turns.value[0]?.value.question;
    document.title = first ? `${visible(first).slice(0, 60)} – Lantern` : "Lantern";
  });
  const stopKeeping = effect(() => {
    const place = { session: store.session.value, conversation: store.conversation.value, codebase: store.codebase.value };
    store.keep("sessionStorage", PLACE, place);
  });
  loadModels();
  addEventListener("focus", onReturn);
  return () => {
    removeEventListener("focus", onReturn);
    for (const end of [stopShowing, stopKeeping, stopNaming]) end();
    socket.close();
  };
}

/** Back from an editor, where files may have changed. */
function onReturn() {
  loadCodebases();
  const isAway = ({ code }) => ["unreachable", "not_found"].includes(code);
  checkCitations().catch((failure) => isAway(failure) || store.toast("The citations could not be checked again.", "error"));
}

function showTurns() {
  turns.version.value;
  const { session, conversation } = { session: store.session.value, conversation: store.conversation.value };
  store.turns.value = turns.in(session, conversation, histories.get(conversation));
}

function onReady(server) {
  store.server.value = server;
  takeCodebases(server.codebases);
}

function onConnected() {
  for (const params of unsent.values()) send(params);
  for (const [turn, session] of [...stopped]) cancel(session, turn);
  loadCodebases();
}

function onEvent(event) {
  if (event.type === "accepted") {
    unsent.delete(event.turn);
    const isOpen = store.turns.peek().some((turn) => turn.peek().id === event.turn);
    batch(() => {
      turns.apply(event);
      if (isOpen && event.session === store.session.peek()) store.conversation.value = event.conversation;
    });
  } else turns.apply(event);
  const isCut = event.type === "end" && !turns.of(event.session).has(event.turn); // the log has lost its beginning
  if (isCut) loadOpenHistory(event.session);
  if (event.type === "accepted" || event.type === "end") store.conversationsChanged.value += 1;
  if (event.type === "closing") store.connection.value = { state: "lost", reason: "Lantern is stopping …" };
}

function onReset(session) {
  if (session === store.session.peek()) histories.delete(store.conversation.peek());
  turns.reset(session);
}

async function onReplay(session, head) {
  await received(session, head);
  loadOpenHistory(session);
}

function loadOpenHistory(session) {
  const conversation = store.conversation.peek();
  if (session === store.session.peek() && conversation) loadHistory(session, conversation).catch(store.toastError);
}

function onGone(session) {
  if (session !== store.session.peek()) return;
  newConversation();
  store.session.value = null;
}

/** Shows a conversation: {conversation_id, session_id, workspace?}, and chooses the codebase that it is about. */
export async function openConversation({ conversation_id: conversation, session_id: session, workspace }) {
  const about = store.codebases.value.find((one) => workspace && one.root === workspace);
  batch(() => {
    if (about) store.codebase.value = about.id;
    store.session.value = session;
    store.conversation.value = conversation;
    store.remarks.value = [];
    store.isSidebarOpen.value = false;
    store.closePanel();
  });
  try {
    await whenOpen();
    const opened = await socket.open({ session });
    await received(session, opened.head);
    await loadHistory(session, conversation);
  } catch (failure) {
    if (store.conversation.peek() !== conversation) return; // another one was opened meanwhile
    if (failure.code === "not_found") {
      store.toast("This conversation is not there any more.", "error");
      newConversation();
      store.session.value = null;
    } else store.toastError(failure);
  }
}

export function newConversation() {
  const session = store.session.peek();
  batch(() => {
    // What was refused belongs to no conversation: it does not begin the next one.
    for (const turn of turns.in(session, null)) if (turn.peek().end) turns.drop(session, turn.peek().id);
    store.conversation.value = null;
    store.remarks.value = [];
    store.isSidebarOpen.value = false;
    store.closePanel();
  });
  requestAnimationFrame(() => document.getElementById("composer")?.focus());
}

/** Opens what this tab showed before it was loaded again. */
function reopenLast() {
  const place = store.kept("sessionStorage", PLACE);
  if (place?.codebase) store.codebase.value = place.codebase;
  if (place?.session && place.conversation) openConversation({ session_id: place.session, conversation_id: place.conversation });
}

/** Resolves once the socket can send requests; waits for the server if it is gone. */
export function whenOpen() {
  return new Promise((resolve) => {
    const stop = store.connection.subscribe(({ state }) => {
      if (state !== "open") return;
      queueMicrotask(() => stop());
      resolve();
    });
  });
}

/** Resolves once the events of a session up to `head` are here. */
async function received(session, head) {
  for (let tries = 0; tries < 400 && (socket.sessions.get(session)?.seq ?? head) < head; tries += 1) {
    await new Promise((resolve) => setTimeout(resolve, 25));
  }
}

/**
 * Asks a question; answers whether it is on its way. `replaces`: the id of the last turn that is shown, which is asked
 * again or edited.
 */
export async function ask(text, { replaces = null } = {}) {
  const session = store.session.value ?? (await newSession());
  if (session === null) return false;
  const conversation = store.conversation.value;
  const id = newId();
  const context = store.pins.value.map(({ path, range, text: content }) => ({ path, range, text: content }));
  const params = {
    session, turn: id, text, context, exclude: store.excludes.value, conversation, replaces: takePlace(session, replaces),
    model: store.model.value || null,
  };
  store.pins.value = store.pins.value.filter((one) => !one.once);
  const asked = { id, session, conversation, question: text, replaces: params.replaces, context };
  turns.add(pendingTurn({ ...asked, codebase: store.codebase.value }));
  unsent.set(id, params);
  send(params);
  return true;
}

/** What the server replaces for a turn: one that it refused goes, and stands for the one that it was to replace. */
function takePlace(session, id) {
  const turn = turns.of(session).get(id)?.peek();
  if (!turn?.end?.refused) return id;
  turns.drop(session, id);
  return turn.replaces;
}

async function newSession() {
  if (isOpening) return null; // a second click
  isOpening = true;
  try {
    await whenOpen();
    const opened = await socket.open({ workspace: store.currentCodebase.value?.root });
    store.session.value = opened.session;
    return opened.session;
  } catch (failure) {
    store.toastError(failure);
    return null;
  } finally {
    isOpening = false;
  }
}

/** Sends a prompt; a lost connection sends it again under the same turn id, which is one generation. */
async function send(params) {
  try {
    await socket.request("session/prompt", params);
    unsent.delete(params.turn);
  } catch (failure) {
    if (failure.code === "unreachable") return; // sent again once connected
    unsent.delete(params.turn);
    turns.apply({ type: "end", session: params.session, turn: params.turn, reason: "error", refused: true,
      error: { code: failure.code, message: failure.message } });
  }
}

/** Stops the running answer of the open conversation; without a connection, as soon as there is one. */
export function stop() {
  for (const turn of store.turns.value) {
    const { id, session, end } = turn.peek();
    if (!end) cancel(session, id);
  }
}

async function cancel(session, turn) {
  stopped.delete(turn);
  try {
    await socket.request("session/cancel", { session, turn });
  } catch (failure) {
    if (failure.code !== "unreachable") return store.toastError(failure);
    stopped.set(turn, session);
    // The server may have it already: then it is stopped there, too.
    if (unsent.delete(turn)) turns.apply({ type: "end", session, turn, reason: "cancelled", refused: true });
  }
  return undefined;
}

/** Reads the code and the prompt ahead while the user types. */
export function prefetch(text) {
  if (store.session.value && text.trim().length > 8) {
    socket.request("session/prefetch", { session: store.session.value, text }).catch(() => {});
  }
}

function takeCodebases(list) {
  store.codebases.value = list;
  const has = (id) => list.some((one) => one.id === id);
  if (!has(store.codebase.peek())) askAbout(has(lastCodebase.peek()) ? lastCodebase.peek() : list.at(-1)?.id ?? null);
}

export async function loadCodebases() {
  takeCodebases((await get("/codebases").catch(() => ({ codebases: store.codebases.value }))).codebases);
}

export async function loadModels() {
  store.models.value = (await get("/models").catch(() => ({ models: store.models.value }))).models;
}

/** Asks another codebase from here on; the conversation goes on. */
export function chooseCodebase(id) {
  lastCodebase.value = id;
  return askAbout(id);
}

async function askAbout(id) {
  store.codebase.value = id;
  const root = store.currentCodebase.value?.root;
  if (!store.session.value || !root) return;
  try {
    await socket.open({ session: store.session.value, workspace: root });
  } catch (failure) {
    if (failure.code !== "unreachable") return store.toastError(failure);
  }
  if (store.turns.value.length) store.remark(`From here on the questions are about ${visible(root)}.`);
  return undefined;
}

/** Chooses the model of the next answers ("": the server's choice), and says so in a conversation that has begun. */
export function chooseModel(name) {
  if (name === store.model.value) return;
  store.model.value = name;
  const own = store.models.value.find((one) => one.default)?.id ?? null;
  if (store.turns.value.length) store.remark(modelRemark(name), name || own);
}
