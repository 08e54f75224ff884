"""Questions made from a codebase, and the copy of it to search."""

from pathlib import Path

import pytest

from indexer.evaluation.dataset import NAME, VALUE, Case, Gold, build
from tests.indexer.harness import lay_out
from tests.indexer.repository import CART, MAIL, TESTS, shop

pytestmark = pytest.mark.process

TOTAL = Gold("shop/cart.py", "Cart.total", 2, 6)
CLEAR = Gold("shop/cart.py", "clear", 9, 12)


def described(root: Path, copy: Path, each: int) -> list[Case]:
    """The cases without those of bare names and of constants."""
    return [case for case in build(root, copy, each) if case.kind not in (NAME, VALUE)]


def test_every_kind_of_question_with_its_answer(tmp_path: Path) -> None:
    cases = described(shop(tmp_path / "shop"), tmp_path / "copy", 10)
    assert sorted(cases, key=lambda case: case.question) == [
        Case("commit", "Fix discount counted twice\n\nThe cart was too cheap.", ("shop/cart.py",), (TOTAL,)),
        Case(
            "docstring",
            "Mails the receipt of a finished order.",
            ("shop/mail.js",),
            (Gold("shop/mail.js", "sendReceipt", 2, 5),),
        ),
        Case("docstring", "Sums up what the cart costs.", ("shop/cart.py",), (TOTAL,)),
        Case("test", "clearing leaves an empty basket", ("shop/cart.py",), (CLEAR,)),
    ]


def test_the_source_of_a_question_is_blank_in_the_copy_and_lines_stay(tmp_path: Path) -> None:
    root, copy = shop(tmp_path / "shop"), tmp_path / "copy"
    described(root, copy, 10)
    docstring = '"""Sums up what the cart costs. Discounts count."""'
    assert (copy / "shop/cart.py").read_text() == CART.replace(docstring, "")
    assert (copy / "shop/mail.js").read_text() == MAIL.replace("// Mails the receipt of a finished order.", "")
    tests = TESTS.splitlines()
    assert (copy / "tests/test_cart.py").read_text().splitlines() == [*tests[:4], "", "", *tests[6:], ""]
    assert (root / "shop/cart.py").read_text() == CART


def test_a_limit_chooses_the_same_cases_each_time(tmp_path: Path) -> None:
    root = shop(tmp_path / "shop")
    cases = described(root, tmp_path / "one", 1)
    assert [case.kind for case in cases] == ["docstring", "commit", "test"]
    assert described(root, tmp_path / "two", 1) == cases


def test_a_sentence_that_two_functions_share_is_no_question(tmp_path: Path) -> None:
    body = '    """Reads the whole file from disk."""\n    text = open(path)\n    return text\n\n\n'
    lay_out(tmp_path / "code", {"a.py": f"def one(path):\n{body}def two(path):\n{body}"})
    assert described(tmp_path / "code", tmp_path / "copy", 10) == []


def test_a_docstring_is_blanked_over_all_its_lines(tmp_path: Path) -> None:
    docstring = "'''\n    Reads the settings from a file.\n\n    Twice.\n    '''"
    text = f"def load(path):\n    {docstring}\n    x = path\n    return x\n"
    lay_out(tmp_path / "code", {"a.py": text})
    case = described(tmp_path / "code", tmp_path / "copy", 10)[0]
    assert (case.question, case.functions) == ("Reads the settings from a file.", (Gold("a.py", "load", 1, 8),))
    blanked = "def load(path):\n    \n\n\n\n\n    x = path\n    return x\n"
    assert (tmp_path / "copy/a.py").read_text() == blanked


@pytest.mark.parametrize(
    ("path", "comment", "question"),
    [
        ("a.go", "// load reads the whole file. And more.", "reads the whole file."),
        ("a.c", "/* load -- reads the whole file */", "reads the whole file"),
        ("a.go", "// Reads the whole\n// file", "Reads the whole file"),
        ("a.ts", "/**\n * Reads the whole file\n * @param x where it is\n */", "Reads the whole file"),
        ("a.c", "/* ------- Reads the whole file ------- */", "Reads the whole file"),
    ],
)
def test_comments_of_other_languages(tmp_path: Path, path: str, comment: str, question: str) -> None:
    heads = {"a.go": "func load(x int) int {", "a.ts": "function load(x) {", "a.c": "int load(int x) {"}
    lay_out(tmp_path / "code", {path: f"{comment}\n{heads[path]}\n  return x + 1;\n}}\n"})
    assert [case.question for case in described(tmp_path / "code", tmp_path / "copy", 10)] == [question]


def test_a_comment_that_the_file_repeats_is_no_question(tmp_path: Path) -> None:
    text = "// Reads the whole file.\n\nconst a = 1;\n\n// Reads the whole file.\nfunction load(x) {\n  return x;\n}\n"
    lay_out(tmp_path / "code", {"a.js": text})
    assert described(tmp_path / "code", tmp_path / "copy", 10) == []
    assert (tmp_path / "copy/a.js").read_text() == text


def test_ignored_files_and_secrets_are_not_copied(tmp_path: Path) -> None:
    root = lay_out(
        tmp_path / "code", {".gitignore": "out/\n", "out/a.py": "a = 1\n", ".env": "A=b\n", "b.py": "b = 1\n"}
    )
    described(root, tmp_path / "copy", 10)
    copied = [
        file.relative_to(tmp_path / "copy").as_posix() for file in (tmp_path / "copy").rglob("*") if file.is_file()
    ]
    assert copied == ["b.py"]


def test_names_and_constants_that_are_defined_once_are_questions(tmp_path: Path) -> None:
    text = "MAX_CENTS = 500\nDEFAULT = 3\nmade_up = MAX_CENTS\n\n\nclass Till:\n    pass\n\n\ndef twice():\n    pass\n"
    lay_out(tmp_path / "code", {"a.py": text, "b.js": "const lowest_rate = 'x';\nfunction twice() {}\n"})
    cases = build(tmp_path / "code", tmp_path / "copy", 10)
    assert sorted(cases, key=lambda case: case.question) == [
        Case("name", "Till", ("a.py",), (Gold("a.py", "Till", 6, 7),)),
        Case("value", "What is the lowest rate?", ("b.js",), ()),
        Case("value", "What is the max cents?", ("a.py",), ()),
    ]
    assert build(tmp_path / "code", tmp_path / "again", 1) == [cases[0], cases[1]]
