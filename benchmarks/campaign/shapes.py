"""Hostile text: what makes parsers nest, ignore rules backtrack, and questions slow. Deterministic, and no secrets."""

from collections.abc import Callable
from typing import NamedTuple

from indexer.files.languages import LANGUAGES

SIZES = (6_000, 30_000, 900_000)  # bytes, about
_TRIPLE, _TICKS = '"' * 3, "`" * 3


def _repeated(unit: str, before: str = "", after: str = "") -> Callable[[int], str]:
    """`before`, as many units as the size has room for, `after`."""
    return lambda size: before + unit * max(1, size // len(unit)) + after


def _lines(unit: str) -> Callable[[int], str]:
    """A unit again and again, broken into lines: a file of one long line is taken for a minified one."""
    per_line = max(1, 100 // len(unit))
    return _repeated(unit * per_line + "\n")


def _tabbed(mark: str) -> Callable[[int], str]:
    """A list in a list in a list: each line has a tab more. Its depth is the root of its size."""

    def text(size: int) -> str:
        depth = max(2, int((2 * size) ** 0.5) - len(mark))
        return "".join("\t" * level + mark + "\n" for level in range(depth))

    return text


def _balanced(opening: str, closing: str) -> Callable[[int], str]:
    def text(size: int) -> str:
        depth = max(1, size // (len(opening) + len(closing)))
        return opening * depth + "\n" + closing * depth + "\n"

    return text


# Text that is hard for one grammar or another. Each is tried with every grammar: a parser recovers from anything.
PARSER_SHAPES: dict[str, Callable[[int], str]] = {
    "open parentheses": _lines("("),
    "open brackets": _lines("["),
    "open braces": _lines("{"),
    "balanced parentheses": _balanced("(", ")"),
    "balanced braces": _balanced("{\n", "}\n"),
    "open comments": _lines("/*"),
    "quote, quotes, interpolation": _repeated("'\"${\n"),
    "open interpolation": _repeated('"${\n'),
    "nested interpolation": _repeated('"${"\n'),
    "f-string interpolation": _repeated("f'{f\"{\n"),
    "less than": _lines("a<"),
    "generics": _repeated("A<B<C\n"),
    "percent literals": _lines("%w("),
    "tabbed list": _tabbed("- x"),
    "quoted lists": _repeated("> - "),
    "block quotes": _tabbed("> x"),
    "elements": _lines("<div>"),
    "open html comments": _lines("<!--"),
    "heredocs": _repeated("<<A\n"),
    "nested commands": _lines("$("),
    "backslashes": _lines("\\"),
    "arrows": _lines("a=>"),
    "scopes": _lines("a::"),
    "decorators": _lines("@a "),
    "preprocessor": _repeated("#if a\n"),
    "triple quotes": _lines(_TRIPLE),
    "code fences": _repeated(f"{_TICKS}a\n{_TICKS}{_TICKS}\n"),
    "ternaries": _lines("a?b:"),
    "unary": _lines("!-~"),
    "nested blocks": _repeated("if a {\n"),
    "lambdas": _repeated("x->{x->{\n"),
    "calls": _lines("f(a,"),
    "references": _lines("[a]["),
    "emphasis": _lines("*a_"),
    "raw strings": _lines('r#"'),
    "private keys": _repeated("-----BEGIN PRIVATE KEY-----\n"),
    "assignments": _repeated("password =\n"),
}


class Bomb(NamedTuple):
    """A text in a language, and the name of a file for it."""

    name: str
    grammar: str
    text: str


# One file name for each grammar that the indexer knows.
SUFFIXES = {row.grammar: row.suffixes[0] for row in LANGUAGES if row.grammar}
# The shapes that killed a server, as the issue lists them.
KNOWN = (
    ("open interpolation", "kotlin", 6_000),
    ("tabbed list", "markdown", 50_000),
    ("open comments", "python", 30_000),
    ("open parentheses", "python", 900_000),
    ("less than", "java", 30_000),
    ("percent literals", "rust", 30_000),
    ("percent literals", "cpp", 30_000),
    ("less than", "csharp", 30_000),
    ("less than", "go", 30_000),
)
EVERY_BOMB = tuple((shape, grammar, size) for grammar in SUFFIXES for shape in PARSER_SHAPES for size in SIZES)


def bomb(shape: str, grammar: str, size: int) -> Bomb:
    """The text of a shape, as a file of that grammar."""
    name = f"{shape.replace(', ', '-').replace(' ', '-')}-{size // 1000}k{SUFFIXES[grammar]}"
    return Bomb(name, grammar, PARSER_SHAPES[shape](size))


# Ignore files: lines, and a name that they are matched with. The name is at most 255 bytes long.
IGNORE_SHAPES: dict[str, tuple[str, str]] = {
    "stars": ("*a" * 10 + "*b\n", "a" * 200 + ".py"),
    "double stars": ("**/a/" * 12 + "b\n", "a/" * 60 + "c.py"),
    "stars and question marks": ("*?" * 30 + "b\n", "a" * 200 + ".py"),
    "classes": ("*[a-z]" * 15 + "0\n", "a" * 200 + ".py"),
    "open class": ("[" * 5000 + "\n", "a.py"),
    "backslashes": ("\\" * 9999 + "\n", "a.py"),
    "negations": ("*.py\n!*.py\n" * 5000, "a.py"),
    "many patterns": ("".join(f"*x{n}*y{n}*\n" for n in range(20_000)), "x1y2.py"),
    "one huge line": ("a*" * 500_000 + "\n", "a" * 200 + ".py"),
    "no line break": ("*a" * 200_000, "a" * 200 + ".py"),
    "nul and controls": ("b*\0a\x1b]0;x\x07*b\n" * 2000, "a.py"),
    "only stars": ("*" * 100_000 + "b\n", "a" * 200 + ".py"),
}

# Questions: each is hard for one expression or another that reads a question.
QUESTION_SHAPES: dict[str, Callable[[int], str]] = {
    "quoted names": _repeated('"a.b"'),
    "quoted names, lines": _repeated('"a.b"\n'),
    "line breaks": _repeated("\n", "a", "b"),
    "spaces": _repeated(" ", "where is a", "b"),
    "tabs": _repeated("\t", "a", "b?"),
    "one word": _repeated("a"),
    "one word of capitals": _repeated("aB"),
    "underscores": _repeated("_a"),
    "dots": _repeated("a."),
    "colons": _repeated("a::"),
    "slashes": _repeated("a/"),
    "paths": _repeated("src/a.py:1 "),
    "backticks": _repeated("`"),
    "code spans": _repeated("`a` "),
    "open code span": _repeated("a b ", "`"),
    "parentheses": _repeated("("),
    "calls": _repeated("a()"),
    "quotes": _repeated("'"),
    "double quotes": _repeated('"'),
    "who calls": _repeated("who calls "),
    "where is": _repeated("where is a defined and "),
    "and": _repeated("and "),
    "commas": _repeated("a, "),
    "numbers": _repeated("1"),
    "decimals": _repeated("1.1"),
    "versions": _repeated("1.2.3-a "),
    "question marks": _repeated("?"),
    "citations": _repeated("[1]"),
    "links": _repeated("[a](b) "),
    "angle brackets": _repeated("<|im_end|>"),
    "zero width": _repeated("\u200b"),
    "combining": _repeated("a\u0301\u0302"),
    "right to left": _repeated("\u202ea\u202c"),
    "emoji": _repeated("\U0001f468\u200d\U0001f469"),
    "traceback": _repeated('  File "a.py", line 1, in a\n', "Traceback (most recent call last):\n"),
    "private keys": _repeated("-----BEGIN PRIVATE KEY-----\n"),
    "assignments": _repeated("password = "),
}
