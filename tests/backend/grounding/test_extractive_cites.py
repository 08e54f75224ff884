"""Every citation of an answer without a model holds, whatever the sources say of themselves."""

from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from backend.extractive.engine import compose
from backend.grounding.checker import citation_statuses
from backend.grounding.disk import Disk
from backend.grounding.sources import conversation_sources
from indexer.navigation.working_tree import find_lines
from indexer.types import Hit, Why
from models.types import Prompt
from prompts.citations import CitationParser
from prompts.snippets import Piece, context_snippet, number

PIECES = (
    "[77]", "[1-3]", "x.py:12", "`x.py:12`", "src/y.js#L3-L9", "`", "``", "```", "`other`", "A sentence. ", "[3](z)",
    "\n\n", "\n", ": ", ":class:`Foo`", "{@link Bar#baz}", "<p>", "e.g. ", "Makefile:3", "**[2]**",
    "\\[4]", "fit", "[a:1]", "`x = load_all(y)`", "`return Foo`", "`n: Bar`", "`a-b/c.py`", " = ", "std::move",
)  # fmt: skip


def hit(symbol: str, doc: str, text: str, line: int, kind: str = "function") -> Hit:
    end = line + text.count("\n")
    return Hit(line, "src/a.py", line, end, symbol, kind, "python", "", doc, text, "", 1.0, Why(), True)


docs = st.lists(st.sampled_from(PIECES), max_size=12).map("".join)


@given(first=docs, second=docs, heading=docs, comment=docs, answered=st.booleans())
def test_all_are_ok(first: str, second: str, heading: str, comment: str, answered: bool) -> None:
    text = " ".join(comment.split())
    hits = [
        hit("fit", first, f"def fit():\n    # the fit of {text}\n    return trim(fit)", 10),
        hit("trim", second, "def trim(x):\n    return fit(x)", 30),
        hit(" ".join(heading.split()), "", "# Fit", 50, "section"),
    ]
    snippets = number([Piece(one) for one in hits], {}, 1)
    prompt = Prompt((), "how does fit fit?", tuple(context_snippet(one) for one in snippets), is_answered=answered)
    text = compose(prompt)
    parser, sources = CitationParser(), conversation_sources([], snippets)
    claims = parser.feed(text) + parser.close()
    plain = [tuple(replace(citation, values=()) for citation in claim) for claim in claims]
    cited = [
        (text[item["start"] : item["end"]], item["status"])
        for c in plain
        for item in citation_statuses(c, sources, Disk(None, find_lines))
    ]
    assert {status for _, status in cited} == {"stale"}  # no disk to compare with: nothing is invented
    assert {"[1]", "[2]"} <= {place for place, _ in cited}
