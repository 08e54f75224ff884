"""What a question means after what was said before it: which symbol it refers to, or which answer it goes on with.

Knows the stored turns; reads and writes none.
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
from indexer.navigation.followup import Meant, Subject, is_thanks, meant
from indexer.navigation.intent import parse_structural_query
from indexer.parsing.identifiers import is_identifier
from indexer.types import Hit, Why
from prompts.pack import part
from prompts.snippets import is_doubted, shown_text

NEW = 2  # places that a question which only wants more may bring
_TURNS = 30  # turns that are looked at: a subject from before that is not remembered
_FIRST = 2000  # characters of a question or an answer that may say what it is about
_PROSE = frozenset(suffix for row in LANGUAGES if row.prose for suffix in row.suffixes)
_POINTS = re.compile(r"`+(?P<code>[^`\n]+)`+|\[(?P<n>\d{1,4})\]|(?P<word>[A-Za-z_][\w.]*\w)")


@dataclass(frozen=True, slots=True)
class Spoken:
    """Where a conversation stands."""

    subject: Subject | None = None  # what its last answer is about
    question: str = ""  # the last one that was more than a wish to go on, with the name of what it refers to
    earlier: tuple[str, ...] = ()  # the questions before that one


def in_conversation(question: Question, past: Sequence[TurnRow]) -> Question:
    """The question as it is to be searched for and answered.

    Where it refers to the symbol of the last answer, it names it. A question with attachments, or one that wants no
    code, stays as it is.
    """
    if not past or question.attachments or question.retrieval == "off":
        return question
    spoken = spoken_of(past)
    said = meant(question.text, spoken.subject)
    if said.kind == "more" and spoken.subject and spoken.subject.name and _last(past).model == LISTING:
        # Of a list of places there is no more to say, but of what they are places of.
        return replace(
            question, text=f"{question.text.rstrip('?!. ')}: `{spoken.subject.name}`", subject=spoken.subject
        )
    if said.kind == "more":
        return replace(question, is_continuation=bool(spoken.question and _last(past).sources))
    return replace(question, text=said.text, subject=said.about)


def spoken_of(past: Sequence[TurnRow]) -> Spoken:
    """Where the conversation stands after these turns."""
    spoken = Spoken()
    questions: list[str] = []
    for row in past[-_TURNS:]:
        said = meant(row.question, spoken.subject)
        if said.kind == "more" and spoken.question:
            is_named = spoken.subject and spoken.subject.name
            spoken = spoken if is_named else replace(spoken, subject=_subject(row, said, None))
        elif not is_thanks(row.question):
            spoken = Spoken(_subject(row, said, spoken.subject), said.text, tuple(questions))
        questions.append(row.question)
    return spoken


def kept(hits: Sequence[Hit], past: Sequence[TurnRow], root: Path) -> list[Hit]:
    """What the last answer had, each at the very lines that were shown, then a few more of `hits`.

    `hits` are those of the question that it goes on with. What changed on disk since is no longer what was shown.
    """
    sources = [
        item for item in _last(past).sources if item.get("attached") or sha_of(root, item["path"]) == item["sha"]
    ]
    last = [hit for item in sources if (hit := _again(item, hits, past))]
    seen = [item for row in past for item in row.sources]
    new = [hit for hit in hits if not any(_overlap(hit, item) for item in seen)]
    return last + new[:NEW]


def _last(past: Sequence[TurnRow]) -> TurnRow:
    """The turn that was answered last."""
    return next((row for row in reversed(past) if not is_thanks(row.question)), past[-1])


def _subject(row: TurnRow, said: Meant, before: Subject | None) -> Subject | None:
    """The symbol that a turn is about: of a listing what was asked for, else what the question or the answer names."""
    if asked := parse_structural_query(said.text):
        if asked.is_path:
            return Subject(asked.name, asked.name)
        if before and before.name == asked.name and said.kind == "subject":
            return before
        paths = {item["path"] for item in row.sources}
        is_place = asked.what in ("definition", "signature") and len(paths) == 1
        return Subject(asked.name, paths.pop() if is_place else "") if asked.name else None
    named = next(_named(said.text[:_FIRST], row.sources, sure=True), None)
    if named or is_doubted(row.user_message) or not row.sources:
        return named
    paragraphs = (text for text in row.answer[:_FIRST].split("\n\n") if text.strip() and "```" not in text)
    return next(_named(next(paragraphs, ""), row.sources), None) or _of(row.sources[0])


def _named(text: str, sources: Sequence[dict[str, Any]], *, sure: bool = False) -> Iterator[Subject]:
    """The sources that a text names or cites, in its order; with `sure` only by names that are written as code."""
    for match in _POINTS.finditer(text):
        name = (match["code"] or match["word"] or "").strip().removesuffix("()")
        is_sure = bool(match["code"]) or is_identifier(name) or "." in name
        for item in sources:
            symbol = item["symbol"] or ""
            is_cited = not sure and match["n"] is not None and item["n"] == int(match["n"])
            if is_cited or (is_sure and symbol and f".{symbol}".endswith(f".{name}")):
                yield _of(item)


def _of(item: dict[str, Any]) -> Subject:
    """A heading in a document is no symbol."""
    symbol, path = item["symbol"] or "", item["path"]
    is_code = f".{path.rpartition('.')[2]}" not in _PROSE and not re.search(r"[\s`]", symbol)
    return Subject(symbol if is_code else "", path)


def _overlap(hit: Hit, item: dict[str, Any]) -> bool:
    is_same = (hit.path, hit.sha) == (item["path"], item["sha"])
    return bool(is_same and hit.start_line <= item["end"] and item["start"] <= hit.end_line)


def _again(item: dict[str, Any], hits: Sequence[Hit], past: Sequence[TurnRow]) -> Hit | None:
    """A source of an earlier answer as a hit: cut from one that holds it, else as it was shown; None if it is gone."""
    start, end = item["start"], item["end"]
    for hit in hits:
        if _overlap(hit, item) and hit.start_line <= start and end <= hit.end_line:
            is_plain = hit.text.count("\n") == hit.end_line - hit.start_line
            is_whole = (hit.start_line, hit.end_line) == (start, end)
            if is_whole or is_plain:
                return hit if is_whole else part(hit, start - hit.start_line, end - hit.start_line + 1).hit
    texts = (shown_text(row.user_message, item["n"], item["path"], start, end) for row in past)
    text = next(filter(None, texts), "")
    return _remembered(item, text) if text else None


def _remembered(item: dict[str, Any], text: str) -> Hit:
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
