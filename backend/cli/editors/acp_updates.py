"""Between the blocks and updates of the Agent Client Protocol and Lantern's questions and events. Pure.

Titles of tool calls have only Lantern's own words, and file names are in fenced blocks: editors show both as Markdown.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import unquote, urlsplit

from acp.helpers import (
    ContentBlock,
    SessionUpdate,
    start_tool_call,
    text_block,
    tool_content,
    update_agent_message_text,
    update_tool_call,
    update_user_message_text,
)
from acp.schema import (
    AudioContentBlock,
    EmbeddedResourceContentBlock,
    ImageContentBlock,
    ResourceContentBlock,
    TextContentBlock,
    TextResourceContents,
    ToolCallLocation,
    ToolCallProgress,
    ToolCallStart,
    ToolCallStatus,
    ToolKind,
)

from backend.wording import plural
from prompts.visible import one_line

# Stages that an editor is told about, if they take a while.
STAGES = {"queued": "waiting for another answer", "loading": "loading the model", "prefill": "reading the code"}
SEARCHING = "Searching the code"
KIND: ToolKind = "search"
LONG_MS = 2000.0
STOP_REASONS = {"stop": "end_turn", "length": "max_tokens", "cancelled": "cancelled"}
_LINES = re.compile(r"L?(\d+)(?:[:-]L?(\d+))?$")  # `#L10:20` of Zed, `#L10-L20` of others


ToolCall = TypeVar("ToolCall", ToolCallStart, ToolCallProgress)


@dataclass(frozen=True, slots=True)
class PromptContent:
    """A prompt as Lantern's question: its text, and the `context` of `session/prompt`."""

    text: str
    context: list[dict[str, Any]]


def read_prompt(blocks: Sequence[ContentBlock]) -> PromptContent:
    """Files and selections become context. Raises `ValueError` for images and sound."""
    texts, context = [""], []
    for n, block in enumerate(blocks):
        match block:
            case TextContentBlock(text=text):
                texts.append(text)
            case ResourceContentBlock(uri=uri, name=name):
                path, lines = _place(uri)
                if path and not Path(path).is_dir():
                    context.append({"path": path} | lines)
                if not path or _is_inside_text(texts[-1], blocks[n + 1 :]):
                    texts.append(name if path else uri)
            case EmbeddedResourceContentBlock(resource=TextResourceContents(uri=uri, text=text)):
                path, lines = _place(uri)
                context.append({"path": path or uri, "text": text} | lines)
                if _is_inside_text(texts[-1], blocks[n + 1 :]):
                    texts.append(Path(path or uri).name)
            case ImageContentBlock() | AudioContentBlock() | EmbeddedResourceContentBlock():
                raise ValueError("Lantern reads text only: send the question without images, sound and binary files")
    return PromptContent("".join(texts).strip(), context)


def _is_inside_text(before: str, after: Sequence[ContentBlock]) -> bool:
    """Whether a file stands where the user named it in the sentence; else it is only attached."""
    following = after[0].text if after and isinstance(after[0], TextContentBlock) else ""
    return before.endswith(" ") or following.startswith(" ")


def _place(uri: str) -> tuple[str, dict[str, Any]]:
    """The path of a file URI, "" for any other, and its lines as the field `range`."""
    parts = urlsplit(uri)
    path = unquote(parts.path) if parts.scheme == "file" else uri if uri.startswith("/") else ""
    found = _LINES.match(parts.fragment)
    if not path or found is None:
        return path.partition("#")[0] if parts.scheme != "file" else path, {}
    first, last = int(found[1]), int(found[2] or found[1])
    return path.partition("#")[0], {"range": [first, last]} if 1 <= first <= last else {}


