// Markdown of answers as elements: the one place where markup is made of text. `html: false`, then DOMPurify, then a
// Trusted Types policy. Blocks that did not change stay, so a long answer that grows costs its last block only.
import { DOMPurify, html, MarkdownIt, signal, useLayoutEffect, useRef } from "../vendor/vendor.js";
import { markCitations, stripMarks, withMarks } from "./citations.js";
import { copyText } from "./ui.js";

const LONG = 8000; // characters of a code block that is highlighted only once it is complete
const KEPT = 200; // highlighted blocks
const CHARS_A_MS = 200; // a growing answer waits this long between two paints: 5 ms at 1,000 characters
const MOST_PAUSE_MS = 200;
const CLEAN = {
  ALLOWED_TAGS: ("p h1 h2 h3 h4 h5 h6 ul ol li blockquote pre code em strong s hr br table thead tbody tr th td a span " +
    "figure figcaption button div").split(" "),
  ALLOWED_ATTR: ["href", "class", "start", "title", "type", "tabindex", "target", "rel"],
  ALLOW_DATA_ATTR: false,
  ALLOWED_URI_REGEXP: /^https?:\/\//i,
  ADD_ATTR: ["target"],
};
const clean = (markup) => DOMPurify.sanitize(markup, CLEAN);
const policy = globalThis.trustedTypes?.createPolicy("lantern", { createHTML: clean }) ?? { createHTML: clean };

/** The highlighter once it is loaded, else null. It is loaded after the first paint. */
export const highlighter = signal(null);
let isLoading = false;
export async function loadHighlighter() {
  if (isLoading) return;
  isLoading = true;
  try {
    highlighter.value = (await import("../vendor/highlight.js")).hljs;
  } catch {
    isLoading = false; // the server is away: code is shown without colours, until the next look at it
  }
}

const ENTITIES = { "&amp;": "&", "&lt;": "<", "&gt;": ">", "&quot;": '"', "&#x27;": "'" };

