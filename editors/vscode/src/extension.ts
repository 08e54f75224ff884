// Starts and ends the extension: builds its parts and connects them. What a part does is in its own module.

import * as vscode from "vscode";

import { registerCommands } from "./commands";
import { Lantern } from "./core/lantern";
import { registerMcp } from "./mcp";
import { ModelProvider } from "./models";
import { registerParticipant, VENDOR } from "./participant";
import { expandHome, type ServerSettings } from "./core/server";
import { Status } from "./status";
import { ConversationView, VIEW } from "./view";

const MODELS_MS = 2_000;

let lantern: Lantern | undefined;

export async function activate(context: vscode.ExtensionContext): Promise<void> {
  const log = vscode.window.createOutputChannel("Lantern", { log: true });
  const parts = new Lantern(
    settings,
    (line) => log.info(line),
    () => status.starting(),
    () => status.connectionChanged(),
  );
  lantern = parts;
  const models = new ModelProvider(parts);
  // Both are called when a server starts, which a request to a model can do before this function has ended.
  const view = new ConversationView(parts, context.extensionUri, model, (mayStart) => void status.refresh(mayStart));
  const status = new Status(
    parts,
    model,
    (facts) => models.update(facts.models),
    (state) => view.show(state),
  );
  context.subscriptions.push(log, models, status, vscode.lm.registerLanguageModelChatProvider(VENDOR, models));
  // The editor refuses a message while it knows no model. So the participant, for which a first message waits, comes
  // after the list of models has arrived.
  await Promise.race([vscode.lm.selectChatModels({ vendor: VENDOR }), delay(MODELS_MS)]);

  const version = String((context.extension.packageJSON as { version: string }).version);
  context.subscriptions.push(
    registerParticipant(parts, model, vscode.Uri.joinPath(context.extensionUri, "media", "lantern.svg")),
    registerMcp(settings, version),
    vscode.window.registerWebviewViewProvider(VIEW, view, { webviewOptions: { retainContextWhenHidden: false } }),
    ...registerCommands({ lantern: parts, view, status, log }),
    vscode.workspace.onDidChangeConfiguration((event) => {
      if (event.affectsConfiguration("lantern.dataDir") || event.affectsConfiguration("lantern.command"))
        parts.reconnect();
      if (event.affectsConfiguration("lantern")) void status.refresh();
    }),
    vscode.workspace.onDidChangeWorkspaceFolders(() => void status.refresh()),
  );
  void status.refresh(); // looks for a server; the first question, or the view, starts one
}

export async function deactivate(): Promise<void> {
  await lantern?.dispose();
  lantern = undefined;
}

function settings(): ServerSettings {
  const configuration = vscode.workspace.getConfiguration("lantern");
  const command = expandHome(configuration.get("command", "") || "lantern");
  return { dataDir: configuration.get("dataDir", ""), command };
}

function model(): string {
  return vscode.workspace.getConfiguration("lantern").get("model", "");
}

function delay(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}
