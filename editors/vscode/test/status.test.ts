// The words for each state of the server, of the index and of the models.

import assert from "node:assert/strict";
import { test } from "node:test";

import { withEvent, newTurn, statusWords } from "../src/core/answers";
import { Problem, serverProblem } from "../src/core/errors";
import { problemState, stateOf } from "../src/status";
import type { StatusEvent } from "../src/core/wire";
import { ANSWER, entry, event, facts, ROOT } from "./doubles/stub";

test("index and model", () => {
  const shown = stateOf(facts(), ROOT, "");
  assert.equal(shown.text, "$(search) Lantern: 1,200 files · qwen: ready");
  assert.deepEqual(shown.view, { words: "", isProblem: false, summary: "1,200 files · qwen: ready" });
  assert.equal(stateOf(facts(), `${ROOT}/inner`, "extractive").view.summary, "1,200 files · no model");
});

test("a model that loads, none that is installed, a folder that is not indexed", () => {
  const loading = stateOf(facts({ models: [entry("qwen", "loading", true)] }), ROOT, "");
  assert.ok(loading.isBusy);
  assert.equal(loading.view.words, "The model is being loaded; a question waits for it.");
  const none = stateOf(facts({ models: [entry("extractive", "loaded", true), entry("phi", "missing")] }), ROOT, "");
  assert.match(none.view.words, /^No language model is installed: answers quote the code/);
  assert.equal(none.view.isProblem, false);
  const elsewhere = stateOf(facts(), "/src/project2", "");
  assert.equal(elsewhere.text, "$(warning) Lantern: not indexed · qwen: ready");
  assert.deepEqual(elsewhere.view.action, { label: "Index this workspace", command: "lantern.index" });
});

test("problems", () => {
  const dead = problemState(new Problem("dead", "gone"));
  assert.deepEqual(
    [dead.text, dead.view.words, dead.view.action?.command],
    ["$(warning) Lantern: no server", "gone", "lantern.reconnect"],
  );
  assert.equal(problemState(new Problem("unauthorized", "x")).text, "$(warning) Lantern: wrong token");
  assert.equal(problemState(new Problem("no-folder", "x")).view.isProblem, false);
  assert.equal(serverProblem("queue_full", "16 wait").message, "16 wait. Try again in a moment.");
});

test("stages", () => {
  const words = (fields: object) => statusWords(event("status", fields) as StatusEvent);
  assert.equal(words({ stage: "loading" }), "Loads the model …");
  assert.equal(words({ stage: "indexing", done: 3, total: 9 }), "Brings the index up to date 3 of 9 …");
  assert.equal(words({ stage: "new" }), "new …");
});

test("a turn folds its events", () => {
  const turn = ANSWER.reduce(withEvent, newTurn("t", "Why?"));
  assert.deepEqual(turn, {
    id: "t",
    question: "Why?",
    attached: [],
    text: "It is in `a.py:3-9` [1].",
    sources: [{ n: 1, path: "a.py", start: 3, end: 9, symbol: "expire", fresh: true, why: "dense, lexical" }],
    citations: [],
    status: "",
    notice: "",
    problem: "",
    footer: "qwen · 1.2 s · 100 % rests on the sources",
  });
  const failed = withEvent(
    turn,
    event("end", { reason: "error", error: { code: "model_unavailable", message: "none" } }),
  );
  assert.equal(failed.problem, "none. Install one with `lantern models pull`.");
  assert.deepEqual(withEvent(turn, event("new" as "delta")), turn);
  const led = event("end", { reason: "stop", model: "qwen", ms: { prefill: 0, read: 1500, generate: 500 } });
  assert.equal(withEvent(newTurn("t", "Why?"), led).footer, "qwen · 2.0 s");
});
