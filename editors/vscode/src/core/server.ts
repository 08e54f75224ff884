// Finds the running server of a data folder, and starts one if there is none. Knows files and processes, no editor.

import { type ChildProcess, spawn } from "node:child_process";
import { readFile } from "node:fs/promises";
import { homedir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";

import { Problem } from "./errors";

export interface Endpoint {
  url: string;
  token: string;
}

export interface ServerSettings {
  /** Empty: DATA_DIR of the environment, else `~/.lantern`. */
  dataDir: string;
  /** The program to start. */
  command: string;
}

export type Log = (line: string) => void;

const START_MS = 60_000; // a start takes two seconds on an idle machine
const POLL_MS = 50;
const HEALTH_MS = 2_000;
const STOP_MS = 6_000; // the server itself needs less than five seconds
const MOST_BYTES = 4096; // of a token or a lock file
const STDERR_LINES = 20;

/** The data folder that the settings name. */
export function dataFolder(settings: ServerSettings, environment: NodeJS.ProcessEnv = process.env): string {
  const named = settings.dataDir || environment["DATA_DIR"] || "~/.lantern";
  return expandHome(named);
}

/** A path of the settings, where `~` is the home folder. */
export function expandHome(path: string): string {
  return path === "~" || path.startsWith("~/") ? join(homedir(), path.slice(1)) : path;
}

/** The server that runs over this folder and answers, or undefined. */
export async function findServer(folder: string): Promise<Endpoint | undefined> {
  const deadline = Date.now() + START_MS;
  for (;;) {
    const instance = await lockFile(folder);
    if (instance === undefined || !isAlive(instance.pid)) return undefined;
    const health = instance.url ? await healthOf(instance.url) : "starting";
    if (health === "ok") return { url: instance.url, token: await readToken(folder) };
    if (health === "none") return undefined;
    if (Date.now() > deadline) {
      throw new Problem(
        "dead",
        `Process ${instance.pid} holds ${folder} but does not serve: stop it and connect again.`,
      );
    }
    await sleep(POLL_MS);
  }
}

/** Finds the server, or starts one. Of several calls at once one starts it; the lock of the folder stops a second one. */
export class ServerManager {
  private child: ChildProcess | undefined;
  private starting: Promise<Endpoint> | undefined;
  /** Why the last start failed; undefined after a server was found. */
  problem: Problem | undefined;

  constructor(
    private readonly settings: () => ServerSettings,
    private readonly log: Log,
    private readonly onStart: () => void = () => {},
  ) {}

  get folder(): string {
    return dataFolder(this.settings());
  }

  /** Whether this process started the server that runs. */
  get owns(): boolean {
    return this.child !== undefined;
  }

  async endpoint(): Promise<Endpoint> {
    this.starting ??= this.findOrStart().finally(() => (this.starting = undefined));
    return this.starting;
  }

  private async findOrStart(): Promise<Endpoint> {
    this.problem = undefined;
    try {
      return (await findServer(this.folder)) ?? (await this.start());
    } catch (failure) {
      if (failure instanceof Problem) this.problem = failure;
      throw failure;
    }
  }

  private async start(): Promise<Endpoint> {
    const { command } = this.settings();
    const folder = this.folder;
    await this.stop(); // one that we started and that does not answer
    this.log(`no server runs over ${folder}: starting \`${command} serve\``);
    this.onStart();
    const stderr: string[] = [];
    const child = this.launch(command, folder, stderr);
    const failed = new Promise<Problem>((resolve) => {
      child.once("error", (error: NodeJS.ErrnoException) => resolve(launchProblem(command, error)));
      child.once("exit", (code, signal) => resolve(exitProblem(command, code ?? signal, stderr)));
    });
    let problem: Problem | undefined;
    void failed.then((failure) => {
      problem = failure;
      if (this.child === child) this.child = undefined;
    });
    const deadline = Date.now() + START_MS;
    while (Date.now() < deadline) {
      const found = await findServer(folder); // our own, or one that another program started first
      if (found) return found;
      if (problem) throw problem;
      await sleep(POLL_MS);
    }
    await this.stop();
    throw new Problem(
      "dead",
      `\`${command} serve\` does not answer after ${START_MS / 1000} s; the log has what it printed.`,
    );
  }

  private launch(command: string, folder: string, stderr: string[]): ChildProcess {
    const child = spawn(command, ["serve", "--port", "0"], {
      cwd: homedir(), // not the workspace, which may be removed while the server runs
      env: { ...process.env, DATA_DIR: folder },
      stdio: ["ignore", "ignore", "pipe"],
    });
    this.child = child;
    let rest = "";
    child.stderr?.setEncoding("utf8").on("data", (text: string) => {
      const lines = (rest + text).split("\n");
      rest = lines.pop() ?? "";
      for (const line of lines) {
        this.log(`serve: ${line}`);
        stderr.push(line);
      }
      stderr.splice(0, stderr.length - STDERR_LINES);
    });
    return child;
  }

  /** Ends the server that this process started, if there is one. */
  async stop(): Promise<void> {
    const child = this.child;
    this.child = undefined;
    if (!child?.pid || child.exitCode !== null || child.signalCode !== null) return;
    const ended = new Promise<void>((resolve) => child.once("exit", () => resolve()));
    child.kill("SIGTERM");
    const timer = setTimeout(() => child.kill("SIGKILL"), STOP_MS);
    await ended;
    clearTimeout(timer);
  }
}

async function lockFile(folder: string): Promise<{ pid: number; url: string } | undefined> {
  let text: string;
  try {
    text = await readFile(join(folder, "server.json"), "utf8");
  } catch {
    return undefined;
  }
  try {
    const facts = JSON.parse(text.slice(0, MOST_BYTES)) as { pid?: unknown; url?: unknown };
    return { pid: Number(facts.pid), url: isUrl(facts.url) ? facts.url : "" };
  } catch {
    return undefined; // empty after a clean end, or damaged
  }
}

function isUrl(value: unknown): value is string {
  return typeof value === "string" && /^http:\/\/[^/\s]+$/.test(value);
}

/** Without this the token could go to a program that got the port of a server which was killed. */
function isAlive(pid: number): boolean {
  if (!Number.isInteger(pid) || pid <= 0) return false;
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === "EPERM";
  }
}

