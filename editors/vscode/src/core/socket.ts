// One WebSocket with JSON-RPC calls on it. Knows frames; sessions and resuming are in `connection`.

import { Problem, ServerError } from "./errors";
import type { Endpoint } from "./server";
import { PROTOCOL, type TurnEvent } from "./wire";

/** The connection ended while it was needed. It is worth another try. */
export class ConnectionLost extends Error {
  constructor(readonly closeCode: number) {
    super(`the connection to the server was lost (${closeCode})`);
    this.name = "ConnectionLost";
  }
}

const CALL_MS = 60_000; // a reply only says that a request was accepted
const OPEN_MS = 10_000;
const CLOSE_PROBLEMS: Record<number, Problem> = {
  4400: new Problem("protocol", "The server speaks another version of the protocol: update Lantern or the extension."),
  4401: new Problem("unauthorized", "The server does not accept the token of its data folder: restart the server."),
};

interface Pending {
  resolve(result: unknown): void;
  reject(error: Error): void;
  timer: NodeJS.Timeout;
}

export class RpcSocket {
  private readonly pending = new Map<number, Pending>();
  private nextId = 1;
  private lost: Error | undefined;

  private constructor(
    private readonly socket: WebSocket,
    private readonly onEvent: (event: TurnEvent) => void,
    private readonly onClose: (reason: Error) => void,
  ) {
    socket.addEventListener("message", (message) => this.receive(String(message.data)));
    socket.addEventListener("close", (event) => this.end(event.code));
  }

  /** Opens a connection. Raises `Problem` if the server refuses it, `ConnectionLost` if it cannot be reached. */
  static async open(
    endpoint: Endpoint,
    onEvent: (event: TurnEvent) => void,
    onClose: (reason: Error) => void,
  ): Promise<RpcSocket> {
    const url = `${endpoint.url.replace(/^http/, "ws")}/v1/ws`;
    const socket = new WebSocket(url, [PROTOCOL, `token.${endpoint.token}`]);
    await new Promise<void>((resolve, reject) => {
      const timer = setTimeout(() => {
        reject(new ConnectionLost(1006));
        socket.close();
      }, OPEN_MS);
      const settle = (action: () => void) => {
        clearTimeout(timer);
        action();
      };
      socket.addEventListener("open", () => settle(resolve), { once: true });
      socket.addEventListener("close", (event) => settle(() => reject(new ConnectionLost(event.code))), {
        once: true,
      });
      socket.addEventListener("error", () => settle(() => reject(new ConnectionLost(1006))), { once: true });
    });
    const opened = new RpcSocket(socket, onEvent, onClose);
    try {
      await opened.call("ping", {}, OPEN_MS); // a server accepts a socket before it refuses it with a close code
    } catch (error) {
      socket.close();
      throw error;
    }
    return opened;
  }

  get isOpen(): boolean {
    return this.lost === undefined;
  }

  /** The result of a method. Raises `ServerError` with the server's words. */
  call<T>(method: string, params: object, limitMs = CALL_MS): Promise<T> {
    if (this.lost) return Promise.reject(this.lost);
    const id = this.nextId++;
    return new Promise<T>((resolve, reject) => {
      const timer = setTimeout(() => {
        this.pending.delete(id);
        reject(new Problem("dead", `The server did not answer \`${method}\` within ${limitMs / 1000} s.`));
        this.close(); // the next call opens another one
      }, limitMs);
      this.pending.set(id, { resolve: resolve as (result: unknown) => void, reject, timer });
      this.socket.send(JSON.stringify({ jsonrpc: "2.0", id, method, params }));
    });
  }

  close(): void {
    this.socket.close();
    this.end(1000);
  }

  private receive(text: string): void {
    const frame = JSON.parse(text) as {
      id?: number;
      result?: unknown;
      error?: { message: string; data?: { code?: string } };
      method?: string;
      params?: TurnEvent;
    };
    if (frame.method === "event" && frame.params) return this.onEvent(frame.params);
    const pending = frame.id === undefined ? undefined : this.pending.get(frame.id);
    if (!pending || frame.id === undefined) return;
    this.pending.delete(frame.id);
    clearTimeout(pending.timer);
    if (frame.error) pending.reject(new ServerError(frame.error.data?.code ?? "internal", frame.error.message));
    else pending.resolve(frame.result);
  }

  private end(code: number): void {
    if (this.lost) return;
    this.lost = CLOSE_PROBLEMS[code] ?? new ConnectionLost(code);
    for (const { reject, timer } of this.pending.values()) {
      clearTimeout(timer);
      reject(this.lost);
    }
    this.pending.clear();
    this.onClose(this.lost);
  }
}
