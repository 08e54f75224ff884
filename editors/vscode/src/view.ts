// The view in the side bar: asks and shows answers without the editor's chat. Holds the conversation, so that the view
// can be closed and opened while an answer comes.

import { randomBytes, randomUUID } from "node:crypto";

import * as vscode from "vscode";

import { newTurn, withEvent, withProblem } from "./core/answers";
import { contextWords, openPlace, questionContext, workspaceFolder } from "./editor";
import { toProblem } from "./core/errors";
import { codebaseOf, type Lantern, type Thread } from "./core/lantern";
import { viewPage } from "./core/page";
import type { ContextItem, TurnEvent } from "./core/wire";
import type { FromView, ToView, ViewState, ViewTurn } from "../webview/messages";

export const VIEW = "lantern.view";
const COMMAND = /^lantern\.\w+$/; // the view can run our commands, and no other

export class ConversationView implements vscode.WebviewViewProvider {
  private webview: vscode.Webview | undefined;
  private turns: ViewTurn[] = [];
  private thread: Thread | undefined;
  private running: AbortController | undefined;
  private readonly roots = new Map<string, string>(); // of the codebase that a turn is about
  private state: ViewState = { words: "", isProblem: false, summary: "" };

  constructor(
    private readonly lantern: Lantern,
    private readonly extension: vscode.Uri,
    private readonly model: () => string,
    private readonly refresh: (mayStart: boolean) => void, // what `show` is given
  ) {}

  resolveWebviewView(view: vscode.WebviewView): void {
    const folder = vscode.Uri.joinPath(this.extension, "out", "view");
    const media = vscode.Uri.joinPath(this.extension, "media");
    const { webview } = view;
    webview.options = { enableScripts: true, localResourceRoots: [folder, media] };
    webview.html = viewPage({
      nonce: randomBytes(16).toString("base64"),
      script: webview.asWebviewUri(vscode.Uri.joinPath(folder, "view.js")).toString(),
      style: webview.asWebviewUri(vscode.Uri.joinPath(media, "view.css")).toString(),
      source: webview.cspSource,
    });
    this.webview = webview;
    webview.onDidReceiveMessage((message: FromView) => this.receive(message).catch(showFailure));
    view.onDidDispose(() => {
      if (this.webview === webview) this.webview = undefined;
    });
  }

  /** What is shown above the input: the state of the index and the model, or what is wrong. */
  show(state: ViewState): void {
    this.state = state;
    this.post({ type: "state", state });
  }

  /** Asks a question, with code that the person chose. Shows the view first. */
  async ask(text: string, chosen: ContextItem[] = []): Promise<void> {
    await vscode.commands.executeCommand(`${VIEW}.focus`);
    await this.send(text, chosen);
  }

  private async receive(message: FromView): Promise<void> {
    switch (message.type) {
      case "ready":
        this.post({ type: "turns", turns: this.turns });
        this.post({ type: "state", state: this.state });
        return this.refresh(true); // who opens the view is about to ask
      case "ask":
        return this.send(message.text, []);
      case "typing":
        return this.lantern.typing(workspaceFolder(), message.text);
      case "stop":
        return this.running?.abort();
      case "new":
        return this.begin();
      case "copy":
        return void (await vscode.env.clipboard.writeText(message.text));
      case "open":
        return openPlace(this.roots.get(message.turn) ?? "", message.path, message.start, message.end);
      case "command":
        if (COMMAND.test(message.command)) await vscode.commands.executeCommand(message.command);
    }
  }

  /** Begins a new conversation; a running answer is stopped. */
  begin(): void {
    this.running?.abort();
    this.running = undefined;
    this.thread = undefined;
    this.turns = [];
    this.roots.clear();
    this.post({ type: "turns", turns: [] });
    this.post({ type: "focus" });
  }

  private async send(text: string, chosen: ContextItem[]): Promise<void> {
    this.running?.abort(); // one answer at a time
    const controller = (this.running = new AbortController());
    const id = randomUUID();
    try {
      const folder = workspaceFolder();
      const context = questionContext(folder, chosen);
      this.turns.push(newTurn(id, text, contextWords(context, folder)));
      this.update(id, (turn) => turn);
      const facts = await this.lantern.facts();
      this.roots.set(id, codebaseOf(facts, folder)?.root ?? folder);
      const question = { folder, text, thread: this.thread, context, model: this.model() };
      await this.lantern.ask(question, (event) => this.add(id, event), controller.signal);
    } catch (failure) {
      if (!this.turns.some((turn) => turn.id === id)) this.turns.push(newTurn(id, text));
      this.update(id, (turn) => withProblem(turn, failure));
    } finally {
      if (this.running === controller) this.running = undefined;
      this.refresh(false);
    }
  }

  private add(id: string, event: TurnEvent): void {
    if (event.type === "accepted" && this.turns.some((turn) => turn.id === id)) {
      this.thread = { session: event.session, conversation: event.conversation };
    }
    if (event.type !== "delta") return this.update(id, (turn) => withEvent(turn, event));
    this.turns = this.turns.map((turn) => (turn.id === id ? withEvent(turn, event) : turn));
    this.post({ type: "delta", id, text: event.text });
  }

  private update(id: string, change: (turn: ViewTurn) => ViewTurn): void {
    const before = this.turns.find((turn) => turn.id === id);
    if (!before) return; // of a conversation that was left
    const turn = change(before);
    this.turns = this.turns.map((other) => (other.id === id ? turn : other));
    this.post({ type: "turn", turn });
  }

  private post(message: ToView): void {
    void this.webview?.postMessage(message);
  }
}

function showFailure(failure: unknown): void {
  void vscode.window.showWarningMessage(`Lantern: ${toProblem(failure).message}`);
}