/** `none`: the port is closed or another program's. A busy server may be slow; that is no reason for a second one. */
async function healthOf(url: string): Promise<"ok" | "slow" | "none"> {
  try {
    const reply = await fetch(`${url}/health`, { signal: AbortSignal.timeout(HEALTH_MS) });
    const body = (await reply.json()) as { status?: unknown; version?: unknown };
    return reply.ok && body.status === "ok" && typeof body.version === "string" ? "ok" : "none";
  } catch (error) {
    return (error as Error).name === "TimeoutError" ? "slow" : "none";
  }
}

async function readToken(folder: string): Promise<string> {
  const file = join(folder, "token");
  try {
    return (await readFile(file, "utf8")).slice(0, MOST_BYTES).trim();
  } catch {
    throw new Problem("unauthorized", `The token in ${file} cannot be read: the server belongs to another user.`);
  }
}

function launchProblem(command: string, error: NodeJS.ErrnoException): Problem {
  const reason = error.code === "ENOENT" ? "was not found" : `cannot be started (${error.code ?? error.message})`;
  return new Problem(
    "no-command",
    `The program \`${command}\` ${reason}. Install Lantern, or set “lantern.command” to its path.`,
  );
}

function exitProblem(command: string, code: number | string | null, stderr: string[]): Problem {
  const last = stderr.findLast((line) => line.trim())?.replace(/^lantern: /, "");
  return new Problem("dead", `\`${command} serve\` ended (${code})${last ? `: ${last}` : ""}.`);
}
