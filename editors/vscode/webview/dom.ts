// Makes elements of an answer. Every text becomes a text node; no string is ever parsed as markup.

import { type Block, type Inline, parse, unitOffsets } from "./markdown.js";
import type { ViewCitation, ViewSource, ViewTurn } from "./messages.js";

export type Child = Node | string;
export type Open = (path: string, start: number, end: number) => void;

export function element<K extends keyof HTMLElementTagNameMap>(
  name: K,
  className: string,
  ...children: Child[]
): HTMLElementTagNameMap[K] {
  const made = document.createElement(name);
  if (className) made.className = className;
  made.append(...children);
  return made;
}

export function button(label: string, className: string, onClick: () => void, title = ""): HTMLButtonElement {
  const made = element("button", className, label);
  made.type = "button";
  if (title) made.title = title;
  made.addEventListener("click", onClick);
  return made;
}

const MEANINGS: Record<ViewCitation["status"], string> = {
  ok: "",
  moved: "this code has moved since",
  stale: "this code has changed since",
  invented: "not confirmed by the sources",
};

const label = (status: ViewCitation["status"]) => (status === "invented" ? "not confirmed" : status);

/** Renders one answer. Knows where its citations are and what they stand for. */
export class AnswerRenderer {
  private readonly marks: { start: number; end: number; citation: ViewCitation }[];
  private readonly sources: Map<number, ViewSource>;

  constructor(
    private readonly turn: ViewTurn,
    private readonly open: Open,
    private readonly copy: (text: string) => void,
  ) {
    const points = turn.citations.flatMap(({ start, end }) => [start, end]);
    const units = unitOffsets(turn.text, points);
    this.marks = turn.citations.map((citation, i) => ({
      start: units[2 * i] ?? 0,
      end: units[2 * i + 1] ?? 0,
      citation,
    }));
    this.sources = new Map(turn.sources.map((source) => [source.n, source]));
  }

  render(): Node[] {
    return parse(this.turn.text).map((block) => this.block(block));
  }

  private block(block: Block): Node {
    switch (block.kind) {
      case "rule":
        return element("hr", "");
      case "code":
        return this.code(block.text);
      case "heading": {
        const made = element("div", "heading", ...this.inline(block.inline));
        made.setAttribute("role", "heading");
        made.setAttribute("aria-level", String(Math.min(block.level + 2, 6)));
        return made;
      }
      case "item": {
        const marker = /\d/.test(block.marker) ? block.marker : "•";
        const made = element("div", `item depth${block.depth}`, element("span", "marker", marker));
        made.append(element("div", "", ...this.inline(block.inline)));
        return made;
      }
      case "quote":
        return element("blockquote", "", ...this.inline(block.inline));
      case "paragraph":
        return element("p", "", ...this.inline(block.inline));
    }
  }

  private code(text: string): Node {
    const copy = button("Copy", "copy", () => this.copy(text), "Copy this code");
    const pre = element("pre", "", element("code", "", text));
    pre.tabIndex = 0; // it scrolls, also by keyboard
    return element("div", "code", copy, pre);
  }

  private inline(pieces: Inline[]): Node[] {
    return pieces.map((piece) => {
      switch (piece.kind) {
        case "text":
          return document.createTextNode(piece.text);
        case "strong":
        case "em":
          return element(piece.kind, "", piece.text);
        case "code":
          return this.marked(element("code", "", piece.text), piece.at, piece.text.length);
        case "place": {
          const { path, start, end } = piece;
          const link = button(piece.text, "place", () => this.open(path, start, end), `Open ${piece.text}`);
          return this.marked(link, piece.at, piece.text.length);
        }
        case "source":
          return this.source(piece.n, piece.text, piece.at);
      }
    });
  }

  private source(n: number, text: string, at: number): Node {
    const source = this.sources.get(n);
    const mark = this.markAt(at, text.length);
    if (!source || mark?.status === "invented") return this.marked(element("span", "source", text), at, text.length);
    const { path, start, end } = source;
    const link = button(text, "source", () => this.open(path, start, end), `${path}:${start}-${end}`);
    return this.marked(link, at, text.length);
  }

  /** Adds the status of the citation that is at this place of the answer. */
  private marked(made: HTMLElement, at: number, length: number): Node {
    const citation = this.markAt(at, length);
    if (!citation || citation.status === "ok") return made;
    made.classList.add(citation.status);
    made.title = [made.title, MEANINGS[citation.status]].filter(Boolean).join(": ");
    return element("span", "", made, element("span", `mark ${citation.status}`, label(citation.status)));
  }

  private markAt(at: number, length: number): ViewCitation | undefined {
    return this.marks.find(({ start, end }) => start < at + length && at < end)?.citation;
  }
}
