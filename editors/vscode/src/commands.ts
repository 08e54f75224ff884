// The commands of the palette and of the editor's context menu.

import * as vscode from "vscode";

import { contextWords, gitChanges, openPlace, real, selectionItem, workspaceFolder } from "./editor";
import { ACTIONS, Problem, ServerError, toProblem } from "./core/errors";
import { codebaseOf, type Lantern, usableModels } from "./core/lantern";
import { REVIEW, wordAt } from "./participant";
import { abortSignal } from "./signals";
import type { Status } from "./status";
import type { ConversationView } from "./view";
import type { IndexJob } from "./core/wire";
import { plural } from "./core/wording";

export interface Parts {
  lantern: Lantern;
  view: ConversationView;
  status: Status;
  log: vscode.LogOutputChannel;
}

type Action = (parts: Parts) => Thenable<unknown> | void;

/** The commands, as `package.json` lists them. */
export const COMMANDS: Record<string, Action> = {
  "lantern.ask": ask,
  "lantern.askSelection": askAboutSelection,
  "lantern.explain": ({ view }) => view.ask("Explain this code.", [selectionItem(editor(), workspaceFolder())]),
  "lantern.callers": findCallers,
  "lantern.review": async ({ view }) => view.ask(REVIEW, [await gitChanges(workspaceFolder())]),
  "lantern.search": search,
  "lantern.index": indexWorkspace,
  "lantern.newConversation": ({ view }) => view.begin(),
  "lantern.openInBrowser": openInBrowser,
  "lantern.chooseModel": chooseModel,
  "lantern.reconnect": reconnect,
  "lantern.showLog": ({ log }) => log.show(),
  "lantern.openSettings": () => vscode.commands.executeCommand("workbench.action.openSettings", "lantern."),
  "lantern.menu": menu,
};

export function registerCommands(parts: Parts): vscode.Disposable[] {
  return Object.entries(COMMANDS).map(([name, action]) =>
    vscode.commands.registerCommand(name, async () => {
      try {
        await action(parts);
      } catch (failure) {
        await showProblem(parts, failure);
      }
    }),
  );
}

async function showProblem({ log }: Parts, failure: unknown): Promise<void> {
  const problem = toProblem(failure);
  log.warn(problem.message);
  const action = ACTIONS[problem.kind];
  const chosen = await vscode.window.showWarningMessage(
    `Lantern: ${problem.message}`,
    ...(action ? [action.label] : []),
  );
  if (chosen && action) await vscode.commands.executeCommand(action.command);
}

function editor(): vscode.TextEditor {
  const active = vscode.window.activeTextEditor;
  if (!active) throw new Problem("failed", "Open a file first.");
  return active;
}

async function ask({ view }: Parts): Promise<void> {
  const question = await vscode.window.showInputBox({
    title: "Ask Lantern about this codebase",
    ignoreFocusOut: true,
  });
  if (question?.trim()) await view.ask(question.trim());
}

async function askAboutSelection({ view }: Parts): Promise<void> {
  const folder = workspaceFolder();
  const item = selectionItem(editor(), folder);
  const title = `Ask about ${contextWords([item], folder).join()}`;
  const question = await vscode.window.showInputBox({ title, ignoreFocusOut: true });
  if (question?.trim()) await view.ask(question.trim(), [item]);
}

async function findCallers({ view }: Parts): Promise<void> {
  const name = wordAt(editor());
  if (!name) throw new Problem("failed", "Place the cursor on a name first.");
  await view.ask(`Who calls \`${name}\`?`);
}

interface Hit {
  path: string;
  start_line: number;
  end_line: number;
  symbol: string;
  text: string;
}

