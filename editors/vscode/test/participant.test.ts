// The chat participant over the double of the editor: what a chat request asks, and what its response shows.

import assert from "node:assert/strict";
import { beforeEach, test } from "node:test";

import type * as vscode from "vscode";

import { Problem } from "../src/core/errors";
import { registerParticipant } from "../src/participant";
import * as double from "./doubles/vscode";
import { ANSWER, event, ROOT, SOURCES, StubLantern } from "./doubles/stub";

const { editor } = double;
const END = event("end", { reason: "stop" });
type Part = [kind: string, ...values: unknown[]];

beforeEach(() => {
  editor.reset();
  editor.folders = [ROOT];
});

async function respond(stub: StubLantern, request: object, history: unknown[] = [], setting = "") {
  registerParticipant(stub.asLantern, () => setting, double.Uri.file("/icon") as unknown as vscode.Uri);
  const participant = editor.providers.get("lantern.chat") as {
    handler(...values: unknown[]): Promise<vscode.ChatResult>;
    followupProvider: { provideFollowups(result: unknown): { prompt: string }[] };
  };
  const parts: Part[] = [];
  const record =
    (kind: string) =>
    (...values: unknown[]) =>
      void parts.push([kind, ...values]);
  const response = Object.fromEntries(
    ["markdown", "progress", "reference", "anchor", "button"].map((kind) => [kind, record(kind)]),
  );
  const filled = { prompt: "", references: [], ...request };
  const result = await participant.handler(filled, { history }, response, new double.CancellationTokenSource().token);
  return { parts, result, followUps: participant.followupProvider.provideFollowups(result) };
}

const kinds = (parts: Part[]) => parts.map(([kind]) => kind);
const markdown = (parts: Part[]) =>
  parts
    .filter(([kind]) => kind === "markdown")
    .map(([, text]) => text)
    .join("");

test("progress, references, then text with its citations as links", async () => {
  const stub = new StubLantern();
  const { parts, result } = await respond(stub, { prompt: " Why? " });
  assert.deepEqual(kinds(parts), [
    "progress",
    "progress",
    "reference",
    "markdown",
    "anchor",
    "markdown",
    "markdown",
    "markdown",
    "markdown",
  ]);
  assert.equal(parts[1]?.[1], "Reads the code 10 of 40 tokens, about 3 s left …");
  const [, location, title] = parts[4] as [string, double.Location, string];
  assert.equal(title, "a.py:3-9");
  assert.equal(location.uri.path, `${ROOT}/a.py`);
  assert.deepEqual([location.range.start.line, location.range.end.line], [2, 8]);
  assert.equal(markdown(parts), "It is in  [1].\n\n*qwen · 1.2 s · 100 % rests on the sources*");
  assert.deepEqual(stub.questions[0], { folder: ROOT, text: "Why?", thread: undefined, context: [], model: "" });
  assert.equal(result.errorDetails, undefined);
});

test("a stage is one line of progress", async () => {
  const stage = (name: string, done: number) => event("status", { stage: name, done, total: 40 });
  const turn = [stage("loading", 1), stage("loading", 20), stage("prefill", 10), stage("prefill", 30), SOURCES, END];
  const { parts } = await respond(new StubLantern(turn), {});
  assert.deepEqual(
    parts.filter(([kind]) => kind === "progress").map(([, words]) => words),
    ["Connects to Lantern …", "Loads the model 1 of 40 …", "Reads the code 10 of 40 tokens …"],
  );
});

test("a number alone is a link to its source", async () => {
  const { parts } = await respond(new StubLantern([SOURCES, event("delta", { text: "It is [1], not [2]." }), END]), {});
  const [, location, title] = parts.find(([kind]) => kind === "anchor") as [string, double.Location, string];
  assert.deepEqual([location.uri.path, title], [`${ROOT}/a.py`, "[1]"]);
  assert.ok(markdown(parts).startsWith("It is , not [2]."));
});

test("a follow-up goes on with the conversation, and follow-ups are offered", async () => {
  const stub = new StubLantern();
  const first = await respond(stub, { prompt: "Why?" });
  assert.deepEqual(first.followUps[0], { prompt: "Who calls `expire`?" });
  await respond(stub, { prompt: "And then?" }, [
    new double.ChatRequestTurn("Why?"),
    new double.ChatResponseTurn(first.result),
  ]);
  assert.deepEqual(stub.questions[1]?.thread, { session: "s", conversation: "c" });
});

