"""The types of code search: files, chunks, symbols, hits.

Lines are 1-based and inclusive everywhere. Paths are relative to the codebase root, with forward slashes.
Does not know how any of these is found, stored or shown; imports nothing heavy.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple


@dataclass(frozen=True, slots=True)
class SourceFile:
    """One file to index, read and decoded, with the secrets in `text` masked."""

    path: str
    sha: str  # sha256 of the bytes on disk, hex
    size: int  # bytes
    mtime_ns: int
    language: str  # a name from `languages`, or "text"
    text: str
    masked: tuple[int, ...] = ()  # the line of each secret that was masked


@dataclass(frozen=True, slots=True)
class Skip:
    """A path that is not indexed, and why."""

    path: str
    reason: str  # one of the constants in `scan`
    version: str = ""  # of a file that is not tried again before this changes


@dataclass(frozen=True, slots=True)
class Masked:
    """A file in which secret values were masked, and the line of each."""

    path: str
    lines: tuple[int, ...]


class Symbol(NamedTuple):
    """A named definition."""

    name: str  # "build_prompt"
    qualified: str  # "Budget.build_prompt": with the enclosing definitions; in a deep nest the innermost of them
    # function, method, class, interface, enum, type, constant, module, section;
    # impl (a block of methods of a type), declaration (a function or method without a body);
    # table (SQL), selector (CSS), target (make, CMake), stage (Docker), resource (Terraform), key (of a manifest)
    kind: str
    start_line: int
    end_line: int
    signature: str  # the definition without its body, on one line
    doc: str  # docstring or leading comment without markers; "" if there is none


class Chunk(NamedTuple):
    """A piece of one file, small enough for the embedder."""

    path: str
    start_line: int
    end_line: int
    symbol: str  # qualified name of the definition it belongs to; "" for code outside definitions
    kind: str  # kind of that definition; "block" outside definitions, "window" for files without a grammar
    language: str
    signature: str
    doc: str
    text: str  # the lines themselves

    @property
    def header(self) -> str:
        """Where the lines are and what encloses them."""
        return f"{self.path} {self.symbol}".rstrip()


class ChunkHead(NamedTuple):
    """What a ranking needs of a chunk before its text is read. An index has one for each chunk in memory."""

    path: str
    language: str
    kind: str
    symbol: str


class Why(NamedTuple):
    """What each signal adds to a hit's score, which is their sum; 0 where the signal did not find it."""

    lexical: float = 0.0  # the question's words
    dense: float = 0.0  # the static vectors
    symbol: float = 0.0  # names and files that the question mentions
    graph: float = 0.0  # other hits refer to it; for a bug report also: it changed recently, or together with them
    rerank: float = 0.0  # the re-ranking model
    file: float = 0.0  # the other hits in its file

    def scaled(self, factor: float) -> "Why":
        """All of them times `factor`."""
        return Why(*(factor * part for part in self))


@dataclass(frozen=True, slots=True)
class Hit:
    """A chunk that was found for a question.

    `models.types.ContextSnippet` repeats nine of the fields: the packages do not see each other.
    """

    chunk_id: int
    path: str
    start_line: int
    end_line: int
    symbol: str
    kind: str
    language: str
    signature: str
    doc: str
    text: str
    sha: str  # sha256 of the file as indexed, hex
    score: float  # higher is better; comparable within one search only
    why: Why
    fresh: bool  # the file on disk is the one that was indexed


@dataclass(frozen=True, slots=True)
class Progress:
    """How far an index job is. Counts and rates are of this run."""

    stage: str  # scanning, indexing, done
    done: int  # files processed
    total: int  # files to process; 0 during the scan
    chunks: int  # chunks written so far in this run
    files_per_s: float
    eta_s: float | None  # None before there is an estimate


@dataclass(frozen=True, slots=True)
class IndexReport:
    """What one refresh of a codebase did."""

    files: int  # files in the index now
    chunks: int  # chunks in the index now
    changed: int  # files (re)indexed by this run
    removed: int
    seconds: float
    generation: int
    skipped: tuple[Skip, ...]
    masked: tuple[Masked, ...] = ()  # of the files that this run indexed


OnProgress = Callable[[Progress], None]
