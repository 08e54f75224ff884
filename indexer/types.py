"""The nouns of finding code: files, chunks, symbols, hits.

Lines are 1-based and inclusive everywhere. Paths are relative to the codebase root, with forward slashes.
Knows nothing of how any of these is found, stored or shown; imports nothing heavy.
"""

from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class SourceFile:
    """One file worth indexing, read and decoded, secrets already masked in `text`."""

    path: str
    sha: str  # sha256 of the bytes on disk, hex
    size: int  # bytes
    mtime_ns: int
    language: str  # a name from `languages`, or "text"
    text: str


@dataclass(frozen=True, slots=True)
class Skip:
    """A path that was left out of the index, and why."""

    path: str
    reason: str  # one of the constants in `scan`


@dataclass(frozen=True, slots=True)
class Symbol:
    """A named definition."""

    name: str  # "build_prompt"
    qualified: str  # "Budget.build_prompt": enclosing definitions joined by dots; of a deep nest the innermost
    # function, method, class, interface, enum, type, constant, module, section;
    # impl (a Rust block of methods), declaration (a function or method without a body)
    kind: str
    start_line: int
    end_line: int
    signature: str  # the head of the definition on one line, without its body
    doc: str  # docstring or leading comment, markers removed; "" if there is none


@dataclass(frozen=True, slots=True)
class Chunk:
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
        """What the lines alone do not tell: where they are and what encloses them."""
        return f"{self.path} {self.symbol}".rstrip()


@dataclass(frozen=True, slots=True)
class Why:
    """What each signal gave to a hit's score, which is their sum: 0 where the signal did not find it."""

    lexical: float = 0.0  # the question's words
    dense: float = 0.0  # the static vectors
    symbol: float = 0.0  # names and files that the question mentions
    graph: float = 0.0  # other hits refer to it; of a report also: it changed lately, or together with them
    rerank: float = 0.0  # the heavy embedder
    file: float = 0.0  # all that was found in its file


@dataclass(frozen=True, slots=True)
class Hit:
    """A chunk that answers a question, from the index to the socket."""

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
    score: float  # higher is better; comparable within one answer only
    why: Why
    fresh: bool  # the file on disk is still the one that was indexed


@dataclass(frozen=True, slots=True)
class Progress:
    """How far an index job is. Rates are of this run, not of the job's whole life."""

    stage: str  # scanning, indexing, done
    done: int  # files looked at
    total: int  # files to look at; 0 while it is not known
    chunks: int  # chunks written so far in this run
    files_per_s: float
    eta_s: float | None  # None while it cannot be told


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


OnProgress = Callable[[Progress], None]