test("commands ask their questions", async () => {
  const stub = new StubLantern();
  const document = new double.TextDocument(double.Uri.file(`${ROOT}/b.py`), "def expire():\n    pass\n");
  double.window.activeTextEditor = { document, selection: new double.Selection(0, 5, 0, 5) };
  editor.git = {
    activate: async () => ({
      getAPI: () => ({
        repositories: [{ rootUri: double.Uri.file(ROOT), diff: async (cached: boolean) => (cached ? "" : "-a\n+b") }],
      }),
    }),
  };
  for (const command of ["callers", "explain", "review"]) await respond(stub, { command });
  assert.deepEqual(
    stub.questions.map(({ text, context }) => [text, context]),
    [
      ["Who calls `expire`?", []],
      ["Explain this code.", [{ path: `${ROOT}/b.py`, range: [1, 2], text: "def expire():\n    pass" }]],
      ["Review these changes: what could break, and what is missing?", [{ path: "changes.diff", text: "-a\n+b" }]],
    ],
  );
});

test("referenced files and selections are sent", async () => {
  const stub = new StubLantern();
  const uri = double.Uri.file(`${ROOT}/b.py`);
  editor.documents = [new double.TextDocument(uri, "one\ntwo\nthree")];
  const references = [
    { value: new double.Location(uri, new double.Range(1, 0, 2, 0)) },
    { value: double.Uri.file("/gone") },
    { value: "text" },
  ];
  await respond(stub, { prompt: "Why?", references });
  assert.deepEqual(stub.questions[0]?.context, [{ path: `${ROOT}/b.py`, range: [2, 2], text: "two" }]);
});

test("the model of the picker answers if it is ours", async () => {
  const stub = new StubLantern();
  await respond(stub, { prompt: "Why?", model: { vendor: "lantern", id: "qwen+repo" } });
  await respond(stub, { prompt: "Why?", model: { vendor: "copilot", id: "large" } }, [], "phi");
  await respond(stub, { prompt: "Why?", model: { vendor: "lantern", id: "+repo" } }, [], "phi");
  assert.deepEqual(
    stub.questions.map(({ model }) => model),
    ["qwen", "phi", "phi"],
  );
});

test("what does not hold, and a notice, are told below the answer", async () => {
  const notice = "no model is installed";
  const stub = new StubLantern([
    SOURCES,
    event("delta", { text: "It calls `gone_name`." }),
    event("cite", { n: [], start: 10, end: 19, status: "invented" }),
    event("end", { reason: "stop", model: "extractive", notice }),
  ]);
  const { parts } = await respond(stub, { prompt: "Why?" });
  const text = markdown(parts);
  assert.ok(text.includes(`*${notice}*`) && text.includes("*gone\\_name not confirmed*"), text);
  assert.ok(text.endsWith("*quoted from the code, without a model*"), text);
});

test("a place outside of the codebase is no link", async () => {
  const stub = new StubLantern([event("delta", { text: "`../../etc/passwd:1`" }), ANSWER.at(-1)!]);
  const { parts } = await respond(stub, { prompt: "Why?" });
  assert.deepEqual(kinds(parts), ["progress", "markdown", "markdown"]);
});

test("each bad state has its words and its button", async () => {
  const stub = new StubLantern();
  stub.failure = new Problem("no-command", "The program `lantern` was not found.");
  const { parts, result, followUps } = await respond(stub, { prompt: "Why?" });
  assert.deepEqual(parts.at(-1), ["button", { title: "Open settings", command: "lantern.openSettings" }]);
  assert.equal(result.errorDetails?.message, "The program `lantern` was not found.");
  assert.deepEqual(followUps, []);
  editor.folders = [];
  const closed = await respond(new StubLantern(), { prompt: "Why?" });
  assert.match(closed.result.errorDetails?.message ?? "", /^Open a folder first/);
});

test("an answer that fails half-way keeps its text and says why", async () => {
  const error = { code: "engine_failed", message: "the model's process died" };
  const stub = new StubLantern([event("delta", { text: "It is " }), event("end", { reason: "error", error })]);
  const { parts, result } = await respond(stub, { prompt: "Why?" });
  assert.equal(markdown(parts), "It is ");
  assert.equal(result.errorDetails?.message, "the model's process died");
});
