// What can go wrong on the way to an answer, and the words for it. Knows no transport and no editor.

/** Each kind has its own words and its own remedy in every part of the extension. */
export type ProblemKind =
  | "no-command" // the program `lantern` is not installed
  | "dead" // no server answers
  | "unauthorized" // the server does not accept the token
  | "protocol" // the server speaks another version
  | "no-model"
  | "not-indexed"
  | "no-folder"
  | "busy"
  | "failed"; // the server said what: its message is shown

/** An error whose message is for the person who asked. */
export class Problem extends Error {
  constructor(
    readonly kind: ProblemKind,
    message: string,
  ) {
    super(message);
    this.name = "Problem";
  }
}

/** The error of a JSON-RPC response or of a REST body. */
export class ServerError extends Error {
  constructor(
    readonly code: string,
    message: string,
  ) {
    super(message);
    this.name = "ServerError";
  }
}

const KINDS: Record<string, ProblemKind> = {
  unauthorized: "unauthorized",
  model_unavailable: "no-model",
  index_unavailable: "not-indexed",
  queue_full: "busy",
  rate_limited: "busy",
};

const REMEDIES: Partial<Record<ProblemKind, string>> = {
  "no-model": "Install one with `lantern models pull`.",
  "not-indexed": "Run the command “Lantern: Index this workspace”.",
  busy: "Try again in a moment.",
};

/** Any failure as a problem with words. A server's own message is kept; the remedy follows it. */
export function toProblem(failure: unknown): Problem {
  if (failure instanceof Problem) return failure;
  if (failure instanceof ServerError) return serverProblem(failure.code, failure.message);
  return new Problem("failed", failure instanceof Error ? failure.message : String(failure));
}

/** The problem of an error object of the server, also of the one in an `end` event. */
export function serverProblem(code: string, message: string): Problem {
  const kind = KINDS[code] ?? "failed";
  const remedy = REMEDIES[kind];
  return new Problem(kind, remedy ? `${sentence(message)} ${remedy}` : message);
}

/** What an action of the editor offers for a problem: the label of a button and the command behind it. */
export interface Remedy {
  label: string;
  command: string;
}

export const ACTIONS: Record<ProblemKind, Remedy | undefined> = {
  "no-command": { label: "Open settings", command: "lantern.openSettings" },
  dead: { label: "Connect again", command: "lantern.reconnect" },
  unauthorized: { label: "Connect again", command: "lantern.reconnect" },
  protocol: { label: "Show log", command: "lantern.showLog" },
  "no-model": { label: "Open in the browser", command: "lantern.openInBrowser" },
  "not-indexed": { label: "Index this workspace", command: "lantern.index" },
  "no-folder": undefined,
  busy: undefined,
  failed: { label: "Show log", command: "lantern.showLog" },
};

function sentence(text: string): string {
  return /[.!?]$/.test(text) ? text : `${text}.`;
}
