"""The patterns of one ignore file, as git reads them. Knows no files.

Names without wildcards and `*.suffix` are looked up in tables; the other patterns are two automatons. So the time for
one path does not grow with the number of patterns.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field

from indexer.files.wildmatch import Automaton, literal_length

_BOM = b"\xef\xbb\xbf"


@dataclass(frozen=True, slots=True)
class Pattern:
    """One line of an ignore file, without its marks."""

    number: int
    text: bytes
    is_negated: bool  # "!"
    only_folders: bool  # "/" at the end
    is_name: bool  # without "/": matches the last part of a path

    @property
    def has_wildcard(self) -> bool:
        return literal_length(self.text) < len(self.text)


@dataclass(slots=True)
class _Table:
    """By text: the numbers of the last pattern that matches a file, and a folder."""

    rows: dict[bytes, tuple[int, int]] = field(default_factory=dict)

    def add(self, text: bytes, pattern: Pattern) -> None:
        for_files = self.rows.get(text, (-1, -1))[0] if pattern.only_folders else pattern.number
        self.rows[text] = for_files, pattern.number

    def last_match(self, text: bytes, is_folder: bool) -> int:
        return self.rows.get(text, (-1, -1))[is_folder]


class PatternList:
    """The patterns of one file; the last one that matches decides."""

    def __init__(self, content: bytes) -> None:
        self._patterns = list(_parse(content))
        self._names, self._paths, self._suffixes = _Table(), _Table(), _Table()
        wild_names: list[Pattern] = []
        wild_paths: list[Pattern] = []
        for pattern in self._patterns:
            if not pattern.has_wildcard:
                (self._names if pattern.is_name else self._paths).add(pattern.text, pattern)
            elif (
                pattern.is_name
                and pattern.text[0] == ord("*")
                and literal_length(rest := pattern.text[1:]) == len(rest)
            ):
                self._suffixes.add(rest, pattern)
            else:
                (wild_names if pattern.is_name else wild_paths).append(pattern)
        self._suffix_lengths = sorted({len(suffix) for suffix in self._suffixes.rows})
        self._wild_names, self._wild_paths = _automaton(wild_names), _automaton(wild_paths)

    def verdict(self, path: bytes, is_folder: bool) -> bool | None:
        """Whether a path, relative to the folder of the ignore file, is ignored; None if no pattern matches it.

        Matches the path itself only, not the folders above it.
        """
        name = path[path.rfind(b"/") + 1 :]
        last = max(self._names.last_match(name, is_folder), self._paths.last_match(path, is_folder))
        for length in self._suffix_lengths:
            if length > len(name):
                break
            last = max(last, self._suffixes.last_match(name[len(name) - length :], is_folder))
        for automaton, text in ((self._wild_names, name), (self._wild_paths, path)):
            if automaton.last > last:
                last = max(last, automaton.last_match(text, is_folder))
        return None if last < 0 else not self._patterns[last].is_negated


def _automaton(patterns: list[Pattern]) -> Automaton:
    return Automaton((pattern.number, pattern.text, pattern.only_folders) for pattern in patterns)


def _parse(content: bytes) -> Iterator[Pattern]:
    """`add_patterns_from_buffer` and `parse_path_pattern` of git's dir.c."""
    number = 0
    for line in content.removeprefix(_BOM).split(b"\n"):
        if not line or line.startswith(b"#"):
            continue
        text = _without_trailing_spaces(line.removesuffix(b"\r").split(b"\0")[0])
        is_negated, text = text.startswith(b"!"), text.removeprefix(b"!")
        only_folders, text = text.endswith(b"/"), text.removesuffix(b"/")
        if text:  # git matches nothing without it
            is_name = b"/" not in text
            yield Pattern(number, text.removeprefix(b"/"), is_negated, only_folders, is_name)
            number += 1


def _without_trailing_spaces(line: bytes) -> bytes:
    """Without the spaces at the end, but a space after a backslash stays."""
    if not line.endswith(b" "):
        return line
    end = len(line.rstrip(b" "))
    backslashes = end - len(line[:end].rstrip(b"\\"))
    return line[: end + backslashes % 2]
