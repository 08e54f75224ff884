"""One entry of a manifest."""

from dataclasses import dataclass


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
