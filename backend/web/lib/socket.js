// The socket of this page: requests with answers, and the events of opened sessions, each exactly once and in order.
// Reconnects by itself and resumes every session after its last event. Knows no page.
import { byteLength } from "./format.js";

const FIRST_PAUSE_MS = 250;
const LONGEST_PAUSE_MS = 5000;
const PING_MS = 20000;
const ANSWER_MS = 15000;
const FRAME_BYTES = 1 << 20; // the server closes the connection at a longer one, and would at each new try
const FINAL = { 4400: "This server speaks another protocol: reload the page.", 4401: "unauthorized" };

/** An error of a request; `code` is "unreachable" where the connection was lost before the answer. */
export class RequestError extends Error {
  constructor({ message, data = {} }) {
    super(message);
    Object.assign(this, { code: data.code ?? "internal", retryable: Boolean(data.retryable) });
  }
}

/**
 * `onEvent(event)`: each stored event once, and each status. `onState({state, reason?})`: connecting, open, lost, refused.
 * `onReady(initialize result)`: after each connect, before sessions are resumed. `onReset(session)`: its log begins anew or
 * has lost events; what was received of it is void, and the events of its log follow from the first one it still has.
 * `onConnected()`: sessions are resumed.
 */
export class LanternSocket {
  constructor(token, handlers) {
    Object.assign(this, { token, handlers, sessions: new Map(), pending: new Map(), nextId: 1, pauseMs: FIRST_PAUSE_MS });
    this.onWake = () => !document.hidden && this.timer && this.connect();
    addEventListener("online", this.onWake);
    document.addEventListener("visibilitychange", this.onWake);
    this.connect();
  }

  close() {
    this.isClosed = true;
    removeEventListener("online", this.onWake);
    document.removeEventListener("visibilitychange", this.onWake);
    clearTimeout(this.timer);
    clearInterval(this.heart);
    this.socket?.close();
  }

  connect() {
    clearTimeout(this.timer);
    this.timer = null;
    const address = new URL("v1/ws", location.href).href.replace(/^http/, "ws");
    const socket = new WebSocket(address, ["lantern.v1", `token.${this.token}`]);
    this.socket = socket;
    socket.onmessage = ({ data }) => socket === this.socket && this.receive(JSON.parse(data));
    const late = setTimeout(() => this.drop(socket), ANSWER_MS); // who accepts it need not be Lantern, nor awake
    socket.onopen = () => this.resume(socket, late).catch(() => socket.close());
    socket.onclose = ({ code }) => socket === this.socket && this.lost(code);
  }

  /** Sends a request; rejects with `RequestError`. */
  request(method, params = {}) {
    if (this.socket?.readyState !== WebSocket.OPEN) {
      return Promise.reject(new RequestError({ message: "The connection is lost.", data: { code: "unreachable" } }));
    }
    const id = (this.nextId += 1);
    const frame = JSON.stringify({ jsonrpc: "2.0", id, method, params });
    if (byteLength(frame) > FRAME_BYTES) {
      const message = "The question and what is attached to it are longer than 1 MiB: attach less.";
      return Promise.reject(new RequestError({ message, data: { code: "context_too_large" } }));
    }
    return new Promise((resolve, reject) => {
      this.pending.set(id, { resolve, reject });
      this.socket.send(frame);
    });
  }

  /**
   * Opens a new session, or follows one from its first event. Answers {session, head, epoch}. Its `workspace` is told to the
   * server once there is a connection, if there is none.
   */
  async open(params) {
    if (!params.session) {
      const opened = await this.request("session/open", params);
      this.sessions.set(opened.session, { seq: opened.head, epoch: opened.epoch });
      return opened;
    }
    if (!this.sessions.has(params.session)) this.sessions.set(params.session, { seq: 0, epoch: null });
    if (params.workspace) this.sessions.get(params.session).workspace = params.workspace;
    return this.follow(params.session);
  }

