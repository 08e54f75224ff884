// A server in the shape of `Lantern`, for tests of the editor's parts: events of a script, facts of a table.

import type { Lantern, Question } from "../../src/core/lantern";
import type { Listener } from "../../src/core/connection";
import type { EndEvent, ModelEntry, ServerFacts, TurnEvent } from "../../src/core/wire";

export const ROOT = "/src/project";

export const entry = (id: string, state: ModelEntry["state"], own = false): ModelEntry => ({
  id,
  state,
  context: 4096,
  size_bytes: 1,
  default: own,
});

export function facts(changes: Partial<ServerFacts> = {}): ServerFacts {
  return {
    server: { name: "lantern", version: "1" },
    epoch: "e",
    models: [entry("extractive", "loaded"), entry("qwen", "loaded", true)],
    codebases: [{ id: "p-1", root: ROOT, state: "ready", files: 1200, chunks: 9, generation: 1 }],
    ...changes,
  };
}

/** An event without the fields that do not matter here. */
export function event(type: TurnEvent["type"], fields: object = {}): TurnEvent {
  return { type, session: "s", turn: "t", ...fields } as TurnEvent;
}

export const SOURCES = event("sources", {
  items: [
    {
      n: 1,
      path: "a.py",
      start: 3,
      end: 9,
      symbol: "expire",
      fresh: true,
      why: { lexical: 1, dense: 2, graph: 0 },
    },
  ],
});

export const ANSWER: TurnEvent[] = [
  event("accepted", { conversation: "c", text: "Why?" }),
  event("status", { stage: "prefill", done: 10, total: 40, eta_ms: 2900 }),
  SOURCES,
  event("delta", { text: "It is in `a.py:3-9` [" }),
  event("delta", { text: "1]." }),
  event("end", { reason: "stop", model: "qwen", ms: { retrieve: 500, prefill: 700 }, grounding: 1 }),
];

export class StubLantern {
  readonly questions: Question[] = [];
  readonly typed: string[] = [];
  failure: Error | undefined;

  constructor(
    public events: TurnEvent[] = ANSWER,
    public known: ServerFacts = facts(),
  ) {}

  get asLantern(): Lantern {
    return this as unknown as Lantern;
  }

  async facts(): Promise<ServerFacts> {
    if (this.failure) throw this.failure;
    return this.known;
  }

  async ask(question: Question, listener: Listener): Promise<EndEvent> {
    this.questions.push(question);
    if (this.failure) throw this.failure;
    for (const one of this.events) listener(one);
    return this.events.at(-1) as EndEvent;
  }

  async typing(_: string, text: string): Promise<void> {
    this.typed.push(text);
  }
}
