// Code with line numbers. Highlighting is by line spans of text nodes, so that no markup is ever made of code.
import { html, useEffect, useRef } from "../vendor/vendor.js";
import { inOrder } from "./format.js";
import { highlightLines, highlighter, loadHighlighter } from "./markdown.js";

const SUFFIXES = new Map(Object.entries({
  py: "python", pyi: "python", js: "javascript", mjs: "javascript", cjs: "javascript", jsx: "javascript",
  ts: "typescript", tsx: "typescript", rs: "rust", rb: "ruby", kt: "kotlin", kts: "kotlin", cs: "csharp", c: "c", h: "c",
  cc: "cpp", cpp: "cpp", hpp: "cpp", cxx: "cpp", go: "go", java: "java", sh: "bash", bash: "bash", zsh: "bash", sql: "sql",
  php: "php", swift: "swift", scala: "scala", lua: "lua", pl: "perl", hs: "haskell", ex: "elixir", exs: "elixir",
  dart: "dart", css: "css", scss: "css", html: "xml", xml: "xml", svg: "xml", vue: "xml", json: "json", yaml: "yaml",
  yml: "yaml", toml: "ini", ini: "ini", cfg: "ini", md: "markdown", diff: "diff", patch: "diff",
}));
const NAMES = new Map([["Makefile", "makefile"], ["Dockerfile", "dockerfile"]]);

/** The highlighter's name of a file's language; "" if it has none. */
export function languageOf(path) {
  const name = String(path).split("/").pop();
  return NAMES.get(name) ?? SUFFIXES.get(name.split(".").pop().toLowerCase()) ?? "";
}

/** Lines `start`.. of a file. `marks`: lines [from, to] that are marked; the first is scrolled to with `scroll`. */
export function CodeView({ path, start = 1, text, marks = null, scroll = false }) {
  const element = useRef(null);
  if (!highlighter.value) loadHighlighter();
  const lines = highlightLines(inOrder(text), highlighter.value ? languageOf(path) : "");
  useEffect(() => {
    if (scroll) element.current?.querySelector(".marked")?.scrollIntoView({ block: "center" });
  }, [path, start, text, marks?.[0]]);
  const coversAll = marks && marks[0] <= start && marks[1] >= start + lines.length - 1; // then a mark says nothing
  const isMarked = (number) => marks && !coversAll && number >= marks[0] && number <= marks[1];
  return html`
    <div class="code-view" ref=${element} tabindex="0" role="region" aria-label="Code">
      <table><tbody>${lines.map((pieces, index) => html`
        <tr key=${index} class=${isMarked(start + index) ? "marked" : ""}>
          <td class="line-number" data-line=${start + index} aria-hidden="true"></td>
          <td class="line">${pieces.map(([kind, piece]) => (kind ? html`<span class=${kind}>${piece}</span>` : piece))}${"\n"}</td>
        </tr>`)}</tbody></table>
    </div>`;
}
