// Finds the citations in an answer while it streams: `[1]`, and places such as `path.py:3-9` in backticks.
// Knows no editor. What it returns, joined, is the text that it was given.

export type Piece =
  | { kind: "text"; text: string }
  | { kind: "source"; text: string; n: number }
  | { kind: "place"; text: string; path: string; start: number; end: number };

const TOKEN = /\[(\d{1,4})\]|`([^\s:`][^:`\n]{0,400}):(\d{1,7})(?:-(\d{1,7}))?`/g;
const FENCE = /^\s{0,3}(```|~~~)/;
const LONGEST = 500; // a bracket or backtick that is open for longer is no citation

export class CitationSplitter {
  private rest = "";
  private isInFence = false;
  private isLineStart = true;

  /** The pieces that are complete after some more text. */
  push(text: string): Piece[] {
    this.rest += text;
    const pieces: Piece[] = [];
    for (let end = this.rest.indexOf("\n"); end >= 0; end = this.rest.indexOf("\n")) {
      pieces.push(...this.take(end + 1));
      this.isLineStart = true;
    }
    const safe = this.safeLength();
    if (safe > 0) {
      pieces.push(...this.take(safe));
      this.isLineStart = false;
    }
    return pieces;
  }

  /** The remaining pieces, at the end of the answer. */
  flush(): Piece[] {
    return this.rest ? this.take(this.rest.length) : [];
  }

  /** How much of an unfinished line can be given away: nothing that may become a fence or a citation. */
  private safeLength(): number {
    const mayBeFence = this.isInFence || FENCE.test(this.rest) || /^\s*[`~]*$/.test(this.rest);
    if (this.isLineStart && mayBeFence) return 0;
    if (this.isInFence) return this.rest.length;
    const open = openCitation(this.rest);
    return this.rest.length - open > LONGEST ? this.rest.length : open;
  }

  private take(length: number): Piece[] {
    const text = this.rest.slice(0, length);
    this.rest = this.rest.slice(length);
    if (this.isLineStart && FENCE.test(text)) {
      this.isInFence = !this.isInFence;
      return [{ kind: "text", text }];
    }
    return this.isInFence ? [{ kind: "text", text }] : split(text);
  }
}

/** Where a citation begins that the end of the text cuts off; the length of the text if there is none. */
function openCitation(text: string): number {
  const ticks = text.split("`").length - 1;
  if (ticks % 2 === 1) return text.lastIndexOf("`");
  const bracket = text.search(/\[\d{0,4}$/);
  return bracket >= 0 ? bracket : text.length;
}

function split(text: string): Piece[] {
  const pieces: Piece[] = [];
  let from = 0;
  for (const match of text.matchAll(TOKEN)) {
    if (match.index > from) pieces.push({ kind: "text", text: text.slice(from, match.index) });
    const [whole, n, path, start, end] = match;
    if (n !== undefined) pieces.push({ kind: "source", text: whole, n: Number(n) });
    else
      pieces.push({
        kind: "place",
        text: whole,
        path: path ?? "",
        start: Number(start),
        end: Number(end ?? start),
      });
    from = match.index + whole.length;
  }
  if (from < text.length) pieces.push({ kind: "text", text: text.slice(from) });
  return pieces;
}
