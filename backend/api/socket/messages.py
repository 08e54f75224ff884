"""What the socket sends: the results of its methods, and its events. They type the code and describe it to clients.

Fields may be added; clients ignore what they do not know.
"""

from typing import (
    Annotated,
    Literal,
    NotRequired,  # pydantic needs these before Python 3.12
)

from pydantic import Field
from typing_extensions import TypedDict

Milliseconds = Annotated[float, Field(ge=0)]
Count = Annotated[int, Field(ge=0)]
Seq = Annotated[int, Field(ge=1, description="1, 2, 3, ... in the session, without a gap.")]
Line = Annotated[int, Field(ge=1, description="1-based.")]


class ServerInfo(TypedDict):
    name: str
    version: str


class ModelEntry(TypedDict):
    """A model that a client can name, as in `GET /models`."""

    id: str
    state: Literal["missing", "damaged", "installed", "loading", "loaded"]
    context: Annotated[int, Field(description="Tokens.")]
    size_bytes: Count
    default: Annotated[bool, Field(description="The model of a question that names none.")]
    resident_bytes: NotRequired[Annotated[int, Field(description="Memory of a loaded model.")]]
    problem: NotRequired[Annotated[str, Field(description="Why its file cannot be used, or the last load failed.")]]
    licence: NotRequired[str]
    memory_bytes: NotRequired[int | None]
    expectation: NotRequired[Annotated[str, Field(description="What to expect of it on this machine, in words.")]]


class Limits(TypedDict):
    frame: Annotated[int, Field(description="Bytes of a frame.")]
    prompt: Annotated[int, Field(description="Characters of a question.")]
    queue: Annotated[int, Field(description="Turns that may wait or run.")]
    grace_ms: Annotated[int, Field(description="How long an answer goes on without a client.")]
    replay: Annotated[int, Field(description="Events that a client may be behind.")]


class CodebaseEntry(TypedDict):
    id: str
    root: str
    state: str
    files: Count
    chunks: Count
    generation: Count
    dense_coverage: Annotated[float, Field(ge=0, le=1)]


class Initialized(TypedDict):
    """What this server is."""

    server: ServerInfo
    epoch: str
    models: list[ModelEntry]
    limits: Limits
    codebases: list[CodebaseEntry]


class SessionOpened(TypedDict):
    session: str
    head: Annotated[int, Field(ge=0, description="The number of the session's last event.")]
    epoch: Annotated[str, Field(description="Another one than before: open the session without `after`.")]


class PromptAccepted(TypedDict):
    """The question is stored; its answer follows as events."""

    turn: str
    conversation: str
    position: Annotated[int, Field(ge=0, description="Turns before this one.")]


class Completed(TypedDict):
    text: str
    reason: str


class SignalScores(TypedDict):
    """How much each signal adds to the score."""

    lexical: float
    dense: float
    symbol: float
    graph: float
    rerank: float
    file: float


class FoundChunk(TypedDict):
    chunk_id: int
    path: str
    start_line: Line
    end_line: Line
    symbol: str
    kind: str
    language: str
    score: float
    why: SignalScores
    fresh: bool
    text: str


class SearchFound(TypedDict):
    hits: list[FoundChunk]
    found: Annotated[bool, Field(description="False: the hits are only the closest matches.")]
    generation: Count


class Done(TypedDict):
    """An empty object."""


class SourceItem(TypedDict):
    """A piece of code in the prompt."""

    n: Annotated[int, Field(ge=1, description="The number that citations use.")]
    path: str
    start: Line
    end: Line
    symbol: str | None
    sha: str
    score: float
    why: SignalScores
    fresh: Annotated[bool, Field(description="Unchanged since it was indexed.")]
    attached: NotRequired[bool]


class TokenCounts(TypedDict):
    prompt: Count
    cached: Count
    completion: Count


class StageTimes(TypedDict):
    """Milliseconds. `read`: of a prompt that is read after the first paragraph. `index`: spent waiting for an index."""

    queue: Milliseconds
    retrieve: Milliseconds
    prefill: Milliseconds
    generate: Milliseconds
    read: NotRequired[Milliseconds]
    index: NotRequired[Milliseconds]


class TurnError(TypedDict):
    code: str
    message: str


class _OfTurn(TypedDict):
    session: str
    turn: str


class AcceptedEvent(_OfTurn):
    """The question as it is stored."""

    type: Literal["accepted"]
    seq: Seq
    text: str
    conversation: str
    replaces: NotRequired[Annotated[str, Field(description="The turn that this one is asked instead of.")]]


class SourcesEvent(_OfTurn):
    """The code in the prompt. The last one of a turn counts."""

    type: Literal["sources"]
    seq: Seq
    items: list[SourceItem]


class DeltaEvent(_OfTurn):
    """The next text of the answer, in whole characters."""

    type: Literal["delta"]
    seq: Seq
    text: str


class CiteEvent(_OfTurn):
    """A citation and whether it holds."""

    type: Literal["cite"]
    seq: Seq
    n: Annotated[list[int], Field(description="Numbers of sources; empty for a name or value that exists nowhere.")]
    start: Annotated[int, Field(ge=0, description="Offset in the answer, in code points.")]
    end: Count
    status: Literal["ok", "moved", "stale", "invented"]


class EndEvent(_OfTurn):
    """The end of a turn. Without `seq` it could not be stored, and comes once more when it is."""

    type: Literal["end"]
    seq: NotRequired[Seq]
    reason: Literal["stop", "length", "cancelled", "error"]
    model: str
    usage: Annotated[TokenCounts | Done, Field(description="Empty where nothing was generated.")]
    ms: StageTimes | Done
    grounding: NotRequired[Annotated[float, Field(ge=0, le=1, description="Share of the sentences that hold.")]]
    notice: NotRequired[str]
    error: NotRequired[TurnError]


class StatusEvent(_OfTurn):
    """How far a turn is. Not stored; may be missing."""

    type: Literal["status"]
    stage: Literal["queued", "retrieving", "loading", "prefill", "generating", "indexing"]
    done: NotRequired[Count]
    total: NotRequired[Count]
    eta_ms: NotRequired[Annotated[int, Field(description="Estimated time until the first text, or of this stage.")]]


class ClosingEvent(TypedDict):
    """The server is about to close the connection."""

    session: str
    type: Literal["closing"]
    after_ms: Count


EVENTS = (AcceptedEvent, SourcesEvent, DeltaEvent, CiteEvent, EndEvent, StatusEvent, ClosingEvent)
