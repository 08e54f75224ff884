// Markdown of answers as plain data: blocks of inline pieces, each with its place in the text.
// Knows no HTML: what it does not understand stays text, so an answer cannot become markup.

export type Inline =
  | { kind: "text" | "strong" | "em"; text: string }
  | { kind: "code"; text: string; at: number }
  | { kind: "place"; path: string; start: number; end: number; text: string; at: number }
  | { kind: "source"; n: number; text: string; at: number };

export type Block =
  | { kind: "heading"; level: number; inline: Inline[] }
  | { kind: "paragraph" | "quote"; inline: Inline[] }
  | { kind: "item"; depth: number; marker: string; inline: Inline[] }
  | { kind: "code"; language: string; text: string }
  | { kind: "rule" };

const FENCE = /^ {0,3}(`{3,9}|~{3,9})\s{0,9}([\w+#.-]{0,40})[^`]*$/;
const HEADING = /^(#{1,6})\s+(?=\S)/;
const ITEM = /^(\s*)([-*+]|\d{1,9}[.)])\s+/;
const QUOTE = /^\s{0,3}>\s?/;
const RULE = /^\s{0,3}([-*_])(?:\s*\1){2,}\s*$/;
// Bounded repetitions: the time for a line is linear in its length, whatever it holds.
const INLINE = /(`{1,3})([^`\n]{1,1000}?)\1(?!`)|\[(\d{1,4})\]|\*\*([^*\n]{1,1000})\*\*|\*([^*\s\n][^*\n]{0,500})\*/g;
const PLACE = /^([^\s:`][^:`\n]{0,400}):(\d{1,7})(?:-(\d{1,7}))?$/;

/** The blocks of an answer, complete or still growing. `at` counts UTF-16 units of `text`. */
export function parse(text: string): Block[] {
  const blocks: Block[] = [];
  let fence: { mark: string; language: string; lines: string[] } | undefined;
  let at = 0;
  for (const line of text.split("\n")) {
    if (fence) {
      if (line.trim().startsWith(fence.mark) && line.trim().replace(/[`~]/g, "") === "") {
        blocks.push(codeBlock(fence));
        fence = undefined;
      } else fence.lines.push(line);
    } else {
      const opening = FENCE.exec(line);
      if (opening) fence = { mark: opening[1] ?? "", language: opening[2] ?? "", lines: [] };
      else addLine(blocks, line, at);
    }
    at += line.length + 1;
  }
  if (fence) blocks.push(codeBlock(fence));
  return blocks.filter((block) => !("inline" in block) || block.inline.length > 0 || block.kind === "item");
}

function codeBlock(fence: { language: string; lines: string[] }): Block {
  return { kind: "code", language: fence.language, text: fence.lines.join("\n") };
}

function addLine(blocks: Block[], line: string, at: number): void {
  const rest = (match: RegExpExecArray) => parseInline(line.slice(match[0].length), at + match[0].length);
  const heading = HEADING.exec(line);
  const item = ITEM.exec(line);
  const quote = QUOTE.exec(line);
  if (RULE.test(line)) blocks.push({ kind: "rule" });
  else if (heading) blocks.push({ kind: "heading", level: heading[1]?.length ?? 1, inline: rest(heading) });
  else if (item) {
    const depth = Math.min(Math.floor((item[1]?.length ?? 0) / 2), 6);
    blocks.push({ kind: "item", depth, marker: item[2] ?? "-", inline: rest(item) });
  } else if (quote) blocks.push({ kind: "quote", inline: rest(quote) });
  else if (line.trim() === "") blocks.push({ kind: "paragraph", inline: [] });
  else continueParagraph(blocks, line, at);
}

/** A line without a marker of its own goes on with the paragraph or the item before it. */
function continueParagraph(blocks: Block[], line: string, at: number): void {
  const last = blocks.at(-1);
  const inline = parseInline(line, at);
  const isOpen = last?.kind === "paragraph" || (last?.kind === "item" && /^\s/.test(line));
  if (last && isOpen && "inline" in last && (last.inline.length > 0 || last.kind === "paragraph")) {
    if (last.inline.length > 0) last.inline.push({ kind: "text", text: "\n" });
    last.inline.push(...inline);
  } else blocks.push({ kind: "paragraph", inline });
}

/** The pieces of one line. */
export function parseInline(line: string, at = 0): Inline[] {
  const pieces: Inline[] = [];
  let from = 0;
  for (const match of line.matchAll(INLINE)) {
    if (match.index > from) pieces.push({ kind: "text", text: line.slice(from, match.index) });
    pieces.push(piece(match, at + match.index));
    from = match.index + match[0].length;
  }
  if (from < line.length) pieces.push({ kind: "text", text: line.slice(from) });
  return pieces;
}

function piece(match: RegExpExecArray, at: number): Inline {
  const [whole, ticks, code, source, strong, em] = match;
  if (code !== undefined) {
    const inner = at + (ticks?.length ?? 0);
    const place = PLACE.exec(code);
    if (!place) return { kind: "code", text: code, at: inner };
    const start = Number(place[2]);
    return { kind: "place", path: place[1] ?? "", start, end: Number(place[3] ?? start), text: code, at: inner };
  }
  if (source !== undefined) return { kind: "source", n: Number(source), text: whole, at };
  return strong !== undefined ? { kind: "strong", text: strong } : { kind: "em", text: em ?? "" };
}

/** Offsets in code points, as the server counts, to offsets in UTF-16 units. */
export function unitOffsets(text: string, points: number[]): number[] {
  if (!/[\uD800-\uDBFF]/.test(text)) return points;
  const offsets: number[] = [];
  let unit = 0;
  for (const character of text) {
    offsets.push(unit);
    unit += character.length;
  }
  return points.map((point) => offsets[point] ?? unit);
}
