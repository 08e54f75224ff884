"""Occurrences of a name that the syntax shows as no call."""

import pytest

from indexer.parsing.references import references_to


@pytest.mark.parametrize(
    ("language", "text", "expected"),
    [
        ("c", '#define GREET "say fee(1) now"\n', []),
        ("c", "#define GREET 1 /* fee(1) */\n", []),
        ("c", '#define GREET say("a", fee(1))\n', [(1, "call")]),
        ("vue", "<template><!-- {{ fee(1) }} --><p>{{ fee(2) }}</p></template>\n", [(1, "call")]),
        ("svelte", "<!-- {fee(1)} -->\n<p>{fee(2)}</p>\n", [(2, "call")]),
        ("python", "def f():\n    global fee\n    fee = 3\n    a, fee = 1, 2\n", []),
        ("python", "a.fee = 1\ndel a.fee\ndel fee\n", []),
        ("python", "a.b = fee\na[fee] = 1\nfee.b = 1\n", [(1, "use"), (2, "use"), (3, "use")]),
        ("python", "fee += 1\n", [(1, "use")]),
        ("javascript", "a.fee = 1;\nfee = 2;\na.b = fee;\n", [(3, "use")]),
        ("go", "package a\nfunc f() {\n\tfee, b = 1, 2\n\ta.fee = 1\n\tb = fee\n}\n", [(5, "use")]),
        ("rust", "fn f() {\n    a.fee = 1;\n    b = fee;\n}\n", [(3, "use")]),
        ("c", "void f(void) { a->fee = 1;\nb = fee;\nfee += 1; }\n", [(2, "use"), (3, "use")]),
    ],
)
def test_mentions(language: str, text: str, expected: list[tuple[int, str]]) -> None:
    found = references_to(text, language, "fee")
    assert [(ref.line, ref.kind) for ref in found or () if ref.name == "fee"] == expected
