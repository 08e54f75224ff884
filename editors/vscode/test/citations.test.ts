// Citations in a stream of text, however it is cut.

import assert from "node:assert/strict";
import { test } from "node:test";

import { CitationSplitter, type Piece } from "../src/core/citations";

const ANSWER =
  "`expire` is in `src/a b/sessions.py:3-9` [1] and [22].\n\n```python\nx = y[1]  # `a.py:1`\n```\n" +
  "- a[i] and [see](b), `plain` and `main.go:7` [3]";

function pieces(parts: string[]): Piece[] {
  const splitter = new CitationSplitter();
  return [...parts.flatMap((part) => splitter.push(part)), ...splitter.flush()];
}

const citations = (all: Piece[]) => all.filter(({ kind }) => kind !== "text").map(({ text }) => text);

test("the pieces, joined, are the answer; citations are whole wherever the text was cut", () => {
  const expected = ["`src/a b/sessions.py:3-9`", "[1]", "[22]", "`main.go:7`", "[3]"].filter(
    (text) => !text.includes(" "),
  );
  for (const size of [1, 2, 3, 7, 20, ANSWER.length]) {
    const parts = ANSWER.match(new RegExp(`[^]{1,${size}}`, "g")) ?? [];
    const all = pieces(parts);
    assert.equal(all.map(({ text }) => text).join(""), ANSWER);
    assert.deepEqual(citations(all), ["`src/a b/sessions.py:3-9`", ...expected]);
  }
});

test("a place has its lines, a source its number", () => {
  assert.deepEqual(
    pieces(["`a.py:3-9` `b.py:4` [12]"]).filter(({ kind }) => kind !== "text"),
    [
      { kind: "place", text: "`a.py:3-9`", path: "a.py", start: 3, end: 9 },
      { kind: "place", text: "`b.py:4`", path: "b.py", start: 4, end: 4 },
      { kind: "source", text: "[12]", n: 12 },
    ],
  );
});

test("text flows although a bracket or a backtick stays open", () => {
  const splitter = new CitationSplitter();
  assert.deepEqual(
    splitter.push("a [").map(({ text }) => text),
    ["a "],
  );
  assert.deepEqual(
    splitter.push("x").map(({ text }) => text),
    ["[x"],
  );
  assert.deepEqual(
    splitter.push(` \`${"y".repeat(600)}`).map(({ text }) => text.length),
    [602],
  );
});
