"""Readmes, guides and licence texts: their sections, their first paragraph, the commands they quote. Pure text."""

import re
from dataclasses import dataclass

_ATX = re.compile(r"^#{1,6}\s+(.+?)\s*#*$")
_UNDERLINE = re.compile(r"^([=\-~^\"'#*+.:])\1{2,}\s*$")
_FENCE = re.compile(r"^\s*```")
_SHELL = re.compile(
    r"^\s*```\s*(?:\{?\.?(?:(?:ba|z|fi|c|k|pw)?sh|shell|console|terminal|(?:shell|sh)-?session|powershell|ps1?|posh|bat"
    r"|batch|cmd|te?xt|plaintext|none|command)\b.*)?$",
    re.IGNORECASE,
)
_COMMENT = re.compile(r"<!--[\s\S]{0,4000}?-->")
_PROGRAMS = (
    "apk|apt|apt-get|bash|bats|brew|bun|bundle|bundler|cargo|cmake|composer|conda|coursier|cs|ctest|deno|docker"
    "|dotnet|git"
    "|gem|go|golangci-lint|gradle|just|lerna|make|meson|mix|mvn|mypy|ninja|nix|node|nox|npm|npx|nx|pip|pip3|pipx|pnpm"
    "|poetry|pre-commit|pytest|python|python3|rake|rspec|ruby|ruff|rustup|sbt|sh|sudo|swift|tox|turbo|uv"
    "|uvicorn|vcpkg|flutter|dart|crystal|shards"
    "|wget|yarn|php|phpunit|cypress|hatch|pdm|curl|zig|dune|opam|cabal|stack|rebar3|lein|choco|winget|scoop"
    "|buck|bazel"
)
_COMMAND = re.compile(
    rf"^\s*(?:[$%] (?=\S)(.+)|((?:[A-Z_]+=\S+ )*(?:(?:{_PROGRAMS})(?: .*)?|(?:\.{{1,2}}/|[a-z]+/)[\w./-]+(?: .*)?)))$"
)
_MARKUP = (
    (re.compile(r"!\[[^\]]*\]\([^)]*\)|</?\w+[^>]*>"), ""),
    (re.compile(r"\[([^\]]+)\](?:\([^)]*\)|\[[^\]]*\])"), r"\1"),
    (re.compile(r"\*\*|__(?=\w)|(?<=\w)__|`(?=`)"), ""),
)
_LINE = 1000  # characters of a line that is read
_PLAIN = 2000  # characters of a paragraph
_FEW = 3  # words: a shorter paragraph is a slogan or a list of links
_NO_PROSE = re.compile(r"^\s*(?:[#<!\[|>=\-*:`.+]|\{|&|\.\. |---|\d+\.|https?:)|^\s*$")
_BADGE = re.compile(r"!\[|<img|<a |<p |</|^\[!\[|shields\.io|badge")
# The first words that only the text of one licence has.
_LICENCES = (
    ("Apache License 2.0", r"Apache License\s+Version 2\.0"),
    ("GNU Affero General Public License", r"GNU AFFERO GENERAL PUBLIC LICENSE"),
    ("GNU Lesser General Public License", r"GNU LESSER GENERAL PUBLIC LICENSE"),
    ("GNU General Public License", r"GNU GENERAL PUBLIC LICENSE"),
    ("Mozilla Public License 2.0", r"Mozilla Public License,? (?:Version|v\.?)\s*2"),
    ("Eclipse Public License", r"Eclipse Public License"),
    ("Boost Software License", r"Boost Software License"),
    ("The Unlicense", r"free and unencumbered software released into the public domain"),
    (
        "BSD 3-Clause",
        r"Redistribution and use in source and binary forms[\s\S]*(?:Neither the name|endorse or promote)",
    ),
    ("BSD 2-Clause", r"Redistribution and use in source and binary forms"),
    ("ISC", r"Permission to use, copy, modify,? and/?(?:or)? distribute this software for any\s+purpose"),
    ("MIT", r"Permission is hereby granted, free of charge"),
    ("Business Source License", r"Business Source License"),
)
_KNOWN = tuple((name, re.compile(pattern.replace(" ", r"\s+"), re.IGNORECASE)) for name, pattern in _LICENCES)


@dataclass(frozen=True, slots=True)
class Section:
    """A heading and the lines below it, up to the next heading."""

    heading: str
    line: int  # of the heading, or of the ruler under it; 1-based
    rows: tuple[str, ...]

    def commands(self) -> list[tuple[int, str]]:
        """The commands inside its code blocks, except those in another language, with the numbers of their lines."""
        found, is_code, is_shell = [], False, True
        for at, row in enumerate(self.rows, self.line + 1):
            if _FENCE.match(row):
                is_code = not is_code
                is_shell = not is_code or bool(_SHELL.match(row))
            elif is_shell and (is_code or row.startswith(("    ", "\t"))) and (command := _COMMAND.match(row)):
                found.append((at, (command[1] or command[2]).strip()))
        return found


def sections(text: str) -> list[Section]:
    rows = [row[:_LINE] for row in text.split("\n")]
    heads: list[tuple[int, int, str]] = []  # first row, first row below, heading
    is_code = False
    for at, row in enumerate(rows):
        is_code ^= bool(_FENCE.match(row))
        if not is_code and (match := _ATX.match(row)):
            heads.append((at, at + 1, match[1]))
        elif not is_code and at and _UNDERLINE.match(row) and 0 < len(rows[at - 1].strip()) <= len(row.strip()) + 2:
            heads.append((at - 1, at + 1, rows[at - 1].strip()))
    ends = [start for start, _, _ in heads[1:]] + [len(rows)]
    return [
        Section(heading, below, tuple(rows[below:end])) for (_, below, heading), end in zip(heads, ends, strict=False)
    ]


def first_paragraph(text: str) -> tuple[int, int, str] | None:
    """The first prose of a readme, without titles, badges and markup: its first and last line, and the text."""
    rows = _COMMENT.sub(lambda comment: "\n" * comment[0].count("\n"), text).split("\n")
    start = 0
    for at in range(len(rows) + 1):
        if at < len(rows) and _is_prose(rows, at):
            continue
        paragraph = " ".join(" ".join(rows[start:at]).split())
        if len(paragraph.split()) > _FEW:
            return start + 1, at, paragraph
        start = at + 1
    return None


def _is_prose(rows: list[str], at: int) -> bool:
    """Whether a line belongs to a paragraph: it is no title, list, badge, code or blank."""
    next_row = rows[at + 1] if at + 1 < len(rows) else ""
    marked = _NO_PROSE.match(rows[at].replace("*", ""))
    return not marked and not _BADGE.search(rows[at]) and not _UNDERLINE.match(next_row)


def plain(text: str) -> str:
    """Without links, images and emphasis, on one line."""
    text = text[:_PLAIN]
    for pattern, replacement in _MARKUP:
        text = pattern.sub(replacement, text)
    return " ".join(text.split())


def licence_name(text: str) -> str:
    """The name of the licence whose text this is; "" for none that is known."""
    return next((name for name, pattern in _KNOWN if pattern.search(text[:12_000])), "")
