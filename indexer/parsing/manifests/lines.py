"""The entries of formats that are read line by line: go.mod, make, Dockerfile, INI, and languages used as manifests."""

import re
from collections.abc import Iterator

from indexer.parsing.manifests.entry import Entry, flat

_MODULE = re.compile(r"^\s*(?:(require|replace|exclude)\s+)?(?!//)(\S+)\s+(\S+.*?)\s*(?://.*)?$")
_TARGET = re.compile(r"^@?([A-Za-z0-9][\w./-]*)(?:\s+[\w=*+'\"-]+)*\s*:(?![=:])([^=]*)$")
_VARIABLE = re.compile(r"^(?:export\s+)?([A-Za-z_]\w*)\s*[:?+]?=\s*(.*)$")
_INSTRUCTION = re.compile(r"^\s*([A-Z]+)\s+(.+)$")
_OPTION = re.compile(r"^([\w.-]+)\s*[=:]\s*(.*)$")
_SECTION = re.compile(r"^\[\s*([^\]]+?)\s*\]")
_REQUIREMENT = re.compile(r"^\s*([A-Za-z0-9][\w.-]*)\s*(.*?)\s*(?:#.*)?$")
_ASSIGNMENT = re.compile(
    r"""^\s*(?!(?:if|unless|elif|elsif|else|for|foreach|while|raise|return|message|end\w*|require|import|from)\b)
    (?:set\s*\(\s*|(?:(?:lazy|val|var|def|let|const)\s+)+)?  # set(VERSION, val version
    (?:[a-z]\w*\.)?([A-Za-z_][\w.-]*)  # spec.version, ext.version
    (?:\s*(?:\+?=>?|:=|:(?!:)|\()\s*|\s+)(?=[\w"'\[({%:<>=~^])(.+)$""",
    re.VERBOSE,
)
_INFO = re.compile(r"\$\(info [^)]*\);?\s*")  # what make prints itself
_QUOTES = re.compile(r"(?<=\w)[\"'],\s*[\"']")  # between the words of `gem "rack", "~> 3"`
_COMMENT = re.compile(r"^\s*(?:#|//|--|;)")


def go_mod(text: str) -> list[Entry]:
    """`go`, `module`, and `require.PATH`."""
    found, block = [], ""
    for at, line in enumerate(text.split("\n"), 1):
        words = line.split()
        if words[1:] == ["("]:
            block = words[0]
        elif words[:1] == [")"]:
            block = ""
        elif (match := _MODULE.match(line)) and not _COMMENT.match(line):
            table = match[1] or block
            found.append(Entry(f"{table}.{match[2]}" if table else match[2], match[3], at, at))
    return found


def make(text: str) -> list[Entry]:
    """`target.NAME` with its recipe, and variables."""
    rows = text.split("\n")
    found = []
    for at, line in enumerate(rows):
        if variable := _VARIABLE.match(line):
            found.append(Entry(variable[1], flat(variable[2]), at + 1, at + 1))
        elif (target := _TARGET.match(line)) and not line.startswith("."):
            recipe = list(_indented(rows, at + 1))
            value = _INFO.sub("", "; ".join(row.strip().lstrip("@-") for row in recipe)) or target[2].strip()
            found.append(Entry(f"target.{target[1]}", value, at + 1, at + 1 + len(recipe)))
    return found


def docker(text: str) -> list[Entry]:
    """The instructions."""
    matches = ((at, _INSTRUCTION.match(line)) for at, line in enumerate(text.split("\n"), 1))
    return [Entry(match[1], match[2].strip(), at, at) for at, match in matches if match]


def ini(text: str) -> list[Entry]:
    """`section.option`; the indented lines below an option belong to it."""
    rows, section, found = text.split("\n"), "", []
    for at, line in enumerate(rows):
        if header := _SECTION.match(line):
            section = f"{header[1]}."
        elif (option := _OPTION.match(line)) and not _COMMENT.match(line):
            more = list(_indented(rows, at + 1))
            value = " ".join([option[2], *(row.strip() for row in more)])
            found.append(Entry(section + option[1], flat(value), at + 1, at + 1 + len(more)))
    return found


def requirements(text: str) -> list[Entry]:
    """`requirements.NAME`."""
    matches = ((at, _REQUIREMENT.match(line)) for at, line in enumerate(text.split("\n"), 1))
    return [Entry(f"requirements.{match[1]}", match[2] or "any version", at, at) for at, match in matches if match]


def bare(text: str) -> list[Entry]:
    """A file that holds nothing but a version."""
    value = flat(text)
    return [Entry("version", value, 1, 1)] if value and len(value) < 40 else []


def assignments(text: str) -> list[Entry]:
    """Lines that give one name a value: `spec.license = "MIT"`, `license="MIT",`, `cmake_minimum_required(...)`."""
    matches = ((at, _ASSIGNMENT.match(line)) for at, line in enumerate(text.split("\n"), 1) if not _COMMENT.match(line))
    return [Entry(match[1], _value(match[2]), at, at) for at, match in matches if match]


def _value(text: str) -> str:
    """Without the comma and the bracket behind it."""
    bare = text.rstrip().removesuffix(",").rstrip()
    return flat(_QUOTES.sub(" ", bare[:-1] if len(bare) > 1 and bare.endswith(")") else bare))


def _indented(rows: list[str], start: int) -> Iterator[str]:
    """The indented lines from `start` on."""
    for row in rows[start:]:
        if not row[:1].isspace() or not row.strip():
            return
        yield row
