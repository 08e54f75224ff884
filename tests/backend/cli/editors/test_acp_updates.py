"""Blocks of a prompt become a question; events become what an editor shows."""

from pathlib import Path
from typing import Any

import pytest
from acp import embedded_text_resource, image_block, resource_block, resource_link_block, text_block
from acp.helpers import ContentBlock

from backend.cli.editors.acp_updates import PromptContent, TurnView, index_title, read_prompt, replay

SOURCE = {"n": 1, "path": "shop/cart.py", "start": 3, "end": 6, "symbol": "Cart.total", "fresh": True}
ROOT = Path("/code")


def shown(*events: dict[str, Any]) -> list[dict[str, Any]]:
    """The updates for these events, as they are sent."""
    view = TurnView("t", ROOT)
    return [
        update.model_dump(mode="json", by_alias=True, exclude_none=True)
        for event in events
        for update in view.updates(event)
    ]


def pairs(updates: list[dict[str, Any]]) -> list[tuple[str, str]]:
    """Title and status of tool calls; kind and text of chunks."""
    return [
        (update["title"], update["status"])
        if "toolCallId" in update
        else (update["sessionUpdate"], update["content"]["text"])
        for update in updates
    ]


ACCEPTED = {"type": "accepted", "text": "What does total do?", "conversation": "c"}
END = {"type": "end", "reason": "stop", "model": "m", "usage": {}, "ms": {}}


def status(stage: str, **fields: Any) -> dict[str, Any]:
    return {"type": "status", "stage": stage, **fields}


@pytest.mark.parametrize(
    ("blocks", "expected"),
    [
        ([text_block("Why"), text_block(" so?")], PromptContent("Why so?", [])),
        (
            [text_block("explain "), resource_link_block("cart.py", "file:///code/shop%20a/cart.py#L10:20")],
            PromptContent("explain cart.py", [{"path": "/code/shop a/cart.py", "range": [10, 20]}]),
        ),
        (
            [resource_link_block("cart.py", "file:///code/cart.py#L7-L7"), text_block(" fails")],
            PromptContent("cart.py fails", [{"path": "/code/cart.py", "range": [7, 7]}]),
        ),
        (
            [text_block("explain this"), resource_link_block("cart.py", "file:///code/cart.py?x=1#L9-3")],
            PromptContent("explain this", [{"path": "/code/cart.py"}]),
        ),
        (
            [text_block("see "), resource_link_block("docs", "https://example.org/x")],
            PromptContent("see https://example.org/x", []),
        ),
        (
            [text_block("why?"), resource_block(embedded_text_resource("file:///code/a.py#L4:5", "x = 1\ny = 2"))],
            PromptContent("why?", [{"path": "/code/a.py", "text": "x = 1\ny = 2", "range": [4, 5]}]),
        ),
        (
            [resource_block(embedded_text_resource("zed:///selection", "x")), text_block("why?")],
            PromptContent("why?", [{"path": "zed:///selection", "text": "x"}]),
        ),
        ([resource_link_block("tmp", "file:///tmp"), text_block(" is what?")], PromptContent("tmp is what?", [])),
    ],
)
def test_files_and_selections_become_context(blocks: list[ContentBlock], expected: PromptContent) -> None:
    assert read_prompt(blocks) == expected


def test_an_image_is_refused_with_a_reason() -> None:
    with pytest.raises(ValueError, match="text only"):
        read_prompt([text_block("what?"), image_block("aGk=", "image/png")])


def test_an_answer_is_a_search_and_its_text() -> None:
    updates = shown(
        ACCEPTED,
        status("retrieving"),
        status("loading"),
        {"type": "sources", "items": [SOURCE]},
        {"type": "delta", "text": "It "},
        {"type": "delta", "text": "sums up."},
        {"type": "cite", "n": [1], "start": 0, "end": 2, "status": "ok"},
        END,
    )
    assert pairs(updates) == [
        ("Searching the code", "in_progress"),
        ("Found 1 place in 1 file", "completed"),
        ("agent_message_chunk", "It "),
        ("agent_message_chunk", "sums up."),
    ]
    assert (updates[0]["kind"], updates[0]["rawInput"]) == ("search", {"query": "What does total do?"})
    assert updates[1]["locations"] == [{"path": "/code/shop/cart.py", "line": 3}]
    assert updates[1]["_meta"] == {"lantern": {"sources": [SOURCE]}}
    text = updates[1]["content"][0]["content"]["text"]
    assert text == "```text\n[1] shop/cart.py:3-6  Cart.total\n```"


