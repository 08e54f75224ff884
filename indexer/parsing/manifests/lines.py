"""The entries of formats that are read line by line: go.mod, make, Dockerfile, INI, and languages used as manifests."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import replace

from indexer.parsing.manifests.entry import COMMENTS, HASH_COMMENTS, Entry, flat, uncommented, without_docstrings

_MODULE = re.compile(r"^\s*(?:(require|replace|exclude)\s+)?(?!//)(\S+)\s+(\S+.*?)\s*(?://.*)?$")
_TARGET = re.compile(r"^@?([A-Za-z0-9][\w./-]*)(?:\s+[\w=*+'\"-]+)*\s*:(?![=:])([^=]*)$")
_VARIABLE = re.compile(r"^(?:export\s+)?([A-Za-z_]\w*)\s*[:?+]?=\s*(.*)$")
_INSTRUCTION = re.compile(r"^\s*([A-Z]+)\s+(.+)$")
_OPTION = re.compile(r"^([\w.-]+)\s*[=:]\s*(.*)$")
_SECTION = re.compile(r"^\[\s*([^\]]+?)\s*\]")
_REQUIREMENT = re.compile(r"^\s*([A-Za-z0-9][\w.-]*)(?=[\s\[;=<>!~@]|$)\s*(.*)$")
_ASSIGNMENT = re.compile(
    r"""^\s*(?!(?:if|unless|elif|elsif|else|for|foreach|while|raise|return|message|end\w*|require|import|from)\b)
    (?:set\s*\(\s*|(?:(?:lazy|val|var|defp?|let|const)\s+)+)?  # set(VERSION, val version
    (?:[a-z]\w*\.|@)?([A-Za-z_][\w.-]*)  # spec.version, ext.version, @version
    (?:\s*(?:\+?=>?|:=|:(?!:)|\()\s*|\s+)(?=[\w"'\[({%:<>=~^])(.+)$""",
    re.VERBOSE,
)
_INFO = re.compile(r"\$\(info [^)]*\);?\s*")  # what make prints itself
_QUOTES = re.compile(r"(?<=\w)[\"'],\s*[\"']")  # between the words of `gem "rack", "~> 3"`
_COMMENT = re.compile(r"^\s*(?:#|//|--|;)")
_FUNCTION = re.compile(r"^def (\w+)\(")
_SESSION_NAME = re.compile(r"\bname\s*=\s*[\"']([^\"']+)")
_WORD = re.compile(r"[\"']([^\"']+)[\"']")
_SWIFT_TOOLS = re.compile(r"^//\s*(swift-tools-version)\s*:\s*([\d.]+)")
_MIX_BLOCK = re.compile(r"^(\s*)defp?\s+deps\b.*\bdo\s*$")
_MIX_LIST = re.compile(r"\bdeps(?:\(\))?(?::|,\s*do:)\s*\[")
_MIX_DEPENDENCY = re.compile(r"\{:(\w+),([^{}]+)\}")  # {:phoenix, "~> 1.7"}
_COORDINATES = re.compile(r"([\"'][^\"'\s:]+:[^\"'\s]+[\"'])\)?\s*\{.*")  # of Gradle, with a block behind them
_CALL = re.compile(r"^\s*(?:project|cmake_minimum_required|find_package|target_compile_features)\s*\($", re.IGNORECASE)
_OPENS, _CLOSES = "([", ")]"
_STRING = re.compile(r"\"[^\"]*\"|'[^']*'")
_VALUE_LINES, _VALUE = 60, 1000  # lines and characters of a value that are read


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
            value = " ".join([option[2], *(row.strip() for row in more if not row.lstrip().startswith(("#", ";")))])
            found.append(Entry(section + option[1], flat(value), at + 1, at + 1 + len(more)))
    return found


def requirements(text: str) -> list[Entry]:
    """`requirements.NAME`."""
    rows = (row.rstrip("\\ ") for row in uncommented(text, HASH_COMMENTS).split("\n"))
    matches = ((at, _REQUIREMENT.match(row)) for at, row in enumerate(rows, 1))
    return [Entry(f"requirements.{match[1]}", match[2] or "any version", at, at) for at, match in matches if match]


def bare(text: str) -> list[Entry]:
    """A file that holds nothing but a version."""
    value = flat(text)
    return [Entry("version", value, 1, 1)] if value and len(value) < 40 else []


def nox(text: str) -> list[Entry]:
    """`session.NAME` with what the session runs."""
    rows = _code(text)
    found, decorated = [], ""
    for at, line in enumerate(rows):
        if line.startswith("@"):
            decorated += line
        elif (function := _FUNCTION.match(line)) and "nox.session" in decorated:
            body = [row.strip() for row in rows[at + 1 : _end_of_block(rows, at + 1)]]
            ends = _ends(body)
            calls = (n for n, row in enumerate(body) if row.startswith("session.run("))
            runs = "; ".join(", ".join(_WORD.findall(" ".join(body[n : ends[n] + 1]))) for n in calls)
            name = _SESSION_NAME.search(decorated)
            found.append(Entry(f"session.{name[1] if name else function[1]}", runs, at + 1, at + 1 + len(body)))
        if not line.startswith(("@", " ", ")")):
            decorated = ""
    return found


def _end_of_block(rows: list[str], start: int) -> int:
    return next((at for at in range(start, len(rows)) if rows[at] and not rows[at][0].isspace()), len(rows))


def tools(text: str) -> list[Entry]:
    """`.tool-versions`: a name and a version on each line."""
    rows = ((at, line.partition("#")[0].split(maxsplit=1)) for at, line in enumerate(text.split("\n"), 1))
    return [Entry(row[0], row[1].strip(), at, at) for at, row in rows if len(row) > 1]


def mix(text: str) -> list[Entry]:
    """As `assignments`, and `deps.NAME` for what its function or list `deps` has."""
    rows = _code(text)
    ends = _ends(rows)
    named: list[Entry] = []
    end = -1
    for at, row in enumerate(rows):
        block, opening = _MIX_BLOCK.match(row), _MIX_LIST.search(row)
        if at <= end or not (block or opening):
            continue
        if block:
            below = range(at + 1, len(rows))
            end = next((last for last in below if rows[last].startswith(f"{block[1]}end")), len(rows))
        else:
            end = ends[at]
        listed = "\n".join([row[opening.end() :] if opening else row, *rows[at + 1 : end + 1]])
        for match in _MIX_DEPENDENCY.finditer(listed, 0, _closing(listed) if opening else len(listed)):
            line = at + 1 + listed.count("\n", 0, match.start())
            named.append(Entry(f"deps.{match[1]}", flat(match[2]), line, line))
    return sorted([*assignments(text), *named], key=lambda entry: entry.line)


def _closing(text: str) -> int:
    """Where a list that begins before the text ends."""
    depth = 1
    for at, sign in enumerate(text):
        depth += (sign == "[") - (sign == "]")
        if not depth:
            return at
    return len(text)


def assignments(text: str) -> list[Entry]:
    """Lines that give one name a value: `spec.license = "MIT"`, `license="MIT",`, `cmake_minimum_required(...)`.

    A list goes on until its bracket closes; a block in braces is no value.
    """
    found = [
        Entry(match[1], match[2], at, at)
        for at, line in enumerate(text.split("\n"), 1)
        if (match := _SWIFT_TOOLS.match(line))
    ]
    rows = _code(text)
    ends = _ends(rows)
    for at, line in enumerate(rows):
        end = ends[at] if _CALL.match(line) else at
        match = _ASSIGNMENT.match(_on_one_line(rows[at : end + 1]))
        if match and end == at and _depth(match[2]) > 0:
            end = ends[at]
            match = _ASSIGNMENT.match(_on_one_line(rows[at : end + 1]))
        value = _COORDINATES.sub(r"\1", match[2].rstrip(), count=1) if match else ""
        if match and value[-1:] != "{" and value != "do":
            found.append(Entry(match[1], _value(value)[:_VALUE], at + 1, end + 1))
    values = {entry.key: entry.value for entry in found}
    return [_resolved(entry, values) for entry in found]


def _resolved(entry: Entry, values: Mapping[str, str]) -> Entry:
    """`license=LICENSE` with the value of that constant."""
    is_constant = entry.value.isupper() and entry.value != entry.key
    return replace(entry, value=values[entry.value]) if is_constant and entry.value in values else entry


def _code(text: str) -> list[str]:
    """The lines without comments."""
    rows = uncommented(without_docstrings(text), COMMENTS).split("\n")
    return [row if not _COMMENT.match(row) else "" for row in rows]


def _ends(rows: list[str]) -> list[int]:
    """For each row, the one that closes the brackets which it opens; itself where none of the next rows does."""
    ends, level = list(range(len(rows))), 0
    opened: list[tuple[int, int]] = []  # rows, and how many brackets are open before them
    for at, row in enumerate(rows):
        opened.append((at, level))
        level += _depth(row)
        while opened and opened[-1][1] >= level:
            start, _ = opened.pop()
            ends[start] = at if at - start < _VALUE_LINES else start
    return ends


def _on_one_line(rows: list[str]) -> str:
    first, *others = rows
    return " ".join(filter(None, [first.rstrip() if others else first, *(row.strip() for row in others)]))


def _depth(text: str) -> int:
    """How many brackets stay open."""
    bare = _STRING.sub("", text)
    return sum(bare.count(sign) for sign in _OPENS) - sum(bare.count(sign) for sign in _CLOSES)


def _value(text: str) -> str:
    """Without the comma and the bracket behind it."""
    bare = text.rstrip().removesuffix(",").rstrip()
    bare = bare[:-1] if len(bare) > 1 and _depth(bare) < 0 else bare
    return flat(bare if "[" in bare else _QUOTES.sub(" ", bare))


def _indented(rows: list[str], start: int) -> Iterator[str]:
    """The indented lines from `start` on."""
    for at in range(start, len(rows)):
        if not rows[at][:1].isspace() or not rows[at].strip():
            return
        yield rows[at]
