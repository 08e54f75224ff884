"""The work for a question, an answer, an attached text and a file grows no faster than the text: steps, not time."""

import importlib
from collections.abc import Callable
from itertools import pairwise

import pytest

from backend.chat.followups import resolve
from backend.chat.question import Question
from backend.db.tables import TurnRow
from backend.extractive.engine import compose
from backend.extractive.lead_text import lead, lead_places
from backend.grounding.attribution import Attributor
from backend.grounding.checker import citation_statuses
from backend.grounding.disk import Disk
from backend.grounding.sources import Source
from indexer.navigation.followup import Subject, is_thanks, resolve_followup
from indexer.navigation.intent import parse_structural_query
from indexer.navigation.names.derivation import uses_on
from indexer.navigation.working_tree import find_lines
from indexer.parsing import (
    definitions,
    doc_comments,
    embedded,
    entrypoints,
    identifiers,
    macros,
    packages,
    references,
    worded_definitions,
)
from indexer.parsing.chunking import chunks_of
from indexer.parsing.manifests.entries import entries
from indexer.parsing.manifests.entry import without_docstrings
from indexer.project import assignments, environment
from indexer.project.settings import SettingQuery
from indexer.project.values import Place, values_in
from indexer.search import searcher
from indexer.search.off_topic import is_general
from indexer.search.query import parse_query
from indexer.types import Hit, SourceFile, Why
from models import router
from models.filters.answer_filter import AnswerFilter
from models.types import ContextSnippet, Prompt
from prompts import sentences
from prompts.citations import CitationParser
from prompts.pack import pack
from prompts.task import answer_instruction
from tests.regex_steps import Steps, instrument, python_steps

MODULES = [
    importlib.import_module(name)
    for name in (
        *("backend.chat.followups", "backend.chat.structural_answer", "backend.extractive.calls"),
        *("backend.extractive.engine", "backend.extractive.excerpt", "backend.extractive.lead_text"),
        *("backend.extractive.matching", "backend.extractive.prose", "backend.grounding.attribution"),
        *("backend.grounding.checker", "backend.grounding.sources", "indexer.navigation.followup"),
        *("indexer.navigation.intent", "indexer.navigation.names.derivation"),
        *("indexer.parsing.definition_matches", "indexer.parsing.definitions"),
        *("indexer.parsing.doc_comments", "indexer.parsing.embedded", "indexer.parsing.entrypoints"),
        *("indexer.parsing.macros", "indexer.parsing.packages", "indexer.parsing.worded_definitions"),
        *("indexer.parsing.usage.expressions", "indexer.parsing.identifiers", "indexer.parsing.references"),
        *("indexer.parsing.manifests.entry", "indexer.parsing.manifests.lines", "indexer.project.assignments"),
        *("indexer.project.environment", "indexer.project.values", "indexer.search.query"),
        *("models.filters.repetition", "models.router", "prompts.citations", "prompts.pack"),
        *("prompts.quoted_names", "prompts.sentences", "prompts.snippets", "prompts.task", "prompts.values"),
    )
]
SHAPES = {
    "one letter": "a",
    "one capital": "A",
    "underscores": "_",
    "digits": "1",
    "dots": ".",
    "spaces": " ",
    "line breaks": "\n",
    "blank lines": " \n",
    "quotes": "\"'",
    "escaped quotes": '\\" ',
    "dotted in quotes": '"a.b"\n',
    "backticks": "`",
    "spans": "`a` ",
    "open spans": "`a``b ",
    "brackets": "[(",
    "open brackets": "[",
    "stars": "*a",
    "closing brackets": ")]",
    "nested pairs": "(a[",
    "slashes": "/\\",
    "path": "a/b.",
    "camelCase": "aB",
    "snake_case": "a_b",
    "calls": "a(",
    "words": "the ab is ",
    "numbers": "1 2, ",
    "versions": "1.2",
    "products": "1 * ",
    "URLs": "http://a.b/c ",
    "citations": "[1][1]",
    "open citations": "[1, ",
    "places": "a.py:1 ",
    "code fences": "```\n",
    "comments": "/* ",
    "HTML comments": "<!-- ",
    "traces": "at a((\n",
    "list": "- [x] a\n",
    "quotations": "> > ",
    "sentences": "ab. ",
    "marks": "!?.",
    "non-Latin": "дом漢字。",
    "combining marks": "e\u0301\u200b",
    "outside the plane": "😀",
    "mixed": "a.B_c(1)[2] `x` ",
    "port": "port a ",
    "reads of the environment": "get_env",
    "attributes": "#[arg(env=",
    "open lists": "a = [\n",
    "open dependencies": "deps: [\n{:a, ",
    "defaults": "f('--a', default=1\n",
    "docstrings": '"""\n',
    "variables": "- ${A",
}
LENGTHS = (150, 300, 600)
HOW = "How does `load_all` work, and why 30?"


def hit(text: str) -> Hit:
    return Hit(
        1,
        "a/b.py",
        1,
        text.count("\n") + 1,
        "A.load",
        "function",
        "python",
        "def load(a)",
        "",
        text,
        "1",
        1.0,
        Why(),
        fresh=True,
    )


def snippet(n: int, text: str) -> ContextSnippet:
    return ContextSnippet(
        n, "a/b.py", 1, text.count("\n") + 1, f"A.load{n}", "function", "python", "def load(a)", "", text
    )


