"""What the page says: stages of an answer, how it came about, numbers, untrusted names."""

from pathlib import Path
from typing import Any

import pytest
from playwright.async_api import Browser

from models.scripted import ScriptedEngine
from tests.backend.harness import running
from tests.e2e.page.harness import visiting

pytestmark = pytest.mark.process
CALL = "async ([module, name, ...given]) => (await import(`/web/${module}.js`))[name](...given)"
LOST = "The connection is lost. The answer goes on as soon as it is back."


def waits(stage: dict[str, Any] | None, **more: Any) -> dict[str, Any]:
    return {"stage": stage, "isPending": False} | more


def by(model: str) -> dict[str, Any]:
    return {"end": {"model": model}}


CHOSEN = {"after": 1, "text": "b!", "model": "b"}
CASES: list[tuple[str, str, list[Any], Any]] = [
    ("chat/stage", "stageWords", [waits(None), "lost"], {"words": LOST, "value": None}),
    (
        "chat/stage",
        "stageWords",
        [waits(None, isPending=True), "open"],
        {"words": "Sending the question …", "value": None},
    ),
    (
        "chat/stage",
        "stageWords",
        [waits({"stage": "queued", "done": 0, "total": 2, "eta_ms": 4000}), "open"],
        {"words": "Waiting for 2 other answers, about 4 s left …", "value": None},
    ),
    (
        "chat/stage",
        "stageWords",
        [waits({"stage": "loading"}), "open"],
        {"words": "Loading the model …", "value": None},
    ),
    (
        "chat/stage",
        "stageWords",
        [waits({"stage": "loading", "done": 1, "total": 4, "eta_ms": 65_000}), "open"],
        {"words": "Loading the model: 25 %, about 1 min 5 s left …", "value": 0.25},
    ),
    (
        "chat/stage",
        "stageWords",
        [waits({"stage": "prefill", "done": 1200, "total": 2400, "eta_ms": 5300}), "open"],
        {"words": "Reading 1,200 of 2,400 tokens, about 5 s left …", "value": 0.5},
    ),
    ("chat/stage", "stageForReader", [waits({"stage": "prefill", "done": 1, "total": 2}), "open"], "Reading"),
    (
        "chat/stage",
        "summary",
        [{"model": "m", "ms": {"queue": 1, "generate": 1499}, "usage": {"completion": 1}, "grounding": 0.5}],
        "m · 1.5 s · 1 token · 50 % of the sentences rest on the sources",
    ),
    ("chat/sources", "why", [{"lexical": 1, "rerank": 3, "graph": 0}], "chosen for the re-ranking model, its words"),
    ("chat/sources", "why", [{}], "attached, pinned, or found exactly"),
    ("chat/attach", "isDiff", ["diff --git a/x b/x\n--- a/x\n+++ b/x\n@@ -1 +1 @@\n-a\n+b"], True),
    ("chat/attach", "isDiff", ["--- a heading\n\ntext"], False),
    ("lib/format", "inOrder", ["\ta\u202eb\u2066\n\u00e9"], "\ta\\u202eb\\u2066\n\u00e9"),
    ("lib/citations", "withMarks", ["a\u202eb\ue000", []], "a\ufffdb\ufffd"),
    ("lib/format", "visible", ["a\u202eb\x1b[0m\n"], "a\\u202eb\\u001b[0m\\u000a"),
    ("lib/format", "inOrder", ["a\u061cb\u200f"], "a\\u061cb\\u200f"),
    ("lib/format", "visible", ["a\u2028b\u061c\U000e0041"], "a\\u2028b\\u061c\\u{e0041}"),
    (
        "lib/format",
        "visible",
        ["\u0645\u06cc\u200c\u062e \U0001f9d1\u200d\U0001f4bb"],
        "\u0645\u06cc\u200c\u062e \U0001f9d1\u200d\U0001f4bb",
    ),
    ("lib/format", "place", ["src/a.py", 3, 9], "src/a.py:3-9"),
    ("lib/format", "bytes", [1_117_320_768], "1.1 GB"),
    ("lib/format", "duration", [7_800_000], "2 h 10 min"),
    ("lib/format", "count", [1234567], "1,234,567"),
    ("lib/format", "sentence", ["there is no folder /x"], "There is no folder /x"),
    ("lib/format", "sentence", ["phi3-mini is missing"], "phi3-mini is missing"),
    ("chat/remarks", "remarksOf", [[by("a"), by("structure"), by("b")], []], [[], [], ["From here on b answers."], []]),
    ("chat/remarks", "remarksOf", [[by("a"), by("structure"), by("b")], [CHOSEN]], [[], ["b!"], [], []]),
    ("chat/remarks", "remarksOf", [[by("a"), {"end": None}], []], [[], [], []]),
    ("lib/api", "address", ["/search", {"query": "a b&c", "codebase": None}], "/search?query=a+b%26c"),
]


async def test_the_words_of_the_page(browser: Browser, tmp_path: Path) -> None:
    async with running(tmp_path, ScriptedEngine()) as world, visiting(browser, world.url) as visit:
        found = [await visit.page.evaluate(CALL, [module, name, *given]) for module, name, given, _ in CASES]
    assert found == [wanted for _, _, _, wanted in CASES]
