"""One entry of a manifest, and its text without comments."""

import re
from dataclasses import dataclass

# Tried first, so that no comment begins inside a text, nor a text inside a comment. One that is not closed goes to the
# end of its line, or of the file: else each of its quotes would be tried to the end.
_TEXTS = (
    r"\"{3}[\s\S]*?(?:\"{3}|\Z)|'{3}[\s\S]*?(?:'{3}|\Z)"
    r"|\"(?:[^\"\\\n]|\\.)*+\"?|(?<!\w)[rbfuRBFU]{0,2}'(?:[^'\\\n]|\\.)*+'?"
)
_HASH = r"#\[\[[\s\S]*?(?:\]\]|\Z)|(?<![\w/&$\\])#(?!\{).*"  # #[[ ... ]] of CMake
_SLASHES = r"(?<![:/\w])//.*|(?<!\S)/\*[\s\S]*?(?:\*/|\Z)"
HASH_COMMENTS, SLASH_COMMENTS, COMMENTS = (
    re.compile(f"{_TEXTS}|(?P<comment>{signs})") for signs in (_HASH, _SLASHES, f"{_HASH}|{_SLASHES}")
)
# A text that is no value of anything, and Ruby's comment of several lines.
_STANDING = re.compile(
    r"^[ \t]*[rRuU]?(?:\"{3}[\s\S]*?(?:\"{3}|\Z)|'{3}[\s\S]*?(?:'{3}|\Z))|^=begin\b[\s\S]*?(?:^=end\b|\Z)", re.MULTILINE
)


@dataclass(frozen=True, slots=True)
class Entry:
    """A key with its value. Lines are 1-based and inclusive."""

    key: str  # "project.requires-python": with the tables around it, joined by dots
    value: str  # on one line, without quotes
    line: int
    end_line: int
    is_table: bool = False  # it holds other entries, which are listed too

    @property
    def name(self) -> str:
        """The last part of the key."""
        return self.key.rpartition(".")[2]

    @property
    def text(self) -> str:
        return f"{self.name} = {self.value}"


def flat(text: str) -> str:
    """On one line, without the quotes around it and a comma behind it."""
    bare = " ".join(text.split()).rstrip(",").strip()
    return bare[1:-1] if len(bare) > 1 and bare[0] == bare[-1] and bare[0] in "\"'`" else bare


def uncommented(text: str, comments: re.Pattern[str]) -> str:
    """Without its comments; the lines keep their numbers."""
    return comments.sub(lambda found: "\n" * found[0].count("\n") if found["comment"] else found[0], text)


def without_docstrings(text: str) -> str:
    """Without texts that stand alone; the lines keep their numbers."""
    return _STANDING.sub(lambda found: "\n" * found[0].count("\n"), text)
