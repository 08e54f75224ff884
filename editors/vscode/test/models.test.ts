// The language model provider: a list without a server, answers of `/v1`, and the order of registrations.

import assert from "node:assert/strict";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { beforeEach, test } from "node:test";

import type * as vscode from "vscode";

import { activate, deactivate } from "../src/extension";
import { ModelProvider } from "../src/models";
import { entry, facts, ROOT, StubLantern } from "./doubles/stub";
import * as double from "./doubles/vscode";

const { editor, LanguageModelTextPart } = double;
const LIMIT = { timeout: 20_000 };

beforeEach(() => {
  editor.reset();
  editor.folders = [ROOT];
});

async function complete(status: number, lines: string[], id = "+repo", more: object[] = [], tools: object[] = []) {
  const bodies: string[] = [];
  const server = createServer((request, reply) => {
    request.on("data", (data) => bodies.push(String(data)));
    request.on("end", () => {
      reply.writeHead(status);
      for (const line of lines) reply.write(line);
      reply.end();
    });
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as AddressInfo;
  const stub = Object.assign(new StubLantern(), {
    server: { endpoint: async () => ({ url: `http://127.0.0.1:${port}`, token: "secret" }) },
  });
  const provider = new ModelProvider(stub.asLantern);
  const messages = [
    { role: 1, content: [new LanguageModelTextPart("Why?"), { unknown: true }], name: undefined },
    { role: 2, content: [new LanguageModelTextPart("So.")], name: undefined },
    { role: 1, content: [new LanguageModelTextPart("Really?")], name: undefined },
    ...more,
  ] as unknown as vscode.LanguageModelChatRequestMessage[];
  const texts: unknown[] = [];
  const progress = {
    report: (part: vscode.LanguageModelResponsePart) => texts.push("value" in part ? part.value : part),
  };
  const token = new double.CancellationTokenSource().token as unknown as vscode.CancellationToken;
  const options = { toolMode: 1, tools } as vscode.ProvideLanguageModelChatResponseOptions;
  const model = { id } as vscode.LanguageModelChatInformation;
  try {
    await provider.provideLanguageModelChatResponse(model, messages, options, progress, token);
  } finally {
    server.closeAllConnections();
    server.close();
  }
  return { texts, body: JSON.parse(bodies.join("")) as object };
}

const chunk = (content: string) => `data: ${JSON.stringify({ choices: [{ delta: { content } }] })}\n\n`;

test("a model is there before any server, and the others when the server names them", () => {
  const provider = new ModelProvider(new StubLantern().asLantern);
  const ids = () => provider.provideLanguageModelChatInformation().map(({ id }) => id);
  assert.deepEqual(ids(), ["+repo"]);
  let changes = 0;
  provider.onDidChangeLanguageModelChatInformation(() => changes++);
  provider.update([...facts().models, entry("phi", "missing")]);
  provider.update(facts().models);
  assert.deepEqual(ids(), ["+repo", "qwen+repo", "qwen"]);
  assert.equal(changes, 1);
});

test(
  "the participant is registered after the editor has the list of models: a first message cannot come between",
  LIMIT,
  async () => {
    editor.settings = { dataDir: "/nowhere", command: "/nowhere/lantern" };
    const extension = { packageJSON: { version: "1" } };
    await activate({
      subscriptions: [],
      extensionUri: double.Uri.file("/x"),
      extension,
    } as unknown as vscode.ExtensionContext);
    const names = editor.calls.map(([name]) => name);
    assert.deepEqual(names.slice(0, 3), [
      "registerLanguageModelChatProvider",
      "selectChatModels",
      "createChatParticipant",
    ]);
    assert.deepEqual(editor.calls[1], ["selectChatModels", { vendor: "lantern" }]);
    const mcp = editor.providers.get("lantern.mcp") as {
      provideMcpServerDefinitions(): double.McpStdioServerDefinition[];
    };
    const [definition] = mcp.provideMcpServerDefinitions();
    assert.deepEqual(
      [definition?.command, definition?.args, definition?.env],
      ["/nowhere/lantern", ["mcp"], { DATA_DIR: "/nowhere" }],
    );
    assert.equal(definition?.cwd?.path, ROOT);
    await deactivate();
  },
);

test("a message before the extension has started says why there is no answer", LIMIT, async () => {
  editor.settings = { dataDir: "/nowhere", command: "/nowhere/lantern" };
  const { selectChatModels } = double.lm;
  let asked: Promise<void> | undefined;
  double.lm.selectChatModels = async (selector) => {
    const provider = editor.providers.get("lantern") as ModelProvider;
    const token = new double.CancellationTokenSource().token as unknown as vscode.CancellationToken;
    const model = { id: "qwen" } as vscode.LanguageModelChatInformation;
    const options = { toolMode: 1 } as vscode.ProvideLanguageModelChatResponseOptions;
    asked = provider.provideLanguageModelChatResponse(model, [], options, { report: () => undefined }, token);
    await asked.catch(() => undefined);
    return selectChatModels(selector);
  };
  const extension = { packageJSON: { version: "1" } };
  const context = { subscriptions: [], extensionUri: double.Uri.file("/x"), extension };
  await activate(context as unknown as vscode.ExtensionContext);
  double.lm.selectChatModels = selectChatModels;
  await assert.rejects(asked as Promise<void>, /\/nowhere\/lantern` was not found/);
  await deactivate();
});

test("the text of a stream, with comments and cuts in between", LIMIT, async () => {
  const stream = `: prompt 1/2\n\n${chunk("a é ")}${chunk("b")}data: [DONE]\n\n`;
  const { texts, body } = await complete(200, [stream.slice(0, 40), stream.slice(40)]);
  assert.deepEqual(texts, ["a é ", "b"]);
  assert.deepEqual(body, {
    model: "+repo",
    messages: [
      { role: "user", content: "Why?" },
      { role: "assistant", content: "So." },
      { role: "user", content: "Really?" },
    ],
    codebase: "p-1",
    stream: true,
  });
  assert.equal("codebase" in (await complete(200, [chunk("c")], "qwen")).body, false);
});

test("tools: what is offered, called and answered", LIMIT, async () => {
  const call = new double.LanguageModelToolCallPart("c1", "read", { path: "a" });
  const answered = new double.LanguageModelToolResultPart("c1", [new LanguageModelTextPart("text of a")]);
  const more = [
    { role: 2, content: [call] },
    { role: 1, content: [answered] },
  ];
  const part = (fields: object) => `data: ${JSON.stringify({ choices: [{ delta: { tool_calls: [fields] } }] })}\n\n`;
  const lines = [
    part({ index: 0, id: "c2", function: { name: "read", arguments: '{"path"' } }),
    part({ index: 0, function: { arguments: ':"b"}' } }),
  ];
  const { texts, body } = await complete(200, lines, "qwen", more, [{ name: "read", description: "Reads." }]);
  assert.deepEqual(texts, [new double.LanguageModelToolCallPart("c2", "read", { path: "b" })]);
  const { messages, tools } = body as { messages: object[]; tools: object[] };
  const sent = { id: "c1", type: "function", function: { name: "read", arguments: '{"path":"a"}' } };
  assert.deepEqual(messages.slice(3), [
    { role: "assistant", content: "", tool_calls: [sent] },
    { role: "tool", content: "text of a", tool_call_id: "c1" },
  ]);
  const parameters = { type: "object" };
  assert.deepEqual(tools, [{ type: "function", function: { name: "read", description: "Reads.", parameters } }]);
});

test("errors have the server's words, before and in the stream", LIMIT, async () => {
  const error = { message: "no model phi3-mini is installed", code: "model_unavailable" };
  await assert.rejects(
    complete(503, [JSON.stringify({ error })]),
    /^Error: no model phi3-mini is installed\. Install one/,
  );
  const late = { message: "the process died", code: "engine_failed" };
  await assert.rejects(complete(200, [chunk("a"), `data: ${JSON.stringify({ error: late })}\n\n`]), /the process died/);
  await assert.rejects(complete(401, ["{}"]), /does not accept the token/);
});
