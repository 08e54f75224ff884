// Markdown of answers: what becomes a block or a piece, and that everything else stays text.

import assert from "node:assert/strict";
import { test } from "node:test";

import { parse, parseInline, unitOffsets } from "../webview/markdown";

test("blocks of an answer", () => {
  const blocks = parse("# Title\n\none\ntwo\n\n- a\n  - b\n3. c\n> said\n---\n```py\nx = 1\n\ny\n```\nend");
  assert.deepEqual(
    blocks.map((block) => block.kind),
    ["heading", "paragraph", "item", "item", "item", "quote", "rule", "code", "paragraph"],
  );
  assert.deepEqual(blocks[1], {
    kind: "paragraph",
    inline: [
      { kind: "text", text: "one" },
      { kind: "text", text: "\n" },
      { kind: "text", text: "two" },
    ],
  });
  assert.deepEqual(blocks[3], { kind: "item", depth: 1, marker: "-", inline: [{ kind: "text", text: "b" }] });
  assert.deepEqual(blocks[7], { kind: "code", language: "py", text: "x = 1\n\ny" });
});

test("an answer that is still in a code block shows it", () => {
  assert.deepEqual(parse("```js\nlet a"), [{ kind: "code", language: "js", text: "let a" }]);
});

test("pieces of a line have their places in the text", () => {
  const line = "See `a/b.py:3-9` [2], **bold**, *soft*, `name`.";
  assert.deepEqual(parseInline(line, 100), [
    { kind: "text", text: "See " },
    { kind: "place", path: "a/b.py", start: 3, end: 9, text: "a/b.py:3-9", at: 105 },
    { kind: "text", text: " " },
    { kind: "source", n: 2, text: "[2]", at: 117 },
    { kind: "text", text: ", " },
    { kind: "strong", text: "bold" },
    { kind: "text", text: ", " },
    { kind: "em", text: "soft" },
    { kind: "text", text: ", " },
    { kind: "code", text: "name", at: 141 },
    { kind: "text", text: "." },
  ]);
});

test("markup and addresses stay text", () => {
  for (const text of ["<img src=x onerror=alert(1)>", "[x](javascript:alert(1))", "![x](http://evil/?q)", "<script>"]) {
    assert.deepEqual(parse(text), [{ kind: "paragraph", inline: [{ kind: "text", text }] }]);
  }
});

test("long lines of marks are read in linear time", { timeout: 20_000 }, () => {
  for (const mark of ["`", "*", "[", "**", "`a:", "- ", "```", "[1"]) {
    const text = mark.repeat(200_000);
    assert.ok(parse(text).length > 0);
  }
  assert.equal(parse(`\`\`\`${" ".repeat(200_000)}\``).length, 1);
});

test("offsets in code points become offsets in units", () => {
  assert.deepEqual(unitOffsets("abc", [0, 2]), [0, 2]);
  assert.deepEqual(unitOffsets("a😀b", [0, 1, 2, 3, 9]), [0, 1, 3, 4, 4]);
});
