// The status bar item and the view's own line: the state of the index and of the model, in words.

import * as vscode from "vscode";

import { workspaceFolder } from "./editor";
import { ACTIONS, Problem, toProblem } from "./core/errors";
import { codebaseOf, type Lantern, modelWords, usableModels } from "./core/lantern";
import type { ServerFacts } from "./core/wire";
import { plural } from "./core/wording";
import type { ViewState } from "../webview/messages";

const IDLE_MS = 30_000;
const BUSY_MS = 1_500; // while a model loads

const NOT_RUNNING = "The Lantern server does not run; a question starts it.";

interface Shown {
  text: string;
  tooltip: string;
  view: ViewState;
  isBusy: boolean;
}

export class Status implements vscode.Disposable {
  private readonly item = vscode.window.createStatusBarItem("lantern.status", vscode.StatusBarAlignment.Right, 90);
  private timer: NodeJS.Timeout | undefined;
  private isDisposed = false;
  private isDown = false;

  /** `onFacts` gets what the server says of itself, `onView` what the view shows. */
  constructor(
    private readonly lantern: Lantern,
    private readonly model: () => string,
    private readonly onFacts: (facts: ServerFacts) => void,
    private readonly onView: (state: ViewState) => void,
  ) {
    this.item.name = "Lantern";
    this.item.command = "lantern.menu";
    this.render(waitingState("Looks for the Lantern server …"));
    this.item.show();
  }

  /** Asks the server and shows what it says; asks again later. With `mayStart` a server is started if none runs. */
  async refresh(mayStart = false): Promise<void> {
    clearTimeout(this.timer);
    let shown: Shown;
    try {
      if (!mayStart && !(await this.lantern.isRunning())) return this.disconnected();
      const facts = await this.lantern.facts();
      this.onFacts(facts);
      shown = stateOf(facts, workspaceFolder(), this.model());
    } catch (failure) {
      shown = problemState(toProblem(failure));
    }
    if (this.isDisposed) return;
    this.isDown = false;
    this.render(shown);
    clearTimeout(this.timer);
    if (this.lantern.connection.isOpen)
      this.timer = setTimeout(() => void this.refresh(), shown.isBusy ? BUSY_MS : IDLE_MS);
  }

  /** Shows that something goes on, until the next `refresh`. */
  busy(words: string): void {
    clearTimeout(this.timer);
    this.item.text = `$(sync~spin) Lantern: ${words}`;
  }

  /** Says that a server is being started. */
  starting(): void {
    clearTimeout(this.timer);
    this.isDown = true;
    this.render(waitingState("No Lantern server runs: starting one …"));
  }

  /** To be called when the connection opens or ends. Nothing is started until someone asks. */
  connectionChanged(): void {
    if (!this.lantern.connection.isOpen) this.disconnected();
    else if (this.isDown) void this.refresh();
  }

  private disconnected(): void {
    clearTimeout(this.timer);
    this.isDown = true;
    if (!this.isDisposed) this.render(problemState(this.lantern.server.problem ?? new Problem("dead", NOT_RUNNING)));
  }

  private render(shown: Shown): void {
    this.item.text = shown.text;
    this.item.tooltip = shown.tooltip;
    this.item.backgroundColor = shown.view.isProblem
      ? new vscode.ThemeColor("statusBarItem.warningBackground")
      : undefined;
    this.onView(shown.view);
  }

  dispose(): void {
    this.isDisposed = true;
    clearTimeout(this.timer);
    this.item.dispose();
  }
}

function waitingState(words: string): Shown {
  const view: ViewState = { words, isProblem: false, summary: "" };
  return { text: "$(sync~spin) Lantern", tooltip: words, view, isBusy: true };
}

/** What is shown of a server that answers. */
export function stateOf(facts: ServerFacts, folder: string, chosen: string): Shown {
  const codebase = codebaseOf(facts, folder);
  const model = modelWords(facts.models, chosen);
  const index = codebase ? plural(codebase.files, "file") : "not indexed";
  const summary = `${index} · ${model}`;
  const isBusy = facts.models.some(({ state }) => state === "loading");
  const icon = isBusy ? "$(sync~spin)" : codebase ? "$(search)" : "$(warning)";
  const view: ViewState = { words: "", isProblem: false, summary };
  if (!codebase) {
    view.words = "This workspace is not indexed yet.";
    view.isProblem = true;
    view.action = ACTIONS["not-indexed"];
  } else if (usableModels(facts.models).length === 0) {
    view.words = "No language model is installed: answers quote the code. `lantern models pull` installs one.";
    view.action = ACTIONS["no-model"];
  } else if (isBusy) view.words = "The model is being loaded; a question waits for it.";
  const tooltip = `Lantern ${facts.server.version}: ${codebase ? `${codebase.root}, ${codebase.chunks} pieces of code` : folder}`;
  return { text: `${icon} Lantern: ${summary}`, tooltip: `${tooltip}\n${view.words || model}`, view, isBusy };
}

/** What is shown where there is no answer. */
export function problemState(problem: Problem): Shown {
  const words = problem.message;
  const label: Partial<Record<Problem["kind"], string>> = {
    "no-command": "not installed",
    dead: "no server",
    unauthorized: "wrong token",
    protocol: "other version",
    "no-folder": "no folder",
  };
  const view: ViewState = {
    words,
    isProblem: problem.kind !== "no-folder",
    action: ACTIONS[problem.kind],
    summary: "",
  };
  return { text: `$(warning) Lantern: ${label[problem.kind] ?? "problem"}`, tooltip: words, view, isBusy: false };
}