/** The lines of a text, each a list of [class or "", text]. Text of a long line or of no known language is one piece. */
export function highlightLines(text, language) {
  const lines = [[]];
  const add = (kind, piece) => piece.split("\n").forEach((part, index) => {
    if (index) lines.push([]);
    if (part) lines.at(-1).push([kind, part]);
  });
  const hljs = highlighter.peek();
  if (!hljs || !language || !hljs.getLanguage(language) || text.length > 200000) {
    add("", text);
    return lines;
  }
  const open = [];
  const { value } = hljs.highlight(text, { language, ignoreIllegals: true });
  for (const [found, kind] of value.matchAll(/<span class="([^"]*)">|<\/span>|[^<]+/g)) {
    if (kind !== undefined) open.push(kind);
    else if (found === "</span>") open.pop();
    else add(open.at(-1) ?? "", found.replace(/&(?:amp|lt|gt|quot|#x27);/g, (entity) => ENTITIES[entity]));
  }
  return lines;
}

const highlighted = new Map(); // language and code -> markup
function highlightCode(code, language) {
  const hljs = highlighter.peek();
  const name = language.toLowerCase();
  if (!hljs || !hljs.getLanguage(name)) return null;
  const key = `${name}\n${code}`;
  let markup = highlighted.get(key);
  if (markup === undefined) {
    markup = hljs.highlight(code, { language: name, ignoreIllegals: true }).value;
    if (highlighted.size >= KEPT) highlighted.delete(highlighted.keys().next().value);
    highlighted.set(key, markup);
  }
  return markup;
}

const md = new MarkdownIt({ html: false, linkify: false /* see vendor/linkify.entry.js */, breaks: false, typographer: false }).disable("image");
const escape = md.utils.escapeHtml;
md.validateLink = (url) => /^https?:\/\//i.test(url);
md.renderer.rules.fence = (tokens, index, options, env) => {
  const code = stripMarks(tokens[index].content);
  const language = stripMarks(tokens[index].info).trim().split(/\s+/)[0].slice(0, 40);
  const isGrowing = env.isLive && index === tokens.length - 1 && code.length > LONG;
  const body = (!isGrowing && highlightCode(code, language)) || escape(code);
  return `<figure class="code-block"><figcaption><span>${escape(language || "text")}</span>` +
    `<button type="button" class="copy">Copy</button></figcaption><pre tabindex="0"><code>${body}</code></pre></figure>`;
};
md.renderer.rules.code_block = md.renderer.rules.fence;
const openLink = md.renderer.rules.link_open ?? ((tokens, index, options, env, self) => self.renderToken(tokens, index, options));
md.renderer.rules.link_open = (tokens, index, ...rest) => {
  const token = tokens[index];
  const href = (token.attrGet("href") ?? "").replace(/%EE%80%8[01]|%E[EF]%[89AB][0-9A-F]%[89AB][0-9A-F]/gi, "");
  token.attrSet("href", href);
  token.attrSet("title", href);
  token.attrSet("target", "_blank");
  token.attrSet("rel", "noopener noreferrer nofollow");
  return openLink(tokens, index, ...rest);
};
for (const name of ["th_open", "td_open"]) { // alignment comes as a style attribute, which the page's policy refuses
  md.renderer.rules[name] = (tokens, index) => {
    const side = /text-align:(\w+)/.exec(tokens[index].attrGet("style") ?? "")?.[1];
    return `<${tokens[index].tag}${side ? ` class="to-${side}"` : ""}>`;
  };
}
md.renderer.rules.table_open = () => '<div class="table-frame" tabindex="0"><table>';
md.renderer.rules.table_close = () => "</table></div>";

/** The markup of each top-level block of a text. */
function blocks(text, isLive) {
  const env = { isLive };
  const tokens = md.parse(text, env);
  const groups = [];
  let group = [];
  let depth = 0;
  for (const token of tokens) {
    group.push(token);
    depth += token.nesting;
    if (depth === 0) {
      groups.push(group);
      group = [];
    }
  }
  return groups.map((one, index) => md.renderer.render(one, md.options, { ...env, isLive: isLive && index === groups.length - 1 }));
}

/** Brings `element` up to date with a text and its citations. Blocks whose markup is the same are not touched. */
function paint(element, text, cites, sources, isLive) {
  const fresh = blocks(withMarks(text, cites), isLive);
  const before = element.markups ?? [];
  const note = cites.map((one) => one.status).join();
  const isSame = (index) => before[index] === fresh[index] && element.note === note;
  fresh.forEach((markup, index) => {
    if (isSame(index) || (before[index] === markup && !/[\ue000\ue001]/.test(markup))) return;
    const block = document.createElement("div");
    block.className = "block";
    block.dir = "auto";
    block.innerHTML = policy.createHTML(markup);
    markCitations(block, cites, sources);
    if (element.children[index]) element.children[index].replaceWith(block);
    else element.append(block);
  });
  while (element.children.length > fresh.length) element.lastChild.remove();
  Object.assign(element, { markups: fresh, note });
}

/** An answer. `onCite(cite)` runs when a citation is chosen. While it grows it is painted once per frame, a long one less. */
export function Markdown({ text, cites = [], sources = [], isLive = false, onCite }) {
  const element = useRef(null);
  const next = useRef({ timer: 0, frame: 0 });
  const hljs = highlighter.value;
  if (!hljs && text.includes("```")) loadHighlighter();
  useLayoutEffect(() => {
    const work = next.current;
    work.run = () => {
      work.timer = 0;
      if (work.hljs !== hljs && element.current) element.current.markups = [];
      work.hljs = hljs;
      if (element.current) paint(element.current, text, cites, sources, isLive);
    };
    if (isLive) { // in a hidden tab the frame comes when the tab is shown
      const pauseMs = Math.min(MOST_PAUSE_MS, text.length / CHARS_A_MS);
      work.timer ||= setTimeout(() => (work.frame = requestAnimationFrame(() => work.run())), pauseMs);
    } else {
      clearTimeout(work.timer);
      cancelAnimationFrame(work.frame);
      work.run();
    }
  }, [text, cites, sources, isLive, hljs]);
  const onClick = (event) => {
    const cite = event.target.closest?.("[data-cite]");
    if (cite) return onCite?.(cites[Number(cite.dataset.cite)]);
    const copy = event.target.closest?.(".copy");
    if (!copy) return undefined;
    return copyText(copy.closest("figure").querySelector("code").textContent, copy);
  };
  return html`<div class="markdown" ref=${element} onClick=${onClick}></div>`;
}
