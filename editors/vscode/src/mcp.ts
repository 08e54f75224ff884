// Tells the editor of Lantern's MCP server, so that agents in it get the tools without configuration.

import * as vscode from "vscode";

import { type ServerSettings, dataFolder } from "./core/server";

export const MCP_PROVIDER = "lantern.mcp";

export function registerMcp(settings: () => ServerSettings, version: string): vscode.Disposable {
  return vscode.lm.registerMcpServerDefinitionProvider(MCP_PROVIDER, {
    provideMcpServerDefinitions: () => {
      const { command } = settings();
      const environment = { DATA_DIR: dataFolder(settings()) };
      const definition = new vscode.McpStdioServerDefinition("Lantern", command, ["mcp"], environment, version);
      const folder = vscode.workspace.workspaceFolders?.[0]?.uri;
      if (folder) definition.cwd = folder; // the codebase that its tools search
      return [definition];
    },
  });
}
