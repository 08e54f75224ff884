// A server of WebSockets for tests: just enough of RFC 6455 for small text frames, and a script for each method.

import { createHash } from "node:crypto";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import type { Duplex } from "node:stream";

const GUID = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"; // of the handshake, RFC 6455

export interface Request {
  id: number;
  method: string;
  params: Record<string, unknown>;
}

type Answer = object | undefined | ((client: Client) => object | undefined);

/** One connection. */
export class Client {
  constructor(private readonly socket: Duplex) {}

  send(message: object): void {
    this.frame(1, Buffer.from(JSON.stringify(message)));
  }

  event(fields: object): void {
    this.send({ jsonrpc: "2.0", method: "event", params: fields });
  }

  close(code: number): void {
    const body = Buffer.alloc(2);
    body.writeUInt16BE(code);
    this.frame(8, body);
    this.socket.end();
  }

  /** Ends the connection as a killed server does. */
  drop(): void {
    this.socket.destroy();
  }

  private frame(opcode: number, body: Buffer): void {
    const head =
      body.length < 126 ? Buffer.from([0x80 | opcode, body.length]) : Buffer.from([0x80 | opcode, 126, 0, 0]);
    if (body.length >= 126) head.writeUInt16BE(body.length, 2);
    this.socket.write(Buffer.concat([head, body]));
  }
}

/** Answers each method with what `answers` has for it: a result, `{error}`, or nothing at all. */
export class SocketServer {
  readonly requests: Request[] = [];
  readonly clients: Client[] = [];
  refuse = 0; // a close code for new connections
  private server!: Server;
  private readonly sockets = new Set<Duplex>();

  constructor(readonly answers: Record<string, Answer>) {}

  async listen(): Promise<{ url: string; token: string }> {
    this.server = createServer((_, reply) => reply.end(JSON.stringify({ status: "ok", version: "1" })));
    this.server.on("upgrade", (request, socket) => {
      const accept = createHash("sha1").update(`${request.headers["sec-websocket-key"]}${GUID}`).digest("base64");
      socket.write(
        "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n" +
          `Sec-WebSocket-Protocol: lantern.v1\r\nSec-WebSocket-Accept: ${accept}\r\n\r\n`,
      );
      this.sockets.add(socket);
      socket.on("error", () => undefined);
      const client = new Client(socket);
      if (this.refuse) return client.close(this.refuse);
      this.clients.push(client);
      let buffer = Buffer.alloc(0);
      socket.on("data", (data: Buffer) => {
        buffer = Buffer.concat([buffer, data]);
        for (let frame = read(buffer); frame; frame = read(buffer)) {
          buffer = buffer.subarray(frame.size);
          if (frame.opcode === 8) return void socket.end();
          if (frame.opcode === 1) this.answer(client, JSON.parse(frame.text) as Request);
        }
      });
    });
    await new Promise<void>((resolve) => this.server.listen(0, "127.0.0.1", resolve));
    return { url: `http://127.0.0.1:${(this.server.address() as AddressInfo).port}`, token: "secret" };
  }

  private answer(client: Client, request: Request): void {
    this.requests.push(request);
    const scripted = request.method === "ping" ? {} : this.answers[request.method];
    const answer = typeof scripted === "function" ? scripted(client) : scripted;
    if (!answer) return;
    client.send({ jsonrpc: "2.0", id: request.id, ...("error" in answer ? answer : { result: answer }) });
  }

  sent(method: string): Record<string, unknown>[] {
    return this.requests.filter((request) => request.method === method).map(({ params }) => params);
  }

  async close(): Promise<void> {
    for (const socket of this.sockets) socket.destroy();
    this.server.closeAllConnections();
    await new Promise((resolve) => this.server.close(resolve));
  }
}

function read(buffer: Buffer): { opcode: number; text: string; size: number } | undefined {
  if (buffer.length < 6) return undefined;
  const short = buffer[1]! & 0x7f;
  const start = short === 126 ? 4 : 2;
  const length = short === 126 ? buffer.readUInt16BE(2) : short;
  const size = start + 4 + length;
  if (buffer.length < size) return undefined;
  const mask = buffer.subarray(start, start + 4);
  const body = buffer.subarray(start + 4, size).map((byte, i) => byte ^ mask[i % 4]!);
  return { opcode: buffer[0]! & 0x0f, text: Buffer.from(body).toString("utf8"), size };
}
