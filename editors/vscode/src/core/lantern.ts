// What the parts of the extension ask for: answers, facts about the server, index jobs. Knows no editor.

import { existsSync } from "node:fs";
import { dirname, join, sep } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";

import { Connection, type Listener } from "./connection";
import { Problem, ServerError } from "./errors";
import { request } from "./rest";
import { findServer, type Log, ServerManager, type ServerSettings } from "./server";
import type { Codebase, ContextItem, EndEvent, IndexJob, ModelEntry, ServerFacts } from "./wire";

const JOB_MS = 400; // between two looks at an index job
const PREFETCH_CHARS = 32_768; // of a question; the server refuses a longer one, in words
const WITHOUT_MODEL = new Set(["extractive", "auto"]); // entries that are no language models

export interface Question {
  /** The folder that is asked about. */
  folder: string;
  text: string;
  /** Of an earlier answer: the question follows it up. */
  thread?: Thread | undefined;
  context?: ContextItem[];
  model?: string;
}

/** Where a conversation is continued. */
export interface Thread {
  session: string;
  conversation: string;
}

export class Lantern {
  readonly connection: Connection;
  readonly server: ServerManager;
  private readonly sessions = new Map<string, Promise<string>>();

  constructor(settings: () => ServerSettings, log: Log, onStart?: () => void, onChange?: () => void) {
    this.server = new ServerManager(settings, log, onStart);
    this.connection = new Connection(() => this.server.endpoint(), log, onChange);
  }

  facts(): Promise<ServerFacts> {
    return this.connection.facts();
  }

  /** Whether a server answers. Starts none. */
  async isRunning(): Promise<boolean> {
    return this.connection.isOpen || (await findServer(this.server.folder)) !== undefined;
  }

  /** The answer of a REST call. */
  async rest<T>(method: "GET" | "POST" | "DELETE", path: string, body?: object): Promise<T> {
    return request<T>(await this.server.endpoint(), method, path, body);
  }

  /** Asks a question; see `Connection.ask`. Raises `Problem` if the folder is not indexed. */
  async ask(question: Question, listener: Listener, signal?: AbortSignal): Promise<EndEvent> {
    requireCodebase(await this.facts(), question.folder);
    try {
      return await this.askIn(question, listener, signal);
    } catch (error) {
      if (!(error instanceof ServerError && error.code === "not_found")) throw error;
      this.sessions.delete(question.folder); // the database is another one
      return this.askIn({ ...question, thread: undefined }, listener, signal);
    }
  }

  private async askIn(question: Question, listener: Listener, signal?: AbortSignal): Promise<EndEvent> {
    const { thread, text, context, model } = question;
    const session = thread?.session ?? (await this.session(question.folder));
    const prompt = {
      session,
      text,
      ...(thread && { conversation: thread.conversation }),
      ...(context?.length && { context }),
      ...(model && { model }),
    };
    return this.connection.ask(prompt, listener, signal, question.folder);
  }

  /** The session of a folder, opened at the first call; opening it lets the server load its model. */
  session(folder: string): Promise<string> {
    let session = this.sessions.get(folder);
    if (!session) {
      session = this.connection.openSession(folder);
      this.sessions.set(folder, session);
      session.catch(() => this.sessions.delete(folder));
    }
    return session;
  }

  /** Lets the server read ahead what is typed. */
  async typing(folder: string, text: string): Promise<void> {
    try {
      await this.connection.prefetch(await this.session(folder), text.slice(0, PREFETCH_CHARS));
    } catch {
      // The question itself will tell.
    }
  }

  /** Indexes a folder. `onProgress` gets each state of the job; the signal cancels it. Raises `Problem`. */
  async index(folder: string, onProgress: (job: IndexJob) => void, signal?: AbortSignal): Promise<IndexJob> {
    let job = await this.rest<IndexJob>("POST", "/index", { path: folder });
    while (job.state === "queued" || job.state === "running") {
      onProgress(job);
      await sleep(JOB_MS);
      job = await this.rest<IndexJob>(signal?.aborted ? "DELETE" : "GET", `/index/jobs/${job.job_id}`);
    }
    if (job.error) throw new Problem("failed", `Indexing failed: ${job.error.message}`);
    return job;
  }

  /** The address of the web page with a one-use code, which signs the browser in. */
  async pageAddress(): Promise<string> {
    const { url } = await this.server.endpoint();
    const { code } = await this.rest<{ code: string }>("POST", "/signin/codes", {});
    return `${url}/#code=${code}`;
  }

  /** Connects again, to another server if there is one now. */
  reconnect(): void {
    this.sessions.clear();
    this.connection.disconnect();
  }

  async dispose(): Promise<void> {
    this.connection.dispose();
    await this.server.stop();
  }
}

/** The innermost indexed codebase that contains a folder. It does not contain what is in a repository inside it. */
export function codebaseOf(facts: ServerFacts, folder: string): Codebase | undefined {
  const own = enclosingRepository(folder);
  const around = facts.codebases.filter(
    ({ root, chunks }) => chunks > 0 && isInside(folder, root) && (!own || isInside(root, own)),
  );
  return around.sort((a, b) => b.root.length - a.root.length)[0];
}

/** Whether a path is a folder or is in it. Both are absolute, without `..` and links. */
export function isInside(path: string, folder: string): boolean {
  return path === folder || path.startsWith(folder.endsWith(sep) ? folder : folder + sep);
}

function enclosingRepository(folder: string): string | undefined {
  for (let current = folder; ; current = dirname(current)) {
    if (existsSync(join(current, ".git"))) return current;
    if (current === dirname(current)) return undefined;
  }
}

function requireCodebase(facts: ServerFacts, folder: string): Codebase {
  const codebase = codebaseOf(facts, folder);
  if (codebase) return codebase;
  const isEmpty = facts.codebases.some(({ root }) => root === folder);
  const words = isEmpty ? "was indexed, but contains no text to answer from" : "is not indexed yet";
  throw new Problem("not-indexed", `${folder} ${words}. Run the command “Lantern: Index this workspace”.`);
}

/** The language models that can answer now. */
export function usableModels(models: ModelEntry[]): ModelEntry[] {
  return models.filter(({ id, state }) => !WITHOUT_MODEL.has(id) && state !== "missing" && state !== "damaged");
}

/** The state of the model that answers, for a status bar. */
export function modelWords(models: ModelEntry[], chosen: string): string {
  const entry = models.find((model) => (chosen ? model.id === chosen : model.default));
  if (!entry || entry.id === "auto") return usableModels(models).length ? (entry?.id ?? chosen) : "no model";
  if (entry.id === "extractive") return "no model";
  const states = {
    missing: "not installed",
    damaged: "damaged",
    installed: "not loaded",
    loading: "loading",
    loaded: "ready",
  };
  return `${entry.id}: ${states[entry.state]}`;
}
