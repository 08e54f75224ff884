// A double of the editor's module: what the extension uses of it, recorded in `editor` for the tests to look at.

export class Uri {
  private constructor(
    readonly scheme: string,
    readonly path: string,
    readonly text: string,
  ) {}
  static file = (path: string) => new Uri("file", path, `file://${path}`);
  static parse = (text: string) => new Uri(text.split(":")[0] ?? "", text, text);
  static joinPath = (base: Uri, ...parts: string[]) => Uri.file([base.path, ...parts].join("/"));
  get fsPath(): string {
    return this.path;
  }
  toString(): string {
    return this.text;
  }
}

export class Position {
  constructor(
    readonly line: number,
    readonly character: number,
  ) {}
}

export class Range {
  readonly start: Position;
  readonly end: Position;
  constructor(startLine: number, startCharacter: number, endLine: number, endCharacter: number) {
    this.start = new Position(startLine, startCharacter);
    this.end = new Position(endLine, endCharacter);
  }
  get isEmpty(): boolean {
    return this.start.line === this.end.line && this.start.character === this.end.character;
  }
  get isSingleLine(): boolean {
    return this.start.line === this.end.line;
  }
}

export class Selection extends Range {
  get active(): Position {
    return this.end;
  }
}

export class Location {
  constructor(
    readonly uri: Uri,
    readonly range: Range,
  ) {}
}

export class EventEmitter<T> {
  private listeners: ((value: T) => void)[] = [];
  readonly event = (listener: (value: T) => void) => {
    this.listeners.push(listener);
    return { dispose: () => undefined };
  };
  fire(value: T): void {
    for (const listener of this.listeners) listener(value);
  }
  dispose(): void {
    this.listeners = [];
  }
}

export class CancellationTokenSource {
  private readonly emitter = new EventEmitter<void>();
  readonly token = { isCancellationRequested: false, onCancellationRequested: this.emitter.event };
  cancel(): void {
    this.token.isCancellationRequested = true;
    this.emitter.fire();
  }
}

export class LanguageModelTextPart {
  constructor(readonly value: string) {}
}
export class LanguageModelToolCallPart {
  constructor(
    readonly callId: string,
    readonly name: string,
    readonly input: object,
  ) {}
}
export class LanguageModelToolResultPart {
  constructor(
    readonly callId: string,
    readonly content: unknown[],
  ) {}
}
export class ChatResponseTurn {
  constructor(readonly result: { metadata?: unknown }) {}
}
export class ChatRequestTurn {
  constructor(readonly prompt: string) {}
}
export class ThemeColor {
  constructor(readonly id: string) {}
}
export class McpStdioServerDefinition {
  cwd?: Uri;
  constructor(
    readonly label: string,
    readonly command: string,
    readonly args: string[],
    readonly env: Record<string, string>,
    readonly version: string,
  ) {}
}
export const LanguageModelChatMessageRole = { User: 1, Assistant: 2 };
export const StatusBarAlignment = { Left: 1, Right: 2 };
export const ProgressLocation = { Notification: 15 };
export const ViewColumn = { Active: -1 };
export const ConfigurationTarget = { Global: 1 };

/** An open document, made of its text. */
export class TextDocument {
  constructor(
    readonly uri: Uri,
    private readonly text: string,
    readonly isDirty = false,
  ) {}
  get lineCount(): number {
    return this.text.split("\n").length;
  }
  lineAt(line: number) {
    return { lineNumber: line, text: this.text.split("\n")[line] ?? "" };
  }
  getText(range?: Range): string {
    if (!range) return this.text;
    return this.lineAt(range.start.line).text.slice(range.start.character, range.end.character);
  }
  getWordRangeAtPosition({ line, character }: Position): Range | undefined {
    for (const match of this.lineAt(line).text.matchAll(/\w+/g)) {
      const end = match.index + match[0].length;
      if (match.index <= character && character <= end) return new Range(line, match.index, line, end);
    }
    return undefined;
  }
}

const nothing = { dispose: () => undefined };