  /** Follows a session after its last received event; where those events are gone, from the first that there is. */
  async follow(session) {
    const place = this.sessions.get(session);
    const isRestored = place.epoch && this.epoch && place.epoch !== this.epoch;
    if (isRestored) this.reset(session, place, 0);
    try {
      return await this.replay(session, place, { after: place.seq }, isRestored);
    } catch (failure) {
      if (failure.code !== "replay_gone") throw failure;
      const first = Number(/holds (\d+)\.\./.exec(failure.message)?.[1] ?? 0);
      this.reset(session, place, Math.max(0, first - 1));
      return this.replay(session, place, first ? { after: place.seq } : {}, true);
    }
  }

  async replay(session, place, params, isAnew) {
    const { workspace } = place; // that the server has not been told
    const opened = await this.request("session/open", { ...params, session, workspace });
    if (place.workspace === workspace) place.workspace = undefined;
    if (params.after === undefined) place.seq = opened.head;
    place.epoch = opened.epoch;
    if (isAnew) this.handlers.onReplay(session, opened.head);
    return opened;
  }

  reset(session, place, seq) {
    place.seq = seq;
    this.handlers.onReset(session);
  }

  async resume(socket, late) {
    const server = await this.request("initialize", { client: { name: "lantern-web", version: "1" } });
    clearTimeout(late);
    if (socket !== this.socket) return;
    clearInterval(this.heart);
    this.heart = setInterval(() => this.ping(socket), PING_MS);
    this.epoch = server.epoch;
    this.handlers.onReady(server);
    for (const session of this.sessions.keys()) {
      await this.follow(session).catch((failure) => {
        if (failure.code === "unreachable") throw failure;
        this.sessions.delete(session); // it is not there any more
        this.handlers.onGone?.(session);
      });
    }
    if (socket !== this.socket) return;
    this.pauseMs = FIRST_PAUSE_MS;
    this.handlers.onState({ state: "open" });
    this.handlers.onConnected();
  }

  ping(socket) {
    const late = setTimeout(() => this.drop(socket), ANSWER_MS);
    this.request("ping").catch(() => {}).finally(() => clearTimeout(late));
  }

  /** Gives up a socket on which no answer comes. Its `close` comes late: a browser waits a minute for the other side's. */
  drop(socket) {
    if (socket !== this.socket) return;
    this.socket = null;
    socket.close();
    this.lost(1006);
  }

  lost(code) {
    clearInterval(this.heart);
    for (const { reject } of this.pending.values()) {
      reject(new RequestError({ message: "The connection is lost.", data: { code: "unreachable" } }));
    }
    this.pending.clear();
    if (this.isClosed) return;
    if (FINAL[code]) return this.handlers.onState({ state: "refused", code, reason: FINAL[code] });
    this.handlers.onState({ state: "lost" });
    const pause = code === 4429 ? LONGEST_PAUSE_MS : this.pauseMs * (0.75 + Math.random() / 2);
    this.pauseMs = Math.min(LONGEST_PAUSE_MS, this.pauseMs * 1.6);
    this.timer = setTimeout(() => this.connect(), pause);
  }

  receive({ id, result, error, params }) {
    if (id !== undefined && id !== null) {
      const request = this.pending.get(id);
      this.pending.delete(id);
      if (error) request?.reject(new RequestError(error));
      else request?.resolve(result);
      return;
    }
    if (!params) return;
    const place = this.sessions.get(params.session);
    if (!place) return;
    if (params.seq !== undefined) {
      if (params.seq <= place.seq) return; // received before
      if (params.seq !== place.seq + 1) { // a gap: this never happens; ask for what is missing
        place.asking ??= this.follow(params.session).catch(() => this.socket?.close()).finally(() => (place.asking = null));
        return;
      }
      place.seq = params.seq;
    }
    this.handlers.onEvent(params);
  }
}
