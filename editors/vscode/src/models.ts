// The language model provider: the models of the server for the chat of the editor and for other extensions.
// Messages go to `/v1/chat/completions`; `NAME+repo` answers from the codebase.

import * as vscode from "vscode";

import { workspaceFolder } from "./editor";
import { toProblem } from "./core/errors";
import { codebaseOf, type Lantern, usableModels } from "./core/lantern";
import { type ChatBody, type ChatMessage, streamChat, type ToolCall } from "./core/rest";
import { abortSignal } from "./signals";
import type { ModelEntry } from "./core/wire";

export const OWN_MODEL = "+repo"; // the server's own model, with the codebase
const OUTPUT_TOKENS = 2_048;
const CONTEXT = 8_192; // until the server has said how much its model takes
const CHARS_PER_TOKEN = 3.5; // of code; an estimate is all that the editor needs

type Information = vscode.LanguageModelChatInformation;

export class ModelProvider implements vscode.LanguageModelChatProvider {
  private readonly changed = new vscode.EventEmitter<void>();
  readonly onDidChangeLanguageModelChatInformation = this.changed.event;
  private models: Information[] = [information(OWN_MODEL, "Lantern", CONTEXT)];

  constructor(private readonly lantern: Lantern) {}

  /**
   * Answers at once, without the server: a first message must not arrive before the list of models, since the editor
   * refuses it then. The models of the server are announced when it has named them.
   */
  provideLanguageModelChatInformation(): Information[] {
    return this.models;
  }

  /** Takes over what the server has; `models` is what `initialize` answers. */
  update(models: ModelEntry[]): void {
    const own = models.find((model) => model.default);
    const usable = usableModels(models);
    const next = [
      information(OWN_MODEL, "Lantern", own?.context ?? CONTEXT),
      ...usable.map(({ id, context }) => information(`${id}+repo`, `${id} with this codebase`, context)),
      ...usable.map(({ id, context }) => information(id, id, context)),
    ];
    if (JSON.stringify(next) === JSON.stringify(this.models)) return;
    this.models = next;
    this.changed.fire();
  }

  async provideLanguageModelChatResponse(
    model: Information,
    messages: readonly vscode.LanguageModelChatRequestMessage[],
    options: vscode.ProvideLanguageModelChatResponseOptions,
    progress: vscode.Progress<vscode.LanguageModelResponsePart>,
    token: vscode.CancellationToken,
  ): Promise<void> {
    const signal = abortSignal(token);
    try {
      const body = await this.body(model.id, messages, options);
      for await (const piece of streamChat(await this.lantern.server.endpoint(), body, signal)) {
        progress.report("text" in piece ? new vscode.LanguageModelTextPart(piece.text) : toolCallPart(piece.call));
      }
    } catch (failure) {
      if (signal.aborted) return;
      throw new Error(toProblem(failure).message);
    }
  }

  private async body(
    model: string,
    messages: readonly vscode.LanguageModelChatRequestMessage[],
    options: vscode.ProvideLanguageModelChatResponseOptions,
  ): Promise<ChatBody> {
    const body: ChatBody = { model, messages: messages.flatMap(chatMessages) };
    const { max_tokens, temperature } = options.modelOptions ?? {};
    if (typeof max_tokens === "number") body.max_tokens = max_tokens;
    if (typeof temperature === "number") body.temperature = temperature;
    if (!model.endsWith("+repo")) return options.tools?.length ? { ...body, tools: options.tools.map(toolBody) } : body;
    const codebase = codebaseOf(await this.lantern.facts(), workspaceFolder());
    return codebase ? { ...body, codebase: codebase.id } : body;
  }

  async provideTokenCount(_: Information, text: string | vscode.LanguageModelChatRequestMessage): Promise<number> {
    const content =
      typeof text === "string"
        ? text
        : chatMessages(text)
            .map((message) => message.content)
            .join("");
    return Math.ceil(content.length / CHARS_PER_TOKEN);
  }

  dispose(): void {
    this.changed.dispose();
  }
}

function information(id: string, name: string, context: number): Information {
  const output = Math.min(OUTPUT_TOKENS, Math.floor(context / 2));
  return {
    id,
    name,
    family: id.replace(/\+repo$/, "") || "lantern",
    version: "1",
    detail: id.endsWith("+repo") ? "answers from your code" : "on this machine",
    tooltip: "Runs on this machine; nothing leaves it.",
    maxInputTokens: context - output,
    maxOutputTokens: output,
    // The chat's agent mode, in which it opens, selects no model without this, and refuses `@lantern` without a model.
    capabilities: { toolCalling: true },
  };
}

function toolBody({ name, description, inputSchema }: vscode.LanguageModelChatTool): object {
  return { type: "function", function: { name, description, parameters: inputSchema ?? { type: "object" } } };
}

function toolCallPart({ id, function: { name, arguments: json } }: ToolCall): vscode.LanguageModelToolCallPart {
  let input: unknown;
  try {
    input = JSON.parse(json || "{}");
  } catch {
    throw new Error(`The model called the tool ${name} with arguments that are no JSON.`);
  }
  return new vscode.LanguageModelToolCallPart(id, name, input as object);
}

/** A message of the editor in the form of `/v1`: text and calls in one, each result of a tool in one of its own. */
function chatMessages(message: vscode.LanguageModelChatRequestMessage): ChatMessage[] {
  const results: ChatMessage[] = [];
  const calls: ToolCall[] = [];
  let content = "";
  for (const part of message.content) {
    if (part instanceof vscode.LanguageModelTextPart) content += part.value;
    else if (part instanceof vscode.LanguageModelToolCallPart) {
      const { callId: id, name, input } = part;
      calls.push({ id, type: "function", function: { name, arguments: JSON.stringify(input) } });
    } else if (part instanceof vscode.LanguageModelToolResultPart) {
      const texts = part.content.map((one) => (one instanceof vscode.LanguageModelTextPart ? one.value : ""));
      results.push({ role: "tool", content: texts.join(""), tool_call_id: part.callId });
    } // parts of other kinds have no meaning for these models
  }
  const role = message.role === vscode.LanguageModelChatMessageRole.Assistant ? "assistant" : "user";
  if (calls.length) return [...results, { role, content, tool_calls: calls }];
  return content ? [...results, { role, content }] : results;
}
