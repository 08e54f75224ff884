"""Marks of citations: their states, their words, and offsets that count code points."""

from pathlib import Path
from typing import Any

import pytest
from playwright.async_api import Browser

from models.scripted import ScriptedEngine
from tests.backend.harness import running
from tests.e2e.page.harness import visiting

pytestmark = pytest.mark.process
TEXT = "\U0001f9ed Fine [1], `moved.py:3` [2], **old [3]**, `no_such` \ue001 [4]\n\n```python\nx = 1  # [1]\n```\n"
SOURCES = [
    {"n": n, "path": f"{name}.py", "start": n, "end": n + 1} for n, name in enumerate(("fine", "moved", "old"), 1)
]
RENDER = """async ([text, cites, sources]) => {
    const { html, render } = await import("/web/vendor/vendor.js");
    const { Markdown } = await import("/web/lib/markdown.js");
    const root = document.createElement("div");
    render(html`<${Markdown} text=${text} cites=${cites} sources=${sources} />`, root);
    const marks = [...root.querySelectorAll(".cite")];
    const words = (one) => one.getAttribute("aria-label") ?? one.querySelector(".visually-hidden").textContent;
    return [marks.map((one) => [one.tagName, one.className, one.firstChild.textContent, words(one)]), root.textContent];
}"""


def cite(part: str, status: str, *numbers: int) -> dict[str, Any]:
    start = TEXT.index(part)
    return {"n": list(numbers), "start": start, "end": start + len(part), "status": status}


async def test_each_state_has_its_mark_and_its_words(browser: Browser, tmp_path: Path) -> None:
    cites = [
        cite("[1]", "ok", 1),
        cite("moved.py:3", "moved", 2),
        cite("[2]", "moved", 2),
        cite("[3]", "stale", 3),
        cite("no_such", "invented"),
        cite("[4]", "invented", 4),
        {"n": [1], "start": 5000, "end": 5003, "status": "ok"},  # beyond the text
        {"n": [1], "start": TEXT.rindex("[1]"), "end": TEXT.rindex("[1]") + 3, "status": "ok"},  # code has no marks
    ]
    async with running(tmp_path, ScriptedEngine()) as world, visiting(browser, world.url) as visit:
        marks, text = await visit.page.evaluate(RENDER, [TEXT, cites, SOURCES])
    moved = "Source 2, moved.py:2-3: the code moved to another place"
    assert marks == [
        ["BUTTON", "cite ok", "[1]", "Source 1, fine.py:1-2: unchanged"],
        ["BUTTON", "cite moved", "moved.py:3", moved],
        ["BUTTON", "cite moved", "[2]", moved],
        ["BUTTON", "cite stale", "[3]", "Source 3, old.py:3-4: the code has changed since"],
        ["SPAN", "cite invented", "no_such", " (not confirmed by the sources)"],
        ["SPAN", "cite invented", "[4]", " (not confirmed by the sources)"],
    ]
    assert "\U0001f9ed Fine [1], moved.py:3 [2], old [3], no_such" in text
    assert "x = 1  # [1]\n" in text
    assert not [character for character in text if "\ue000" <= character <= "\uf8ff"]