def question(text: str) -> None:
    parse_structural_query(text)
    resolve_followup(text, Subject("A.load", "a/b.py"))
    is_thanks(text)
    parse_query(text, ("what is it?", text))
    is_general(text)
    router.score(router.RoutingFeatures(text))
    answer_instruction(text)
    Attributor((), text)
    pack([hit("a = 1\n" * 20)], text, 40, lambda piece: len(piece.hit.text) // 4)
    places = lead_places(text, (snippet(1, "load()"), snippet(2, "a")))
    lead(text, places)
    row = TurnRow(question=text, answer=text, user_message=text, model="m", sources=[])
    row.sources = [{"n": 1, "path": "a/b.py", "start": 1, "end": 2, "symbol": "A.load", "sha": "1"}]
    resolve(Question("s", "t", "and who calls it?"), [row])


def answer(text: str) -> None:
    _answer(text, len(text))


def streamed(text: str) -> None:
    """An incomplete sentence is read again with each piece of it, but it has at most `LONGEST` characters."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sentences, "LONGEST", 60)
        _answer(text, 20)


def _answer(text: str, size: int) -> None:
    sources = [Source(1, "a/b.py", 1, 2, "1", "def load(a): return 1.2", "A.load", attached=True)]
    shown, attributor, parser, answers = "", Attributor(sources, HOW), CitationParser(proper=True), AnswerFilter()
    for at in range(0, len(text), size):
        shown += attributor.feed(answers.feed(text[at : at + size])).text
    shown += attributor.feed(answers.end()).text + attributor.close().text
    for claim in [*parser.feed(shown), *parser.close()]:
        citation_statuses(claim, sources, Disk(None, find_lines), HOW)


def attached(text: str) -> None:
    compose(Prompt((), question=HOW, snippets=(snippet(1, text), snippet(2, "load1(1)")), is_answered=True))
    Source(1, "a/b.py", 1, 2, "1", text, text, attached=True)


def content(text: str) -> None:
    for language in ("python", "javascript"):
        source = SourceFile(f"a.{language}", "1", len(text), 0, language, text)
        chunks_of(source, definitions.parse(text, language))
    references.references_to(f"load(1)\n{text}", "python", "load")
    entrypoints.routes(f'@app.get("/a")\n{text}', "python")
    macros.without_macros(text.encode())
    packages.package_of(text, "php")
    packages.compiler_paths(text)
    line = f"{text}load, type{text}"
    list(uses_on(SourceFile("a.rs", "1", 1, 0, "rust", line), "load", 0, len(line)))
    list(worded_definitions.worded_definitions(text, "ab"))
    doc_comments.strip_marks(text)
    embedded.embedded(text, "vue")
    embedded.embedded(text, "svelte")
    definitions._signature(text)
    identifiers.split(text)


def glob(text: str) -> None:
    searcher._pattern(f"*{text}").match(text)


def manifest(text: str) -> None:
    for path in (
        "setup.py",
        "mix.exs",
        "noxfile.py",
        "Makefile",
        "setup.cfg",
        "requirements.txt",
        "go.mod",
        "Dockerfile",
    ):
        entries(path, text)
    without_docstrings(text)


def settings(text: str) -> None:
    """A longer line is not read, and only a few lines around each."""
    rows = [row[at : at + 60] for row in text.split("\n") for at in range(0, max(1, len(row)), 60)]
    for row in rows:
        list(environment._in_code(row, True))
        list(environment._in_configuration(row, True))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(assignments, "_VALUE_LINES", 4)
        patch.setattr(assignments, "_ABOVE", 2)
        for measure in ("port", "any"):
            asked = SettingQuery(measure, ("a", "ab"), ("port",), "the default")
            list(values_in(Place("a.js", 1, "A.load", "\n".join(rows)), asked, {"a": 1.0, "ab": 1.0}))


def steps_of(work: Callable[[str], None], shape: str, length: int, counter: Steps) -> dict[str, int]:
    for cached in (
        identifiers._ascii_terms,
        identifiers.stem,
        router._without_code,
        assignments._depth,
        assignments._masked,
    ):
        cached.cache_clear()
    text = (shape * length)[:length]
    counter.by_pattern.clear()
    with python_steps(counter):
        work(text)
    return dict(counter.by_pattern)


@pytest.mark.parametrize("work", [question, answer, streamed, attached, content, glob, manifest, settings])
def test_twice_the_text_takes_at_most_about_twice_the_steps(
    work: Callable[[str], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    counter = Steps()
    instrument(monkeypatch, MODULES, counter)
    work("a b. `c` [1] 1.2")  # imports, compiles, fills caches
    worse = []
    for name, shape in SHAPES.items():
        counts = [steps_of(work, shape, length, counter) for length in LENGTHS]
        for part in counts[-1]:
            short, middle, long = (count.get(part, 0) for count in counts)
            if middle > 2.3 * short + 500 and long > 2.3 * middle + 500:
                worse.append((name, part, short, middle, long))
        totals = [sum(count.values()) for count in counts]
        if any(twice > 2.3 * once + 1000 for once, twice in pairwise(totals)):
            worse.append((name, "all", totals[0], totals[1], totals[2]))
    assert worse == [], "\n".join(map(str, worse))
