// REST calls of the server, and the stream of `/v1`. Knows HTTP, not sessions and not the editor.

import { Problem, ServerError } from "./errors";
import type { Endpoint } from "./server";

type Method = "GET" | "POST" | "DELETE";

/** The JSON answer of a call. Raises `ServerError` with the server's words. */
export async function request<T>(endpoint: Endpoint, method: Method, path: string, body?: object): Promise<T> {
  const reply = await send(endpoint, method, path, body);
  return (await reply.json()) as T;
}

/** A call of a tool; `arguments` is JSON. */
export interface ToolCall {
  id: string;
  type: "function";
  function: { name: string; arguments: string };
}

export interface ChatMessage {
  role: "system" | "user" | "assistant" | "tool";
  content: string;
  tool_calls?: ToolCall[];
  tool_call_id?: string;
}

export interface ChatBody {
  model: string;
  messages: ChatMessage[];
  codebase?: string;
  max_tokens?: number;
  temperature?: number;
  tools?: object[];
}

export type ChatPiece = { text: string } | { call: ToolCall };

interface Chunk {
  choices?: { delta?: { content?: string | null; tool_calls?: (Partial<ToolCall> & { index?: number })[] } }[];
  error?: { message: string; code?: string | null };
}

/** The text of an answer of `/v1/chat/completions` as it comes, then its tool calls. The signal ends the generation. */
export async function* streamChat(endpoint: Endpoint, body: ChatBody, signal: AbortSignal): AsyncGenerator<ChatPiece> {
  const reply = await send(endpoint, "POST", "/v1/chat/completions", { ...body, stream: true }, signal);
  const calls: ToolCall[] = [];
  for await (const chunk of chunks(reply)) {
    const delta = chunk.choices?.[0]?.delta;
    if (delta?.content) yield { text: delta.content };
    for (const part of delta?.tool_calls ?? []) {
      const call = (calls[part.index ?? 0] ??= { id: "", type: "function", function: { name: "", arguments: "" } });
      call.id ||= part.id ?? "";
      call.function.name += part.function?.name ?? "";
      call.function.arguments += part.function?.arguments ?? "";
    }
  }
  for (const call of calls) if (call) yield { call };
}

async function* chunks(reply: Response): AsyncGenerator<Chunk> {
  if (!reply.body) return;
  const decoder = new TextDecoder();
  let rest = "";
  for await (const block of reply.body) {
    const events = (rest + decoder.decode(block as Uint8Array, { stream: true })).split(/\r?\n\r?\n/);
    rest = events.pop() ?? "";
    for (const event of events) {
      const data = event.match(/^data: ?(.*)$/m)?.[1];
      if (data === undefined || data === "[DONE]") continue; // the other lines are comments: progress of the prompt
      const chunk = JSON.parse(data) as Chunk;
      if (chunk.error) throw new ServerError(chunk.error.code ?? "failed", chunk.error.message);
      yield chunk;
    }
  }
}

async function send(
  endpoint: Endpoint,
  method: Method,
  path: string,
  body?: object,
  signal?: AbortSignal,
): Promise<Response> {
  const headers: Record<string, string> = { Authorization: `Bearer ${endpoint.token}` };
  if (body) headers["Content-Type"] = "application/json";
  let reply: Response;
  try {
    reply = await fetch(endpoint.url + path, {
      method,
      headers,
      redirect: "error", // the token is for this server only
      ...(body && { body: JSON.stringify(body) }),
      ...(signal && { signal }),
    });
  } catch (error) {
    if (signal?.aborted) throw error;
    throw new Problem("dead", "The server cannot be reached.");
  }
  if (!reply.ok) throw await errorOf(reply);
  return reply;
}

async function errorOf(reply: Response): Promise<Error> {
  if (reply.status === 401) {
    return new Problem("unauthorized", "The server does not accept the token of its data folder: restart the server.");
  }
  const text = await reply.text();
  try {
    const { error } = JSON.parse(text) as { error: { code?: string | null; message: string } };
    return new ServerError(error.code ?? "failed", error.message);
  } catch {
    return new ServerError("failed", `the server answered with status ${reply.status}`);
  }
}
