// The chat participant `@lantern`: a chat request becomes a question, its events become parts of the response.

import * as vscode from "vscode";

import { endWords, followUps, statusWords } from "./core/answers";
import { CitationSplitter, type Piece } from "./core/citations";
import { documentItem, fileIn, gitChanges, questionContext, rangeItem, selectionItem, workspaceFolder } from "./editor";
import { ACTIONS, serverProblem, toProblem } from "./core/errors";
import { codebaseOf, type Lantern, type Thread } from "./core/lantern";
import { abortSignal } from "./signals";
import type { Citation, ContextItem, EndEvent, Source, TurnEvent } from "./core/wire";

export const PARTICIPANT = "lantern.chat";
export const VENDOR = "lantern";

interface Metadata extends Thread {
  followUps: string[];
}

type Model = () => string;

export function registerParticipant(lantern: Lantern, model: Model, icon: vscode.Uri): vscode.Disposable {
  const handler: vscode.ChatRequestHandler = (request, context, response, token) =>
    answer(lantern, request, context, response, token, model).catch((failure) => failed(failure, response));
  const participant = vscode.chat.createChatParticipant(PARTICIPANT, handler);
  participant.iconPath = icon;
  participant.followupProvider = {
    provideFollowups: (result) =>
      ((result.metadata as Metadata | undefined)?.followUps ?? []).map((prompt) => ({ prompt })),
  };
  return participant;
}

function failed(failure: unknown, response: vscode.ChatResponseStream): vscode.ChatResult {
  const problem = toProblem(failure);
  const action = ACTIONS[problem.kind];
  if (action) response.button({ title: action.label, command: action.command });
  return { errorDetails: { message: problem.message } };
}

async function answer(
  lantern: Lantern,
  request: vscode.ChatRequest,
  history: vscode.ChatContext,
  response: vscode.ChatResponseStream,
  token: vscode.CancellationToken,
  model: Model,
): Promise<vscode.ChatResult> {
  const folder = workspaceFolder();
  response.progress("Connects to Lantern …");
  const root = codebaseOf(await lantern.facts(), folder)?.root ?? folder;
  const { text, items } = await questionOf(request, folder);
  const writer = new ResponseWriter(response, root);
  const question = {
    folder,
    text,
    thread: threadOf(history),
    context: questionContext(folder, items),
    model: modelOf(request.model, model()),
  };
  const end = await lantern.ask(question, (event) => writer.add(event), abortSignal(token));
  return writer.finish(end);
}

/** The model of the chat's picker if it is one of ours, else the one of the settings. */
function modelOf(picked: vscode.LanguageModelChat | undefined, setting: string): string {
  return picked?.vendor === VENDOR ? picked.id.replace(/\+repo$/, "") || setting : setting;
}

function threadOf(history: vscode.ChatContext): Thread | undefined {
  for (const turn of [...history.history].reverse()) {
    const metadata =
      turn instanceof vscode.ChatResponseTurn ? (turn.result.metadata as Metadata | undefined) : undefined;
    if (metadata?.conversation) return { session: metadata.session, conversation: metadata.conversation };
  }
  return undefined;
}

async function questionOf(
  request: vscode.ChatRequest,
  folder: string,
): Promise<{ text: string; items: ContextItem[] }> {
  const items = await referencedItems(request.references, folder);
  const text = request.prompt.trim();
  const editor = vscode.window.activeTextEditor;
  switch (request.command) {
    case "explain":
      if (items.length === 0 && editor) items.push(selectionItem(editor, folder));
      return { text: text || "Explain this code.", items };
    case "callers":
      return { text: `Who calls \`${text || wordAt(editor)}\`?`, items };
    case "review":
      return { text: text || REVIEW, items: [...items, await gitChanges(folder)] };
    default:
      return { text: text || "What is this codebase about?", items };
  }
}

export const REVIEW = "Review these changes: what could break, and what is missing?";

/** The name under the cursor. */
export function wordAt(editor: vscode.TextEditor | undefined): string {
  if (!editor) return "";
  const { document, selection } = editor;
  if (!selection.isEmpty && selection.isSingleLine) return document.getText(selection).trim();
  const range = document.getWordRangeAtPosition(selection.active);
  return range ? document.getText(range) : "";
}

