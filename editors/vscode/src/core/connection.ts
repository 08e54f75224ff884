// A connection that outlives its sockets: reconnects, resumes sessions, and loses no event of a running turn.
// Knows the protocol `lantern.v1`, not where the server comes from and not the editor.

import { randomUUID } from "node:crypto";
import { setTimeout as sleep } from "node:timers/promises";

import { Problem, ServerError, serverProblem } from "./errors";
import type { Endpoint, Log } from "./server";
import { ConnectionLost, RpcSocket } from "./socket";
import type { EndEvent, Prompt, ServerFacts, TurnEvent } from "./wire";

export type Listener = (event: TurnEvent) => void;

const BACKOFF_MS = [0, 100, 200, 500, 1_000, 2_000];
const RUNNING_MS = 60_000; // how long a running answer waits for its server: longer than a restart
const NEW_MS = 3_000; // and a question that was not accepted yet

interface Session {
  workspace: string; // the folder that the server has of it; empty: not known here
  seq: number; // the last event that was received
  opened?: RpcSocket; // the socket on which it is open
}

interface Turn {
  prompt: Prompt;
  workspace: string; // the folder that is asked about
  listener: Listener;
  isAccepted: boolean;
  mustCancel: boolean; // the server has not been asked to stop it yet
  finish(end: EndEvent): void;
  fail(error: Error): void;
}

export class Connection {
  private socket: RpcSocket | undefined;
  private opening: Promise<RpcSocket> | undefined;
  private resuming: Promise<void> | undefined;
  private readonly sessions = new Map<string, Session>();
  private readonly turns = new Map<string, Turn>();
  private isDisposed = false;

  /** `locate` finds the server, or starts one; `onChange` is called when a socket opens or closes. */
  constructor(
    private readonly locate: () => Promise<Endpoint>,
    private readonly log: Log,
    private readonly onChange: () => void = () => {},
  ) {}

  get isOpen(): boolean {
    return this.socket?.isOpen === true;
  }

  /** The result of one method. Raises `Problem`, `ServerError`, or `ConnectionLost` if the socket ends meanwhile. */
  async call<T>(method: string, params: object): Promise<T> {
    return (await this.connected()).call<T>(method, params);
  }

  facts(version = "0"): Promise<ServerFacts> {
    return this.call<ServerFacts>("initialize", { client: { name: "lantern-vscode", version } });
  }

  /** A new session over the codebase that contains `workspace`. */
  async openSession(workspace: string): Promise<string> {
    const socket = await this.connected();
    const { session, head } = await socket.call<{ session: string; head: number }>(
      "session/open",
      workspace ? { workspace } : {},
    );
    this.sessions.set(session, { workspace, seq: head, opened: socket });
    return session;
  }

  /** Lets the server read ahead what is typed so far. Failures do not matter: nothing of it is visible. */
  async prefetch(session: string, text: string): Promise<void> {
    if (!this.socket?.isOpen || this.sessions.get(session)?.opened !== this.socket) return;
    await this.socket.call("session/prefetch", { session, text }).catch(() => undefined);
  }

  /**
   * Asks one question; the listener gets its events, each once and in order, through lost connections and restarts of
   * the server. Resolves with the `end` event. Raises `Problem` or `ServerError` if the question is not accepted.
   * From this question on the session is about `workspace`.
   */
  ask(prompt: Omit<Prompt, "turn">, listener: Listener, signal?: AbortSignal, workspace = ""): Promise<EndEvent> {
    const turn = randomUUID();
    return new Promise<EndEvent>((resolve, reject) => {
      const settle = (action: () => void) => {
        if (this.turns.delete(turn)) action();
      };
      const state: Turn = {
        prompt: { ...prompt, turn },
        workspace,
        listener,
        isAccepted: false,
        mustCancel: false,
        finish: (end) => settle(() => resolve(end)),
        fail: (error) => settle(() => reject(error)),
      };
      this.turns.set(turn, state);
      signal?.addEventListener("abort", () => this.cancel(state), { once: true });
      if (signal?.aborted) this.cancel(state);
      else this.resume();
    });
  }

  private cancel(turn: Turn): void {
    const { session, turn: id } = turn.prompt;
    turn.mustCancel = !(turn.isAccepted && this.socket?.isOpen);
    if (!turn.mustCancel)
      this.socket?.call("session/cancel", { session, turn: id }).catch(() => (turn.mustCancel = true));
    else if (!turn.isAccepted) turn.finish({ type: "end", session, turn: id, reason: "cancelled" });
  }

