"""Calls between snippets."""

import pytest

from backend.extractive.calls import calls
from models.types import ContextSnippet


def piece(
    symbol: str, text: str = "", path: str = "src/a.py", kind: str = "function", lang: str = "python"
) -> ContextSnippet:
    return ContextSnippet(1, path, 1, 1, symbol, kind, lang, "", "", text)


@pytest.mark.parametrize(
    ("text", "other", "called"),
    [
        ("def go():\n    trim(x)", piece("trim"), True),
        ("def trim(x):\n    pass", piece("trim", path="b.py"), False),  # defines it
        ("# trim(x)\ny = 'trim(x)'", piece("trim"), False),
        ("re.search(x)", piece("Index.search", kind="method"), False),
        ("index.search(x)", piece("Index.search", kind="method"), True),
        ("self._index.search(x)", piece("Index.search", kind="method"), True),
        ("self.stop()", piece("Box.stop", kind="method"), True),
        ("self.stop()", piece("Other.stop", kind="method"), False),
        ("conversations.accept(x)", piece("accept", path="backend/conversations.py"), True),
        ("door.accept(x)", piece("accept", path="backend/conversations.py"), False),
        ("make().trim(x)", piece("trim"), False),
        ("print(x)", piece("print"), False),  # everyone's
        ("trim(x)", piece("trim", lang="go"), False),
        ("Box(1)", piece("Box", kind="class"), True),
    ],
)
def test_a_call_means_a_definition_only_where_scope_or_module_say_so(
    text: str, other: ContextSnippet, called: bool
) -> None:
    assert calls(piece("Box.go", text), [other]) == ([other] if called else [])


def test_in_the_order_of_lines_each_once_and_none_where_two_could_be_meant() -> None:
    one, two, same = piece("one"), piece("two"), piece("one", path="src/b.py")
    assert calls(piece("go", "two(1)\none(2)\ntwo(3)"), [one, two]) == [two, one]
    assert calls(piece("go", "one(1)"), [one, same]) == [one]  # of its own file
    assert calls(piece("go", "one(1)", path="c.py"), [one, same]) == []
    assert calls(piece("go", "go(1)"), [piece("go")]) == []