async function referencedItems(
  references: readonly vscode.ChatPromptReference[],
  folder: string,
): Promise<ContextItem[]> {
  const items: ContextItem[] = [];
  for (const { value } of references) {
    const uri = value instanceof vscode.Uri ? value : value instanceof vscode.Location ? value.uri : undefined;
    if (!uri) continue;
    try {
      const document = await vscode.workspace.openTextDocument(uri);
      items.push(
        value instanceof vscode.Location ? rangeItem(document, value.range, folder) : documentItem(document, folder),
      );
    } catch {
      // A folder or an image: nothing to read as text.
    }
  }
  return items;
}

/** Writes the events of one turn into a chat response. */
class ResponseWriter {
  private readonly splitter = new CitationSplitter();
  private sources: Source[] = [];
  private thread: Thread | undefined;
  private text = "";
  private stage = "";
  private readonly doubtful: Citation[] = [];
  private readonly shown = new Set<string>();
  private last: { path: string; start: number; end: number } | undefined; // the place that was just linked

  constructor(
    private readonly response: vscode.ChatResponseStream,
    private readonly root: string,
  ) {}

  add(event: TurnEvent): void {
    switch (event.type) {
      case "accepted":
        this.thread = { session: event.session, conversation: event.conversation };
        break;
      case "status":
        // Each of these stays as a line: one for a stage, however often its numbers change.
        if (!this.text && event.stage !== this.stage) this.response.progress(statusWords(event));
        this.stage = event.stage;
        break;
      case "sources":
        this.sources = event.items;
        for (const source of event.items) this.reference(source);
        break;
      case "delta":
        this.text += event.text;
        this.write(this.splitter.push(event.text));
        break;
      case "cite": // comes after its text, which cannot be changed any more
        if (event.status !== "ok") this.doubtful.push(event);
    }
  }

  private reference(source: Source): void {
    const location = this.location(source.path, source.start, source.end);
    const key = `${source.path}:${source.start}-${source.end}`;
    if (location && !this.shown.has(key)) this.response.reference(location);
    this.shown.add(key);
  }

  private location(path: string, start: number, end: number): vscode.Location | undefined {
    const uri = fileIn(this.root, path);
    return uri && new vscode.Location(uri, new vscode.Range(start - 1, 0, Math.max(start, end) - 1, 0));
  }

  private write(pieces: Piece[]): void {
    for (const piece of pieces) {
      const source = piece.kind === "source" ? this.sources.find(({ n }) => n === piece.n) : undefined;
      const place = piece.kind === "place" ? piece : source;
      const location = place && this.location(place.path, place.start, place.end);
      if (!location || (source && isWithin(this.last, source))) this.response.markdown(piece.text);
      else this.response.anchor(location, piece.kind === "place" ? piece.text.replaceAll("`", "") : piece.text);
      if (piece.text.trim()) this.last = piece.kind === "place" ? piece : undefined;
    }
  }

  finish(end: EndEvent): vscode.ChatResult {
    this.write(this.splitter.flush());
    const characters = [...this.text];
    const doubts = this.doubtful.map(
      ({ start, end: stop, status }) =>
        `${inline(characters.slice(start, stop).join(""))} ${status === "invented" ? "not confirmed" : status}`,
    );
    const notes = [end.notice && !this.text.includes(end.notice) ? end.notice : "", [...new Set(doubts)].join(", ")];
    for (const note of notes.filter(Boolean)) this.response.markdown(`\n\n*${note}*`);
    if (!end.error) this.response.markdown(`\n\n*${inline(endWords(end))}*`);
    const problem = end.error && serverProblem(end.error.code, end.error.message);
    const action = problem && ACTIONS[problem.kind];
    if (action) this.response.button({ title: action.label, command: action.command });
    return {
      ...(problem && { errorDetails: { message: problem.message } }),
      metadata: { ...this.thread, followUps: followUps(this.sources) },
    };
  }
}

/** Whether a place was linked whose source follows, as in "`a.py:3-9` [1]": one link is enough. */
function isWithin(place: { path: string; start: number; end: number } | undefined, source: Source): boolean {
  return place?.path === source.path && source.start <= place.start && place.end <= source.end;
}

/** Text as Markdown that shows it as it is. */
function inline(text: string): string {
  return text.replace(/[\\`*_{}[\]<>()#!|~]/g, "\\$&");
}