@dataclass(slots=True)
class TurnView:
    """What an editor is shown of one turn: the search as a tool call, then the answer.

    The tool call also shows what is waited for. A call of its own would split a paragraph of the answer. So would more
    sources that are found while it is written, in a client that appends what comes: they wait for its end. Each update
    has the kind, because clients forget a call that was completed.
    """

    turn: str
    root: Path  # of the codebase: the paths of sources are below it
    _title: str = SEARCHING
    _shown: str = SEARCHING  # the title that the editor has
    _is_open: bool = True  # the tool call is in progress
    _texts: list[str] = field(default_factory=list)
    _more: Sequence[dict[str, Any]] | None = None  # the sources, where they have changed inside a paragraph

    def updates(self, event: dict[str, Any]) -> Iterator[SessionUpdate]:
        """The updates for the next event of the turn."""
        match event["type"]:
            case "accepted":
                query = {"query": event["text"]}
                yield start_tool_call(self._id, SEARCHING, kind=KIND, status="in_progress", raw_input=query)
            case "sources":
                self._more = event["items"]
                yield from self._sources()
            case "status":
                yield from self._wait(event)
            case "delta":
                yield from self._finish("completed")
                yield from self._sources()
                self._texts.append(event["text"])
                yield update_agent_message_text(event["text"])
            case "end":
                yield from self._sources(is_last=True)
                yield from self._finish("failed" if event["reason"] == "error" else "completed")
                if (notice := event.get("notice", "")) not in "".join(self._texts):
                    yield start_tool_call(
                        f"{self.turn}.notice", "A remark", kind="other", status="completed", content=_plain(notice)
                    )

    @property
    def _id(self) -> str:
        return f"{self.turn}.search"

    def _sources(self, is_last: bool = False) -> Iterator[SessionUpdate]:
        """The sources that are not shown yet, between two paragraphs."""
        if self._more is None or not (is_last or not self._texts or "".join(self._texts).endswith("\n\n")):
            return
        items, self._more = self._more, None
        found = sources_fields(items, self.root)
        self._title = self._shown = found["title"]
        self._is_open = False
        yield _with_sources(update_tool_call(self._id, kind=KIND, **found), items)

    def _wait(self, event: dict[str, Any]) -> Iterator[SessionUpdate]:
        words, eta = STAGES.get(event["stage"]), event.get("eta_ms", 0.0)
        is_short = (event["stage"] == "prefill" and eta < LONG_MS) or not event.get("total")
        if words is None or (is_short and self._shown == self._title):
            return
        words = f"{words}, about {eta / 1000:.0f} s left" if eta >= LONG_MS / 2 else words
        title = words.capitalize() if self._title == SEARCHING else f"{self._title}, {words}"
        if title != self._shown:
            self._shown, self._is_open = title, True
            yield update_tool_call(self._id, kind=KIND, title=title, status="in_progress")

    def _finish(self, status: ToolCallStatus) -> Iterator[SessionUpdate]:
        if self._is_open:
            self._is_open, self._shown = False, self._title
            yield update_tool_call(self._id, kind=KIND, title=self._title, status=status)


def sources_fields(items: Sequence[dict[str, Any]], root: Path) -> dict[str, Any]:
    """The fields of a finished search: its title, its places as text and as locations that an editor can open."""
    files = len({item["path"] for item in items})
    places = f"{plural(len(items), 'place')} in {plural(files, 'file')}"
    lines = (
        f"[{item['n']}] {one_line(item['path'])}:{item['start']}-{item['end']}  {one_line(item.get('symbol') or '')}"
        + ("" if item["fresh"] else "  (changed since it was indexed)")
        for item in items
    )
    return {
        "title": f"Found {places}" if items else "Found nothing in the code",
        "status": "completed",
        "content": _plain("\n".join(line.rstrip() for line in lines)) if items else [],
        "locations": [ToolCallLocation(path=str(root / item["path"]), line=item["start"]) for item in items],
    }


def _with_sources(call: ToolCall, items: Sequence[dict[str, Any]]) -> ToolCall:
    """The tool call with the sources in full, for programs; an editor would show them as `raw_output`."""
    return call.model_copy(update={"field_meta": {"lantern": {"sources": list(items)}}})


def replay(messages: Sequence[dict[str, Any]], root: Path, session: str) -> Iterator[SessionUpdate]:
    """A stored conversation, as if it were said again."""
    for n, message in enumerate(messages):
        if message["role"] == "user":
            yield update_user_message_text(message["content"])
            continue
        if message["sources"]:
            found = sources_fields(message["sources"], root)
            call = start_tool_call(f"{session}.{n}.search", kind=KIND, **found)
            yield _with_sources(call, message["sources"])
        yield update_agent_message_text(message["content"])


def index_title(job: dict[str, Any]) -> str:
    """How far an index job is, in words."""
    match job["state"]:
        case "queued":
            return "Indexing: waiting for another index job"
        case "running" if not job["total"]:
            return "Indexing: looking for files"
        case "running":
            eta = "" if job["eta_s"] is None else f", about {job['eta_s']:.0f} s left"
            return f"Indexing: {job['done']} of {plural(job['total'], 'file')}{eta}"
        case _ if "report" not in job:
            return "Indexing failed"
        case _:
            report = job["report"]
            size = f"{plural(report['files'], 'file')}, {plural(report['chunks'], 'chunk')}"
            return f"Indexed {size} in {report['seconds']} s"


def _plain(text: str) -> Any:
    """Text that is shown as it is: in a fence that is longer than any in it."""
    fence = "`" * max(3, *(len(run) + 1 for run in re.findall("`+", text)), 3)
    return [tool_content(text_block(f"{fence}text\n{text}\n{fence}"))]
