// What the editor holds, for a question: the folder, the selection, unsaved buffers, the changes of git.

import { realpathSync } from "node:fs";
import { isAbsolute, relative, resolve } from "node:path";

import * as vscode from "vscode";

import { Problem } from "./core/errors";
import { isInside } from "./core/lantern";
import type { ContextItem } from "./core/wire";

// The server takes 50 items and frames of 1 MiB; more text than this would only crowd out the code that it finds.
const BUFFERS = 8;
const BUFFER_CHARS = 60_000;
const CONTEXT_CHARS = 200_000;

/** The folder that questions are about: that of the active file, else the first one. Raises `Problem` without one. */
export function workspaceFolder(): string {
  const active = vscode.window.activeTextEditor?.document.uri;
  const folder = (active && vscode.workspace.getWorkspaceFolder(active)) ?? vscode.workspace.workspaceFolders?.[0];
  if (!folder || folder.uri.scheme !== "file") {
    throw new Problem("no-folder", "Open a folder first: Lantern answers about the code in it.");
  }
  return real(folder.uri.fsPath);
}

/** A path without links, as the server has it. */
export function real(path: string): string {
  try {
    return realpathSync(path);
  } catch {
    return path;
  }
}

/** The unsaved buffers of a folder, the active one first. What is saved, the server reads from the disk. */
export function unsavedBuffers(folder: string): ContextItem[] {
  const active = vscode.window.activeTextEditor?.document;
  const documents = vscode.workspace.textDocuments
    .filter((document) => document.isDirty && document.uri.scheme === "file")
    .sort((a, b) => Number(b === active) - Number(a === active));
  const items: ContextItem[] = [];
  for (const document of documents) {
    const path = pathIn(folder, document.uri);
    const text = document.getText();
    if (path !== undefined && text.trim() && text.length <= BUFFER_CHARS) items.push({ path, text });
  }
  return items.slice(0, BUFFERS);
}

/** The selected lines of an editor, or the whole document if nothing is selected. */
export function selectionItem(editor: vscode.TextEditor, folder: string): ContextItem {
  const { document, selection } = editor;
  if (selection.isEmpty) return documentItem(document, folder);
  return rangeItem(document, selection, folder);
}

export function documentItem(document: vscode.TextDocument, folder: string): ContextItem {
  const last = Math.max(0, document.lineCount - 1);
  return rangeItem(document, new vscode.Range(0, 0, last, document.lineAt(last).text.length), folder);
}

/** Whole lines of a document with their text, cut to what a question may carry. */
export function rangeItem(document: vscode.TextDocument, range: vscode.Range, folder: string): ContextItem {
  const first = range.start.line;
  // A selection that ends before the first character of a line does not contain that line.
  let last = range.end.character === 0 && range.end.line > first ? range.end.line - 1 : range.end.line;
  const lines: string[] = [];
  let length = 0;
  for (let line = first; line <= last; line++) {
    const { text } = document.lineAt(line);
    length += text.length + 1;
    if (length > BUFFER_CHARS && lines.length > 0) {
      last = line - 1;
      break;
    }
    lines.push(text.slice(0, BUFFER_CHARS));
  }
  return {
    path: pathIn(folder, document.uri) ?? document.uri.path.split("/").pop() ?? "untitled",
    range: [first + 1, last + 1],
    text: lines.join("\n"),
  };
}

/** Items for one question: those that were chosen, then unsaved buffers that none of them shows, within the limits. */
export function questionContext(folder: string, chosen: ContextItem[] = []): ContextItem[] {
  const paths = new Set(chosen.map((item) => item.path));
  const items: ContextItem[] = [];
  let length = 0;
  for (const item of [...chosen, ...unsavedBuffers(folder).filter(({ path }) => !paths.has(path))]) {
    length += item.text?.length ?? 0;
    if (length > CONTEXT_CHARS) break;
    items.push(item);
  }
  return items;
}

/** What was attached, in words for the person. */
export function contextWords(items: ContextItem[], folder: string): string[] {
  return items.map(({ path, range }) => {
    const short = isAbsolute(path) ? relative(folder, path) : path;
    return range ? `${short}:${range[0]}-${range[1]}` : isAbsolute(path) ? `${short} (unsaved)` : short;
  });
}

/** The absolute path of a file in the folder. The server makes it relative to its codebase, which may be a parent. */
function pathIn(folder: string, uri: vscode.Uri): string | undefined {
  const path = real(uri.fsPath);
  return uri.scheme === "file" && isInside(path, folder) && path !== folder ? path : undefined;
}

/** The file of a path in an answer. Undefined if it is not in the codebase: an answer can name any path. */
export function fileIn(root: string, path: string): vscode.Uri | undefined {
  const file = real(resolve(root, path));
  return isInside(file, root) ? vscode.Uri.file(file) : undefined;
}

/** Shows lines of a file of the codebase. */
export async function openPlace(root: string, path: string, start: number, end: number): Promise<void> {
  const uri = fileIn(root, path);
  if (!uri) throw new Problem("failed", `${path} is not in ${root}.`);
  let document: vscode.TextDocument;
  try {
    document = await vscode.workspace.openTextDocument(uri);
  } catch {
    throw new Problem("failed", `${path} cannot be opened: it was moved or deleted.`);
  }
  const line = (number: number) => Math.min(Math.max(number, 1), document.lineCount) - 1;
  const last = document.lineAt(line(Math.max(end, start)));
  const selection = new vscode.Range(line(start), 0, last.lineNumber, last.text.length);
  await vscode.window.showTextDocument(document, { selection, viewColumn: vscode.ViewColumn.Active });
}

interface GitRepository {
  rootUri: vscode.Uri;
  diff(cached?: boolean): Promise<string>;
}

/** The changes that are not committed, as the editor's own git extension has them: no program is started here. */
export async function gitChanges(folder: string): Promise<ContextItem> {
  const extension = vscode.extensions.getExtension<{ getAPI(version: 1): { repositories: GitRepository[] } }>(
    "vscode.git",
  );
  if (!extension) throw new Problem("failed", "The Git extension of the editor is turned off.");
  const { repositories } = (await extension.activate()).getAPI(1);
  const around = repositories.filter(({ rootUri }) => isInside(folder, real(rootUri.fsPath)));
  const inside = repositories.filter(({ rootUri }) => isInside(real(rootUri.fsPath), folder));
  const repository = around.sort((a, b) => b.rootUri.fsPath.length - a.rootUri.fsPath.length)[0] ?? inside[0];
  if (!repository) throw new Problem("failed", `${folder} is not in a Git repository.`);
  const text = [await repository.diff(true), await repository.diff(false)].filter((diff) => diff.trim()).join("\n");
  if (!text) throw new Problem("failed", "There are no changes to review: the files are as in the last commit.");
  if (text.length <= BUFFER_CHARS) return { path: "changes.diff", text };
  return { path: "changes.diff (cut)", text: text.slice(0, text.lastIndexOf("\n", BUFFER_CHARS) + 1) };
}