/** What the tests set, and what the extension did. */
export const editor = {
  folders: [] as string[],
  settings: {} as Record<string, unknown>,
  documents: [] as TextDocument[],
  git: undefined as unknown,
  answers: [] as unknown[], // of input boxes, quick picks and buttons, in their order
  calls: [] as [name: string, ...values: unknown[]][],
  commands: new Map<string, () => unknown>(),
  providers: new Map<string, unknown>(),
  statusBar: { text: "", tooltip: "", show: () => undefined, ...nothing },
  record(name: string, ...values: unknown[]): void {
    this.calls.push([name, ...values]);
  },
  reset(): void {
    Object.assign(this, { folders: [], settings: {}, documents: [], git: undefined, answers: [], calls: [] });
    this.commands.clear();
    this.providers.clear();
    window.activeTextEditor = undefined;
  },
};

function asks(name: string) {
  return async (...values: unknown[]) => {
    editor.record(name, ...values);
    return editor.answers.shift();
  };
}

function registers(name: string) {
  return (id: string, provider: unknown) => {
    editor.record(name, id);
    editor.providers.set(id, provider);
    return { ...nothing };
  };
}

export const window = {
  activeTextEditor: undefined as { document: TextDocument; selection: Selection } | undefined,
  createOutputChannel: () => ({ info: () => undefined, warn: () => undefined, show: () => undefined, ...nothing }),
  createStatusBarItem: () => editor.statusBar,
  setStatusBarMessage: (text: string) => editor.record("setStatusBarMessage", text),
  showInputBox: asks("showInputBox"),
  showQuickPick: asks("showQuickPick"),
  showWarningMessage: asks("showWarningMessage"),
  showInformationMessage: asks("showInformationMessage"),
  showTextDocument: asks("showTextDocument"),
  registerWebviewViewProvider: registers("registerWebviewViewProvider"),
  withProgress: (_: unknown, task: (progress: unknown, token: unknown) => unknown) =>
    task({ report: (value: unknown) => editor.record("progress", value) }, new CancellationTokenSource().token),
};

export const workspace = {
  get workspaceFolders() {
    return editor.folders.length ? editor.folders.map((path) => ({ uri: Uri.file(path) })) : undefined;
  },
  get textDocuments() {
    return editor.documents;
  },
  getWorkspaceFolder: (uri: Uri) => workspace.workspaceFolders?.find((folder) => uri.path.startsWith(folder.uri.path)),
  getConfiguration: () => ({
    get: (name: string, otherwise: unknown) => editor.settings[name] ?? otherwise,
    update: async (name: string, value: unknown) => void (editor.settings[name] = value),
  }),
  openTextDocument: async (uri: Uri) => {
    const found = editor.documents.find((document) => document.uri.path === uri.path);
    if (!found) throw new Error("no such file");
    return found;
  },
  onDidChangeConfiguration: () => nothing,
  onDidChangeWorkspaceFolders: () => nothing,
};

export const commands = {
  registerCommand: (name: string, action: () => unknown) => {
    editor.commands.set(name, action);
    return nothing;
  },
  executeCommand: async (name: string, ...values: unknown[]) => {
    editor.record("executeCommand", name, ...values);
    return editor.commands.get(name)?.();
  },
};
export const chat = {
  createChatParticipant: (id: string, handler: unknown) => {
    const participant = { handler, iconPath: undefined, followupProvider: undefined, ...nothing };
    registers("createChatParticipant")(id, participant);
    return participant;
  },
};
export const lm = {
  registerLanguageModelChatProvider: registers("registerLanguageModelChatProvider"),
  registerMcpServerDefinitionProvider: registers("registerMcpServerDefinitionProvider"),
  selectChatModels: async (selector: unknown) => editor.record("selectChatModels", selector),
};
export const env = {
  clipboard: { writeText: async (text: string) => editor.record("copied", text) },
  openExternal: async (uri: Uri) => editor.record("openExternal", uri.toString()),
};
export const extensions = { getExtension: () => editor.git };