async function search({ lantern }: Parts): Promise<void> {
  const folder = workspaceFolder();
  const query = await vscode.window.showInputBox({
    title: "Search this codebase",
    placeHolder: "words, names or a question",
  });
  if (!query?.trim()) return;
  const codebase = codebaseOf(await lantern.facts(), folder);
  if (!codebase) throw new Problem("not-indexed", "This workspace is not indexed yet.");
  const body = { query: query.trim(), codebase: codebase.id, limit: 30 };
  const { hits, found } = await lantern.connection.call<{ hits: Hit[]; found: boolean }>("search", body);
  const items = hits.map((hit) => ({
    label: hit.symbol || hit.path,
    description: `${hit.path}:${hit.start_line}-${hit.end_line}`,
    detail:
      hit.text
        .split("\n")
        .find((line) => line.trim())
        ?.trim()
        .slice(0, 200) ?? "",
    hit,
  }));
  const title = found ? `Results for ${query}` : `Nothing answers “${query}”: these are the closest matches`;
  const chosen = await vscode.window.showQuickPick(items, { title, matchOnDescription: true });
  if (chosen) await openPlace(codebase.root, chosen.hit.path, chosen.hit.start_line, chosen.hit.end_line);
}

async function indexWorkspace({ lantern, status }: Parts): Promise<void> {
  const folder = real(workspaceFolder());
  const options = {
    location: vscode.ProgressLocation.Notification,
    title: "Lantern indexes this workspace",
    cancellable: true,
  };
  status.busy("indexing");
  try {
    const job = await vscode.window.withProgress(options, async (progress, token) => {
      let shown = 0;
      const show = (state: IndexJob) => {
        const percent = state.total ? (100 * state.done) / state.total : 0;
        progress.report({ message: jobWords(state), increment: Math.max(0, percent - shown) });
        shown = Math.max(shown, percent);
      };
      return lantern.index(folder, show, abortSignal(token));
    });
    void vscode.window.showInformationMessage(`Lantern: ${jobEnd(job)}`);
  } finally {
    await status.refresh();
  }
}

/** How far an index job is. */
export function jobWords(job: IndexJob): string {
  if (job.state === "queued") return "waits for another index job";
  if (!job.total) return "scans the files";
  const eta = job.eta_s === null ? "" : `, about ${Math.max(1, Math.round(job.eta_s))} s left`;
  return `${job.done} of ${plural(job.total, "file")}, ${Math.round(job.files_per_s)} files/s${eta}`;
}

/** How an index job ended. */
export function jobEnd(job: IndexJob): string {
  if (job.state === "cancelled" || !job.report) return "indexing was stopped; what is done stays.";
  const { files, chunks, seconds } = job.report;
  if (!chunks) return "this workspace contains no text that can be indexed.";
  return `${plural(files, "file")} ${files === 1 ? "is" : "are"} indexed in ${seconds} s (${plural(chunks, "piece")} of code).`;
}

async function openInBrowser({ lantern }: Parts): Promise<void> {
  let address: string;
  try {
    address = await lantern.pageAddress();
  } catch (failure) {
    if (!(failure instanceof ServerError && failure.code === "not_found")) throw failure;
    throw new Problem("failed", `This server has no web page: update Lantern. (${failure.message})`);
  }
  await vscode.env.openExternal(vscode.Uri.parse(address, true));
}

async function chooseModel({ lantern, status }: Parts): Promise<void> {
  const { models } = await lantern.facts();
  const own = models.find((model) => model.default);
  const items = [
    { label: "The server's own model", description: own?.id ?? "", id: "" },
    ...usableModels(models).map(({ id, state }) => ({ label: id, description: state, id })),
    { label: "No model", description: "answers quote the code", id: "extractive" },
  ];
  const chosen = await vscode.window.showQuickPick(items, { title: "Which model answers" });
  if (!chosen) return;
  await vscode.workspace.getConfiguration("lantern").update("model", chosen.id, vscode.ConfigurationTarget.Global);
  await status.refresh();
}

async function reconnect({ lantern, status }: Parts): Promise<void> {
  lantern.reconnect();
  status.busy("connects");
  await status.refresh(true);
}

async function menu(): Promise<void> {
  const items = [
    { label: "$(comment) Ask a question", command: "lantern.ask" },
    { label: "$(search) Search", command: "lantern.search" },
    { label: "$(database) Index this workspace", command: "lantern.index" },
    { label: "$(chip) Choose the model", command: "lantern.chooseModel" },
    { label: "$(globe) Open in the browser", command: "lantern.openInBrowser" },
    { label: "$(plug) Connect again", command: "lantern.reconnect" },
    { label: "$(output) Show the log", command: "lantern.showLog" },
  ];
  const chosen = await vscode.window.showQuickPick(items, { title: "Lantern" });
  if (chosen) await vscode.commands.executeCommand(chosen.command);
}
