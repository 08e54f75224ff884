// The editor's cancellation tokens as the signals that Node's own interfaces take.

import type * as vscode from "vscode";

export function abortSignal(token: vscode.CancellationToken): AbortSignal {
  const controller = new AbortController();
  if (token.isCancellationRequested) controller.abort();
  else token.onCancellationRequested(() => controller.abort());
  return controller.signal;
}
