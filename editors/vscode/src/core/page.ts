// The document of the view. Its policy allows one script and one style sheet of the extension, and nothing else.

export interface PageParts {
  nonce: string;
  script: string; // addresses as the view may load them
  style: string;
  source: string; // where the extension's own files come from
}

export function viewPage({ nonce, script, style, source }: PageParts): string {
  const policy = [
    "default-src 'none'",
    `script-src 'nonce-${nonce}'`,
    `style-src ${source}`,
    "base-uri 'none'",
    "form-action 'none'",
    "require-trusted-types-for 'script'", // no string can become markup, whatever the script does
    "trusted-types 'none'",
  ].join("; ");
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="${policy}">
<meta name="viewport" content="width=device-width, initial-scale=1">
<link rel="stylesheet" href="${style}">
<title>Lantern</title>
</head>
<body>
<div id="banner" hidden></div>
<main id="log" aria-label="Conversation" tabindex="0">
<div id="empty">Ask a question about the code in this workspace. Answers come from this machine, with the places
they rest on.</div>
</main>
<div id="announcer" class="visually-hidden" role="status"></div>
<div id="form">
<textarea id="question" rows="2" aria-label="Question" placeholder="Ask about this codebase"></textarea>
<div id="row">
<span id="summary"></span>
<button id="new" type="button" title="Begin a new conversation">New</button>
<button id="stop" type="button" title="Stop the answer (Escape)" hidden>Stop</button>
<button id="ask" type="button" class="primary" title="Send (Enter)">Ask</button>
</div>
</div>
<script type="module" nonce="${nonce}" src="${script}"></script>
</body>
</html>
`;
}