  dispose(): void {
    this.isDisposed = true;
    for (const turn of [...this.turns.values()]) turn.fail(new Problem("dead", "The extension was stopped."));
    this.disconnect();
  }

  /** Closes the socket; the next call opens another one. */
  disconnect(): void {
    this.socket?.close();
    this.socket = undefined;
  }

  private async connected(): Promise<RpcSocket> {
    if (this.isDisposed) throw new Problem("dead", "The extension was stopped.");
    if (this.socket?.isOpen) return this.socket;
    this.opening ??= this.open().finally(() => (this.opening = undefined));
    return this.opening;
  }

  private async open(): Promise<RpcSocket> {
    const endpoint = await this.locate();
    const socket = await RpcSocket.open(
      endpoint,
      (event) => this.receive(event),
      (reason) => this.closed(reason),
    );
    this.log(`connected to ${endpoint.url}`);
    this.socket = socket;
    this.onChange();
    return socket;
  }

  private closed(reason: Error): void {
    this.log(reason.message);
    this.socket = undefined;
    this.onChange();
    if (this.turns.size > 0 && !this.isDisposed) this.resume();
  }

  private receive(event: TurnEvent): void {
    const session = this.sessions.get(event.session);
    if (session && event.seq !== undefined) {
      if (event.seq <= session.seq) return; // shown before the connection was lost
      session.seq = event.seq;
    }
    const turn = this.turns.get(event.turn);
    if (!turn) return;
    turn.isAccepted = true;
    turn.listener(event);
    if (event.type === "end") turn.finish(event);
  }

  /** Brings all running turns onto an open socket, again and again until it works or the time is over. */
  private resume(): void {
    this.resuming ??= this.tryResume().finally(() => {
      this.resuming = undefined;
      const isMissing = (turn: Turn) =>
        this.sessions.get(turn.prompt.session)?.opened !== this.socket || !turn.isAccepted;
      if ([...this.turns.values()].some(isMissing) && !this.isDisposed) this.resume(); // asked, or lost, meanwhile
    });
  }

  private async tryResume(): Promise<void> {
    const isRunning = [...this.turns.values()].some((turn) => turn.isAccepted);
    const deadline = Date.now() + (isRunning ? RUNNING_MS : NEW_MS);
    for (let attempt = 0; this.turns.size > 0; attempt++) {
      try {
        await sleep(BACKOFF_MS[Math.min(attempt, BACKOFF_MS.length - 1)]);
        const socket = await this.connected();
        for (const turn of [...this.turns.values()]) await this.place(turn, socket);
        return;
      } catch (error) {
        const isWorthwhile = error instanceof ConnectionLost || (error instanceof Problem && error.kind === "dead");
        if (!isWorthwhile || this.isDisposed || Date.now() > deadline) {
          const problem =
            error instanceof ConnectionLost ? new Problem("dead", "The server cannot be reached.") : error;
          for (const turn of [...this.turns.values()]) turn.fail(problem as Error);
          return;
        }
      }
    }
  }

  /** Opens the session of a turn on this socket, and sends the question if the server has not confirmed it. */
  private async place(turn: Turn, socket: RpcSocket): Promise<void> {
    const { session: id, turn: turnId } = turn.prompt;
    try {
      await this.reopen(id, socket, turn.workspace);
      if (!turn.isAccepted) {
        await socket.call("session/prompt", turn.prompt); // the same turn twice is one generation
        turn.isAccepted = true;
      }
      if (turn.mustCancel) await socket.call("session/cancel", { session: id, turn: turnId });
    } catch (error) {
      if (!(error instanceof ServerError)) throw error;
      if (error.code !== "replay_gone") return turn.fail(error);
      this.sessions.delete(id); // the next question goes on from the end of what the server has
      turn.fail(serverProblem(error.code, "The server lost this answer: ask again."));
    }
  }

  private async reopen(id: string, socket: RpcSocket, workspace: string): Promise<void> {
    const session = this.sessions.get(id);
    const isAbout = !workspace || session?.workspace === workspace;
    if (session?.opened === socket && isAbout) return;
    const params = { session: id, ...(session && { after: session.seq }), ...(!isAbout && { workspace }) };
    const { head } = await socket.call<{ head: number }>("session/open", params);
    if (session) Object.assign(session, { opened: socket, workspace: workspace || session.workspace });
    else this.sessions.set(id, { workspace, seq: head, opened: socket });
  }
}
