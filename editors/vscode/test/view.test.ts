// The view's side in the extension, its document, and the elements that its script makes of a hostile answer.

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { beforeEach, test } from "node:test";

import type * as vscode from "vscode";

import { COMMANDS, jobEnd, jobWords, registerCommands } from "../src/commands";
import { newTurn } from "../src/core/answers";
import { Problem, ServerError } from "../src/core/errors";
import { viewPage } from "../src/core/page";
import type { IndexJob } from "../src/core/wire";
import { ConversationView } from "../src/view";
import type { FromView, ToView, ViewTurn } from "../webview/messages";
import { event, ROOT, SOURCES, StubLantern } from "./doubles/stub";
import * as double from "./doubles/vscode";

const { editor } = double;

beforeEach(() => {
  editor.reset();
  editor.folders = [ROOT];
});

async function opened(stub: StubLantern) {
  const posted: ToView[] = [];
  let receive: (message: FromView) => Promise<void> = async () => undefined;
  const webview = {
    html: "",
    options: {},
    cspSource: "https://files",
    asWebviewUri: (uri: double.Uri) => `https://files${uri.path}`,
    postMessage: async (message: ToView) => posted.push(message),
    onDidReceiveMessage: (listener: typeof receive) => void (receive = listener),
  };
  const view = new ConversationView(
    stub.asLantern,
    double.Uri.file("/x") as unknown as vscode.Uri,
    () => "qwen",
    () => undefined,
  );
  view.resolveWebviewView({ webview, onDidDispose: () => undefined } as unknown as vscode.WebviewView);
  const send = (message: FromView) => receive(message);
  const last = () => posted.filter((message) => message.type === "turn").at(-1)?.turn as ViewTurn;
  return { view, webview, posted, send, last };
}

test("a question, its answer, a follow-up, a new conversation", async () => {
  const stub = new StubLantern();
  const { posted, send, last } = await opened(stub);
  await send({ type: "ready" });
  await send({ type: "ask", text: "Why?" });
  assert.deepEqual(
    posted.map(({ type }) => type),
    ["turns", "state", "turn", "turn", "turn", "turn", "delta", "delta", "turn"],
  );
  assert.equal(last().text, "It is in `a.py:3-9` [1].");
  assert.equal(last().footer, "qwen · 1.2 s · 100 % rests on the sources");
  await send({ type: "ask", text: "And?" });
  await send({ type: "new" });
  assert.deepEqual(posted.at(-1), { type: "focus" }); // what is typed stays
  await send({ type: "ask", text: "Else?" });
  assert.deepEqual(
    stub.questions.map(({ text, thread, model }) => [text, thread?.conversation, model]),
    [
      ["Why?", undefined, "qwen"],
      ["And?", "c", "qwen"],
      ["Else?", undefined, "qwen"],
    ],
  );
});

test("a view that is opened again shows the conversation", async () => {
  const { posted, send } = await opened(new StubLantern());
  await send({ type: "ask", text: "Why?" });
  posted.length = 0;
  await send({ type: "ready" });
  const [restored] = posted as [Extract<ToView, { type: "turns" }>];
  assert.deepEqual(
    restored.turns.map(({ question, text }) => [question, text]),
    [["Why?", "It is in `a.py:3-9` [1]."]],
  );
});

test("what is typed is read ahead", async () => {
  const stub = new StubLantern();
  await (await opened(stub)).send({ type: "typing", text: "Where is" });
  assert.deepEqual(stub.typed, ["Where is"]);
});

test("a failure is shown at its question, with the way out", async () => {
  const stub = new StubLantern();
  stub.failure = new Problem("not-indexed", "This folder is not indexed yet.");
  const { send, last } = await opened(stub);
  await send({ type: "ask", text: "Why?" });
  assert.equal(last().problem, "This folder is not indexed yet.");
  assert.equal(last().action?.command, "lantern.index");
});

