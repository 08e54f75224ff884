// The shapes that the server sends: docs/protocol.md and docs/rest.md. Knows no transport and no editor.

export interface Source {
  n: number;
  path: string;
  start: number;
  end: number;
  symbol?: string;
  fresh: boolean;
  why?: Record<string, number>;
}

export type CitationStatus = "ok" | "moved" | "stale" | "invented";

/** `start` and `end` are offsets in code points of the answer. */
export interface Citation {
  n: number[];
  start: number;
  end: number;
  status: CitationStatus;
}

export interface WireError {
  code: string;
  message: string;
}

interface EventBase {
  session: string;
  turn: string;
  seq?: number;
}

export type AcceptedEvent = EventBase & { type: "accepted"; text: string; conversation: string };
export type SourcesEvent = EventBase & { type: "sources"; items: Source[] };
export type DeltaEvent = EventBase & { type: "delta"; text: string };
export type CiteEvent = EventBase & Citation & { type: "cite" };
export type StatusEvent = EventBase & { type: "status"; stage: string; done?: number; total?: number; eta_ms?: number };
export type EndEvent = EventBase & {
  type: "end";
  reason: "stop" | "length" | "cancelled" | "error";
  model?: string;
  usage?: { prompt: number; cached: number; completion: number };
  ms?: Record<string, number>;
  grounding?: number;
  notice?: string;
  error?: WireError;
};
export type TurnEvent = AcceptedEvent | SourcesEvent | DeltaEvent | CiteEvent | StatusEvent | EndEvent;

/** An open file or a selection. `range`: first and last line, 1-based, inclusive. */
export interface ContextItem {
  path: string;
  range?: [number, number];
  text?: string;
}

export interface Prompt {
  session: string;
  turn: string;
  text: string;
  conversation?: string;
  context?: ContextItem[];
  model?: string;
}

export interface ModelEntry {
  id: string;
  state: "missing" | "damaged" | "installed" | "loading" | "loaded";
  context: number;
  size_bytes: number;
  default: boolean;
}

export interface Codebase {
  id: string;
  root: string;
  state: string;
  files: number;
  chunks: number;
  generation: number;
}

/** The result of `initialize`. */
export interface ServerFacts {
  server: { name: string; version: string };
  epoch: string;
  models: ModelEntry[];
  codebases: Codebase[];
}

/** An index job: the answers of `POST /index` and `GET /index/jobs/{id}`. */
export interface IndexJob {
  job_id: string;
  codebase: string;
  state: "queued" | "running" | "done" | "failed" | "cancelled";
  done: number;
  total: number;
  chunks: number;
  files_per_s: number;
  eta_s: number | null;
  error?: WireError;
  report?: { files: number; chunks: number; changed: number; removed: number; seconds: number };
}

/** The version of the protocol; a breaking change has another name. */
export const PROTOCOL = "lantern.v1";
