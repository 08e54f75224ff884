// Marks citations in an answer. Offsets count code points; they become two private characters in the text, which
// Markdown leaves alone, and elements once the text is markup.
import { place } from "./format.js";

const OPEN = "\ue000";
const CLOSE = "\ue001";
const FIRST = 0xe100; // a citation's number, as one character
const MOST = 0xf8ff - FIRST;

const WORDS = {
  ok: "unchanged",
  moved: "the code moved to another place",
  stale: "the code has changed since",
  invented: "not confirmed by the sources",
};
export const statusWords = (status) => WORDS[status] ?? status;

export const stripMarks = (text) => text.replace(/[\ue000-\uf8ff]/g, "");

/**
 * The text with two characters around each citation. Private characters of its own become U+FFFD, and those that change
 * the direction of text, too: one for one, so that the offsets hold.
 */
export function withMarks(text, cites) {
  const plain = text.replace(/[\ue000-\uf8ff\u202a-\u202e\u2066-\u2069]/g, "\ufffd");
  if (!cites.length) return plain;
  const points = /[\ud800-\udfff]/.test(plain) ? Array.from(plain) : plain;
  const cuts = [];
  cites.slice(0, MOST).forEach(({ start, end }, index) => {
    if (!(start < end && end <= points.length)) return;
    cuts.push([start, 1, OPEN + String.fromCharCode(FIRST + index)], [end, 0, CLOSE]);
  });
  cuts.sort((a, b) => a[0] - b[0] || a[1] - b[1]);
  const part = (from, to) => (typeof points === "string" ? points.slice(from, to) : points.slice(from, to).join(""));
  let marked = "";
  let at = 0;
  for (const [where, , mark] of cuts) {
    marked += part(at, where) + mark;
    at = where;
  }
  return marked + part(at);
}

function element(text, index, cite, sources) {
  const isLink = cite.status !== "invented" && cite.n.length > 0;
  const made = document.createElement(isLink ? "button" : "span");
  made.className = `cite ${cite.status}`;
  made.append(text);
  const source = sources.find((one) => one.n === cite.n[0]);
  const where = source ? `, ${place(source.path, source.start, source.end)}` : "";
  const words = isLink ? `Source ${cite.n.join(", ")}${where}: ${statusWords(cite.status)}` : statusWords(cite.status);
  made.title = words;
  if (isLink) {
    made.type = "button";
    made.dataset.cite = String(index);
    made.setAttribute("aria-label", words);
  } else {
    const hidden = document.createElement("span");
    hidden.className = "visually-hidden";
    hidden.textContent = ` (${words})`;
    made.append(hidden);
  }
  return made;
}

/** Replaces the characters of `withMarks` below `root` by elements. */
export function markCitations(root, cites, sources) {
  const walker = document.createTreeWalker(root, NodeFilter.SHOW_TEXT);
  const nodes = [];
  while (walker.nextNode()) nodes.push(walker.currentNode);
  let current = null;
  for (const node of nodes) {
    if (current === null && !/[\ue000-\uf8ff]/.test(node.data)) continue;
    const pieces = document.createDocumentFragment();
    for (const [found, mark, text] of node.data.matchAll(/\ue000([\ue100-\uf8ff])|\ue001|([^\ue000-\uf8ff]+)/g)) {
      if (mark) current = mark.charCodeAt(0) - FIRST;
      else if (found === CLOSE) current = null;
      else if (current !== null && cites[current]) pieces.append(element(text, current, cites[current], sources));
      else pieces.append(text);
    }
    node.replaceWith(pieces);
  }
}