test("the view opens files of the codebase and runs our commands, nothing else", async () => {
  const { send, last } = await opened(new StubLantern());
  await send({ type: "ask", text: "Why?" });
  const { id: turn } = last();
  editor.documents = [new double.TextDocument(double.Uri.file(`${ROOT}/a.py`), "one\ntwo")];
  await send({ type: "open", turn, path: "a.py", start: 2, end: 2 });
  assert.equal(editor.calls.at(-1)?.[0], "showTextDocument");
  await send({ type: "open", turn, path: "../../etc/passwd", start: 1, end: 1 });
  assert.equal(editor.calls.at(-1)?.[0], "showWarningMessage");
  const before = editor.calls.length;
  await send({ type: "command", command: "workbench.action.terminal.new" });
  assert.equal(editor.calls.length, before);
  await send({ type: "command", command: "lantern.index" });
  assert.deepEqual(editor.calls.at(-1), ["executeCommand", "lantern.index"]);
});

test("a source opens in the folder that its question was about", async () => {
  const stub = new StubLantern();
  const { send, last } = await opened(stub);
  await send({ type: "ask", text: "Why?" });
  const { id: turn } = last();
  editor.folders = ["/other"];
  await send({ type: "ask", text: "And here?" });
  const file = `${ROOT}/a.py`;
  editor.documents = [file, "/other/a.py"].map((path) => new double.TextDocument(double.Uri.file(path), "one"));
  await send({ type: "open", turn, path: "a.py", start: 1, end: 1 });
  assert.equal((editor.calls.at(-1)?.[1] as double.TextDocument).uri.path, file);
});

