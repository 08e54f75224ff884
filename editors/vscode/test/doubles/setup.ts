// Loaded before the tests: `require("vscode")` gets the double instead of the editor's module.

import Module from "node:module";
import { join } from "node:path";

interface Resolver {
  _resolveFilename(request: string, ...rest: unknown[]): string;
}
const loader = Module as unknown as Resolver;
const original = loader._resolveFilename;
loader._resolveFilename = (request, ...rest) =>
  request === "vscode" ? join(__dirname, "vscode.js") : original.call(loader, request, ...rest);