@pytest.mark.parametrize("end", ["stop", "cancelled", "error"])
def test_more_sources_never_split_a_paragraph(end: str) -> None:
    more: dict[str, Any] = {"type": "sources", "items": [SOURCE, SOURCE | {"n": 2}]}
    deltas: list[dict[str, Any]] = [{"type": "delta", "text": text} for text in ("It ", "sums.\n\n", "Then")]
    first: list[dict[str, Any]] = [ACCEPTED, {"type": "sources", "items": [SOURCE]}]
    between = shown(*first, deltas[0], more, *deltas[1:], END)
    assert [text for _, text in pairs(between)][2:] == ["It ", "sums.\n\n", "completed", "Then"]
    last = shown(*first, deltas[0], more, END | {"reason": end})
    assert pairs(last)[2:] == [("agent_message_chunk", "It "), ("Found 2 places in 1 file", "completed")]


def test_a_long_wait_is_shown_in_the_tool_call_and_never_between_words() -> None:
    updates = shown(
        ACCEPTED,
        {"type": "sources", "items": [SOURCE]},
        status("loading", done=1, total=9, eta_ms=12_400),
        status("loading", done=2, total=9, eta_ms=12_100),
        status("prefill", done=5, total=90, eta_ms=3000),
        {"type": "delta", "text": "It"},
        status("prefill", done=90, total=90, eta_ms=100),
        {"type": "delta", "text": " sums up."},
        END,
    )
    assert pairs(updates)[2:] == [
        ("Found 1 place in 1 file, loading the model, about 12 s left", "in_progress"),
        ("Found 1 place in 1 file, reading the code, about 3 s left", "in_progress"),
        ("Found 1 place in 1 file", "completed"),
        ("agent_message_chunk", "It"),
        ("agent_message_chunk", " sums up."),
    ]
    calls = [update for update in updates if "toolCallId" in update]
    assert {(update["toolCallId"], update["kind"]) for update in calls} == {("t.search", "search")}


def test_a_turn_that_fails_or_waits_before_its_search_closes_the_tool_call() -> None:
    queued = status("queued", done=0, total=1)
    assert pairs(shown(ACCEPTED, queued, END | {"reason": "error"}))[1:] == [
        ("Waiting for another answer", "in_progress"),
        ("Searching the code", "failed"),
    ]


def test_a_notice_is_shown_unless_the_answer_has_it() -> None:
    end = END | {"notice": "Model `x` is not installed."}
    found = {"type": "sources", "items": []}
    without = pairs(shown(ACCEPTED, found, {"type": "delta", "text": "Text."}, end))
    within = pairs(shown(ACCEPTED, found, {"type": "delta", "text": "Text. Model `x` is not installed."}, end))
    assert without[1:] == [
        ("Found nothing in the code", "completed"),
        ("agent_message_chunk", "Text."),
        ("A remark", "completed"),
    ]
    assert len(within) == len(without) - 1


def test_what_a_repository_holds_is_no_markup() -> None:
    evil = SOURCE | {"path": "a\x1b[2J```\n# x", "symbol": "`````f", "fresh": False}
    (update,) = shown({"type": "sources", "items": [evil]})
    assert update["title"] == "Found 1 place in 1 file"
    assert update["content"][0]["content"]["text"] == (
        "``````text\n[1] a\\x1b[2J```\\n# x:3-6  `````f  (changed since it was indexed)\n``````"
    )


def test_a_stored_conversation_is_sent_again() -> None:
    messages: list[dict[str, Any]] = [
        {"role": "user", "content": "q", "sources": []},
        {"role": "assistant", "content": "a", "sources": [SOURCE]},
        {"role": "user", "content": "open", "sources": []},
    ]
    updates = [
        update.model_dump(mode="json", by_alias=True, exclude_none=True) for update in replay(messages, ROOT, "s")
    ]
    assert pairs(updates) == [
        ("user_message_chunk", "q"),
        ("Found 1 place in 1 file", "completed"),
        ("agent_message_chunk", "a"),
        ("user_message_chunk", "open"),
    ]
    assert updates[1]["toolCallId"] == "s.1.search"


@pytest.mark.parametrize(
    ("job", "title"),
    [
        ({"state": "queued"}, "Indexing: waiting for another index job"),
        ({"state": "running", "total": 0}, "Indexing: looking for files"),
        ({"state": "running", "done": 3, "total": 9, "eta_s": 2.4}, "Indexing: 3 of 9 files, about 2 s left"),
        ({"state": "running", "done": 3, "total": 9, "eta_s": None}, "Indexing: 3 of 9 files"),
        ({"state": "failed", "error": {}}, "Indexing failed"),
        (
            {"state": "done", "report": {"files": 2, "chunks": 3, "seconds": 0.1}},
            "Indexed 2 files, 3 chunks in 0.1 s",
        ),
    ],
)
def test_an_index_job_in_words(job: dict[str, Any], title: str) -> None:
    assert index_title(job) == title
