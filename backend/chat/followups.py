"""Follow-up questions: which symbol of the conversation a question refers to, or which answer it continues.

Works on the stored turns that it is given; does not read or write the database.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from backend.chat.question import Question
from backend.chat.structural_answer import MODEL as LISTING
from backend.db.tables import TurnRow
from indexer.files.languages import LANGUAGES
from indexer.files.scan import sha_of
from indexer.navigation.followup import ResolvedQuestion, Subject, is_thanks, resolve_followup
from indexer.navigation.intent import parse_structural_query
from indexer.parsing.identifiers import is_identifier
from indexer.types import Hit, Why
from prompts.pack import slice_hit
from prompts.snippets import is_doubted, shown_text

MAX_NEW_HITS = 2  # hits that a continuation may add
_TURNS = 30  # a subject from before these turns is forgotten
_FIRST = 2000  # characters of a question or an answer that are searched for its subject
_PROSE = frozenset(suffix for row in LANGUAGES if row.prose for suffix in row.suffixes)
_REFERENCE = re.compile(r"(?<!`)`++(?P<code>[^`\n]++)`++|\[(?P<n>\d{1,4})\]|(?P<word>[^\W\d][\w.]*\w)")


@dataclass(frozen=True, slots=True)
class Topic:
    """What a conversation is about after some turns."""

    subject: Subject | None = None  # the symbol that its last answer is about
    question: str = ""  # the last one that wanted more than a continuation, with the name of what it refers to
    earlier: tuple[str, ...] = ()  # the questions before that one


@dataclass(frozen=True, slots=True)
class SearchInput:
    """A question with its references to earlier turns resolved, and the text to search for."""

    question: Question
    query: str
    earlier: Sequence[str]  # questions, oldest first


def resolve(question: Question, history: Sequence[TurnRow]) -> SearchInput:
    """Puts the symbol of the last answer into a question that refers to it.

    A question that only wants more searches for the last question again. A question with attachments, or without
    retrieval, stays as it is.
    """
    earlier = [row.question for row in history]
    if not history or question.attachments or question.retrieval == "off":
        return SearchInput(question, question.text, earlier)
    topic = topic_of(history)
    reference = resolve_followup(question.text, topic.subject)
    if reference.kind != "more":
        question = replace(question, text=reference.text, subject=reference.about)
        return SearchInput(question, question.text, earlier)
    if topic.subject and topic.subject.name and _last(history).model == LISTING:
        # A list of locations is complete: more of it means more about the symbol.
        text = f"{question.text.rstrip('?!. ')}: `{topic.subject.name}`"
        return SearchInput(replace(question, text=text, subject=topic.subject), text, earlier)
    if not topic.question or not _last(history).sources:
        return SearchInput(question, question.text, earlier)
    return SearchInput(replace(question, is_continuation=True), topic.question, topic.earlier)


def topic_of(history: Sequence[TurnRow]) -> Topic:
    """The topic after these turns."""
    topic = Topic()
    questions: list[str] = []
    for row in history[-_TURNS:]:
        reference = resolve_followup(row.question, topic.subject)
        if reference.kind == "more" and topic.question:
            is_named = topic.subject and topic.subject.name
            topic = topic if is_named else replace(topic, subject=_subject(row, reference, None))
        elif not is_thanks(row.question):
            topic = Topic(_subject(row, reference, topic.subject), reference.text, tuple(questions))
        questions.append(row.question)
    return topic


def previous_hits(hits: Sequence[Hit], history: Sequence[TurnRow], root: Path) -> list[Hit]:
    """The sources of the last answer with the lines that were shown, then at most `MAX_NEW_HITS` others of `hits`.

    `hits` are those of the question that is continued. A source whose file has changed since is left out.
    """
    sources = [
        item for item in _last(history).sources if item.get("attached") or sha_of(root, item["path"]) == item["sha"]
    ]
    last = [hit for item in sources if (hit := _shown_again(item, hits, history))]
    seen = [item for row in history for item in row.sources]
    new = [hit for hit in hits if not any(_overlap(hit, item) for item in seen)]
    return last + new[:MAX_NEW_HITS]


def _last(history: Sequence[TurnRow]) -> TurnRow:
    """The last turn that was not just thanks."""
    return next((row for row in reversed(history) if not is_thanks(row.question)), history[-1])


def _subject(row: TurnRow, reference: ResolvedQuestion, before: Subject | None) -> Subject | None:
    """The symbol that a turn is about: the one of a structural question, else what the question or the answer names."""
    if query := parse_structural_query(reference.text):
        if query.is_path:
            return Subject(query.name, query.name)
        if before and before.name == query.name and reference.kind == "subject":
            return before
        paths = {item["path"] for item in row.sources}
        is_location = query.kind in ("definition", "signature") and len(paths) == 1
        return Subject(query.name, paths.pop() if is_location else "") if query.name else None
    named = next(_named(reference.text[:_FIRST], row.sources, sure=True), None)
    if named or is_doubted(row.user_message) or not row.sources:
        return named
    paragraphs = (text for text in row.answer[:_FIRST].split("\n\n") if text.strip() and "```" not in text)
    return next(_named(next(paragraphs, ""), row.sources), None) or _of(row.sources[0])


def _named(text: str, sources: Sequence[dict[str, Any]], *, sure: bool = False) -> Iterator[Subject]:
    """The sources that a text names or cites, in order of mention; `sure`: only by names that are written as code."""
    for match in _REFERENCE.finditer(text):
        name = (match["code"] or match["word"] or "").strip().removesuffix("()")
        is_sure = bool(match["code"]) or is_identifier(name) or "." in name
        for item in sources:
            symbol = item["symbol"] or ""
            is_cited = not sure and match["n"] is not None and item["n"] == int(match["n"])
            if is_cited or (is_sure and symbol and f".{symbol}".endswith(f".{name}")):
                yield _of(item)


def _of(item: dict[str, Any]) -> Subject:
    """The symbol of a source; a heading in a document is none."""
    symbol, path = item["symbol"] or "", item["path"]
    is_code = f".{path.rpartition('.')[2]}" not in _PROSE and not re.search(r"[\s`]", symbol)
    return Subject(symbol if is_code else "", path)


def _overlap(hit: Hit, item: dict[str, Any]) -> bool:
    is_same = (hit.path, hit.sha) == (item["path"], item["sha"])
    return bool(is_same and hit.start_line <= item["end"] and item["start"] <= hit.end_line)


def _shown_again(item: dict[str, Any], hits: Sequence[Hit], history: Sequence[TurnRow]) -> Hit | None:
    """A source of an earlier answer as a hit: cut from a hit that contains it, else from the text that was shown."""
    start, end = item["start"], item["end"]
    for hit in hits:
        if _overlap(hit, item) and hit.start_line <= start and end <= hit.end_line:
            is_plain = hit.text.count("\n") == hit.end_line - hit.start_line
            is_whole = (hit.start_line, hit.end_line) == (start, end)
            if is_whole or is_plain:
                return hit if is_whole else slice_hit(hit, start - hit.start_line, end - hit.start_line + 1).hit
    texts = (shown_text(row.user_message, item["n"], item["path"], start, end) for row in history)
    text = next(filter(None, texts), "")
    return _hit(item, text) if text else None


def _hit(item: dict[str, Any], text: str) -> Hit:
    return Hit(
        chunk_id=0,
        path=item["path"],
        start_line=item["start"],
        end_line=item["end"],
        symbol=item["symbol"] or "",
        kind="window",
        language="",
        signature="",
        doc="",
        text=text,
        sha=item["sha"],
        score=item["score"],
        why=Why(),
        fresh=item["fresh"],
    )