test("the policy of the document allows our files only", () => {
  const page = viewPage({
    nonce: "N",
    script: "https://files/view.js",
    style: "https://files/view.css",
    source: "https://files",
  });
  const policy = /Content-Security-Policy" content="([^"]+)"/.exec(page)?.[1] ?? "";
  assert.deepEqual(policy.split("; ").slice(0, 3), [
    "default-src 'none'",
    "script-src 'nonce-N'",
    "style-src https://files",
  ]);
  assert.ok(!/unsafe|\son\w+=|javascript:/.test(page));
  assert.equal(page.match(/<script/g)?.length, 1);
});

/** Elements that only remember what they were given. */
class Recorded {
  readonly children: (Recorded | string)[] = [];
  readonly classList = { add: (name: string) => (this.className += ` ${name}`) };
  className = "";
  title = "";
  type = "";
  constructor(readonly name: string) {}
  append(...children: (Recorded | string)[]): void {
    this.children.push(...children);
  }
  setAttribute(): void {}
  addEventListener(): void {}
  get all(): Recorded[] {
    return [this, ...this.children.flatMap((child) => (child instanceof Recorded ? child.all : []))];
  }
  get text(): string {
    return this.children.map((child) => (child instanceof Recorded ? child.text : child)).join("");
  }
}

test("a hostile answer becomes text nodes", async () => {
  Object.assign(globalThis, {
    document: {
      createElement: (name: string) => new Recorded(name),
      createTextNode: (text: string) => Object.assign(new Recorded("#text"), { children: [text] }),
    },
  });
  const { AnswerRenderer } = (await import("../webview/dom")) as typeof import("../webview/dom");
  const payloads = [
    "<script>alert(1)</script>",
    "<img src=x onerror=alert(1)>",
    "[x](javascript:alert(1))",
    "\u202e<svg onload=1>",
  ];
  const text = payloads
    .flatMap((payload) => [payload, `# ${payload}`, `- ${payload}`, `\`${payload}\``, `**${payload}**`])
    .join("\n");
  const turn = { ...newTurn("t", "q"), text: `${text}\n\`\`\`html\n${payloads.join("\n")}\n\`\`\`` };
  const nodes = new AnswerRenderer(
    turn,
    () => undefined,
    () => undefined,
  ).render() as unknown as Recorded[];
  const names = new Set(nodes.flatMap((node) => node.all.map(({ name }) => name)));
  assert.deepEqual([...names].sort(), ["#text", "button", "code", "div", "p", "pre", "span", "strong"]);
  const shown = nodes.map((node) => node.text).join("");
  for (const payload of payloads) assert.equal(shown.split(payload).length - 1, 6);
});

test("citations carry their status, and sources open their lines", async () => {
  const { AnswerRenderer } = (await import("../webview/dom")) as typeof import("../webview/dom");
  const cited = [SOURCES, event("delta", { text: "😀 `a.py:3-9` [1] `gone`" })];
  const citations = [
    { n: [1], start: 3, end: 11, status: "stale" as const },
    { n: [], start: 18, end: 22, status: "invented" as const },
  ];
  const stub = new StubLantern([...cited, event("end", { reason: "stop" })]);
  const { send, last } = await opened(stub);
  await send({ type: "ask", text: "Why?" });
  const turn = { ...last(), citations };
  const [paragraph] = new AnswerRenderer(
    turn,
    () => undefined,
    () => undefined,
  ).render() as unknown as [Recorded];
  const marks = paragraph.all.filter(({ className }) => className.startsWith("mark"));
  assert.deepEqual(
    marks.map(({ text }) => text),
    ["stale", "not confirmed"],
  );
  const links = paragraph.all.filter(({ name }) => name === "button");
  assert.deepEqual(
    links.map(({ text, title }) => [text, title]),
    [
      ["a.py:3-9", "Open a.py:3-9: this code has changed since"],
      ["[1]", "a.py:3-9"],
    ],
  );
});

test("package.json lists the commands, the settings and the parts that exist", () => {
  const file = join(__dirname, "..", "..", "package.json");
  const { contributes } = JSON.parse(readFileSync(file, "utf8")) as {
    contributes: {
      commands: { command: string }[];
      configuration: { properties: Record<string, { scope?: string }> };
    };
  };
  assert.deepEqual(contributes.commands.map(({ command }) => command).sort(), Object.keys(COMMANDS).sort());
  assert.equal(contributes.configuration.properties["lantern.command"]?.scope, "machine"); // a workspace cannot name programs
  assert.equal(contributes.configuration.properties["lantern.dataDir"]?.scope, "machine");
});

test("a command that fails says why and offers the way out", async () => {
  const stub = new StubLantern();
  stub.failure = new Problem("unauthorized", "The server does not accept the token.");
  const log = { warn: () => undefined };
  registerCommands({ lantern: stub.asLantern, log } as unknown as Parameters<typeof registerCommands>[0]);
  editor.answers = ["words", undefined];
  await editor.commands.get("lantern.search")?.();
  assert.deepEqual(editor.calls.at(-1), [
    "showWarningMessage",
    "Lantern: The server does not accept the token.",
    "Connect again",
  ]);
});

test("only a server that has no page is said to have none", async () => {
  const stub = new StubLantern();
  const log = { warn: () => undefined };
  registerCommands({ lantern: stub.asLantern, log } as unknown as Parameters<typeof registerCommands>[0]);
  const said = async (failure: Error) => {
    Object.assign(stub, { pageAddress: () => Promise.reject(failure) });
    await editor.commands.get("lantern.openInBrowser")?.();
    return editor.calls.at(-1)?.[1] as string;
  };
  assert.match(await said(new ServerError("not_found", "no such path")), /has no web page: update Lantern/);
  assert.equal(await said(new ServerError("storage_full", "the disk is full")), "Lantern: the disk is full");
});

test("an index job in words", () => {
  const job = { state: "running", done: 5, total: 20, files_per_s: 9.7, eta_s: 1.6 } as IndexJob;
  assert.equal(jobWords(job), "5 of 20 files, 10 files/s, about 2 s left");
  assert.equal(jobWords({ ...job, total: 0 }), "scans the files");
  const report = { files: 20, chunks: 0, changed: 0, removed: 0, seconds: 0.5 };
  assert.equal(jobEnd({ ...job, state: "done", report }), "this workspace contains no text that can be indexed.");
  const one = { ...report, files: 1, chunks: 1 };
  assert.equal(jobEnd({ ...job, state: "done", report: one }), "1 file is indexed in 0.5 s (1 piece of code).");
});
