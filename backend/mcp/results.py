"""What the tools answer, in the fields of their output schemas. `docs/mcp.md` describes them."""

from pydantic import BaseModel


class IndexStatus(BaseModel):  # in every answer that comes from an index
    state: str  # ready, indexing, empty, damaged
    generation: int
    stale_files: int | None  # changed or deleted since they were indexed; null: too many files to look at
    eta_s: float | None = None


class CodeHit(BaseModel):
    path: str
    start: int
    end: int
    symbol: str
    score: float
    fresh: bool
    text: str


class SearchCodeResult(BaseModel):
    codebase: str
    root: str
    found: bool
    hits: list[CodeHit]
    more: bool
    index: IndexStatus


class SymbolDefinition(BaseModel):
    path: str
    start: int
    end: int
    symbol: str
    kind: str


class SymbolUse(BaseModel):
    path: str
    line: int
    text: str


class FindSymbolResult(BaseModel):
    codebase: str
    root: str
    definitions: list[SymbolDefinition]
    uses: list[SymbolUse]
    more: bool
    note: str
    index: IndexStatus


class ReadCodeResult(BaseModel):
    codebase: str
    root: str
    path: str
    start: int
    end: int
    lines: int
    sha: str
    text: str


class IndexResult(BaseModel):
    codebase: str
    root: str
    files: int
    chunks: int
    done: int
    total: int
    index: IndexStatus


class AnswerSource(BaseModel):
    path: str
    start: int
    end: int
    status: str


class AskResult(BaseModel):
    answer: str
    sources: list[AnswerSource]
    grounding: float | None  # share of the sentences that rest on the sources
    model: str
    notice: str
