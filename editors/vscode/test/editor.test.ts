// What the editor's buffers become in a question, and which files an answer may open.

import assert from "node:assert/strict";
import { beforeEach, test } from "node:test";

import type * as vscode from "vscode";

import {
  contextWords,
  fileIn,
  gitChanges,
  openPlace,
  questionContext,
  rangeItem,
  selectionItem,
  workspaceFolder,
} from "../src/editor";
import { ROOT } from "./doubles/stub";
import * as double from "./doubles/vscode";

const { editor, TextDocument, Uri } = double;

beforeEach(() => {
  editor.reset();
  editor.folders = [ROOT];
});

const file = (path: string, text: string, isDirty = true) => new TextDocument(Uri.file(path), text, isDirty);
const asDocument = (document: double.TextDocument) => document as unknown as vscode.TextDocument;

test("unsaved buffers of the folder are sent, the active one first; saved ones and others are not", () => {
  const active = file(`${ROOT}/b.py`, "b = 2");
  editor.documents = [
    file(`${ROOT}/a.py`, "a = 1"),
    active,
    file(`${ROOT}/c.py`, "c", false),
    file("/other/d.py", "d"),
  ];
  double.window.activeTextEditor = { document: active, selection: new double.Selection(0, 0, 0, 0) };
  assert.deepEqual(questionContext(ROOT), [
    { path: `${ROOT}/b.py`, text: "b = 2" },
    { path: `${ROOT}/a.py`, text: "a = 1" },
  ]);
});

test("what is sent is bounded: in buffers, in their size, in all", () => {
  editor.documents = Array.from({ length: 30 }, (_, n) => file(`${ROOT}/${n}.py`, "x"));
  assert.equal(questionContext(ROOT).length, 8);
  editor.documents = [file(`${ROOT}/big.py`, "x".repeat(60_001)), file(`${ROOT}/small.py`, "y")];
  assert.deepEqual(
    questionContext(ROOT).map(({ path }) => path),
    [`${ROOT}/small.py`],
  );
  editor.documents = Array.from({ length: 5 }, (_, n) => file(`${ROOT}/${n}.py`, "x".repeat(50_000)));
  assert.equal(questionContext(ROOT).length, 4);
});

test("a selection is whole lines with their text; it is not sent twice", () => {
  const document = file(`${ROOT}/a.py`, "one\ntwo\nthree\nfour");
  editor.documents = [document];
  const selected = { document, selection: new double.Selection(1, 1, 3, 0) } as unknown as vscode.TextEditor;
  const item = selectionItem(selected, ROOT);
  assert.deepEqual(item, { path: `${ROOT}/a.py`, range: [2, 3], text: "two\nthree" });
  assert.deepEqual(questionContext(ROOT, [item]), [item]);
  assert.deepEqual(contextWords([item, { path: `${ROOT}/b.py`, text: "" }, { path: "changes.diff", text: "" }], ROOT), [
    "a.py:2-3",
    "b.py (unsaved)",
    "changes.diff",
  ]);
});

test("a long selection is cut at a line", () => {
  const document = file(`${ROOT}/a.py`, Array.from({ length: 3_000 }, () => "x".repeat(49)).join("\n"));
  const item = rangeItem(asDocument(document), new double.Range(0, 0, 2_999, 49) as unknown as vscode.Range, ROOT);
  assert.deepEqual(item.range, [1, 1_200]);
  assert.equal(item.text?.length, 59_999);
});

test("changes that are too long are cut at a line, and called so", async () => {
  const repository = (diff: string) => ({ rootUri: Uri.file(ROOT), diff: async (cached: boolean) => (cached ? "" : diff) });
  const changes = async (diff: string) => {
    editor.git = { activate: async () => ({ getAPI: () => ({ repositories: [repository(diff)] }) }) };
    return gitChanges(ROOT);
  };
  assert.deepEqual(await changes("+a\n"), { path: "changes.diff", text: "+a\n" });
  const cut = await changes("+ seven\n".repeat(10_000));
  assert.deepEqual([cut.path, cut.text], ["changes.diff (cut)", "+ seven\n".repeat(7_500)]);
});

test("an answer opens files of its codebase at its lines, and no others", async () => {
  assert.equal(fileIn(ROOT, "../secret"), undefined);
  assert.equal(fileIn(ROOT, "/etc/passwd"), undefined);
  assert.equal(fileIn(ROOT, "a/b.py")?.path, `${ROOT}/a/b.py`);
  editor.documents = [file(`${ROOT}/a.py`, "one\ntwo\nthree")];
  await openPlace(ROOT, "a.py", 2, 99);
  const [, , options] = editor.calls.at(-1) as [string, unknown, { selection: double.Range }];
  assert.deepEqual([options.selection.start.line, options.selection.end.line], [1, 2]);
  await assert.rejects(openPlace(ROOT, "../x", 1, 1), /is not in/);
  await assert.rejects(openPlace(ROOT, "gone.py", 1, 1), /moved or deleted/);
});

test("without a folder there is nothing to ask about", () => {
  editor.folders = [];
  assert.throws(() => workspaceFolder(), /Open a folder first/);
});
