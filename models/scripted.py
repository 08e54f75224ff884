"""An `Engine` that streams prepared texts: the test double of this seam.

It queues, counts, cancels and closes as a real engine does.
"""

import asyncio
from collections.abc import AsyncGenerator, Iterable, Sequence

from models.errors import EngineFailed, Unsupported
from models.tokens import estimate_tokens
from models.types import AlwaysLoaded, Delta, Fim, Prompt, Rates, Sampling, Segment, StopReason, TokenLogprob, Usage


class ScriptedEngine(AlwaysLoaded):
    """Streams `texts`, each counting as one token. `prompts` and `samplings` keep the requests.

    `fail_after` and `stall_after` are numbers of texts: after them the stream raises EngineFailed, or waits until
    `go_on` is set. `rates` are those it reports. The attributes `cached` (tokens of a prompt that it reports as cached)
    and `notice` (at the end of each answer) may be set.
    """

    fim: Fim | None = None

    def __init__(
        self,
        texts: Iterable[str] = ("It ", "works."),
        *,
        name: str = "scripted",
        context_length: int = 8192,
        fail_after: int | None = None,
        stall_after: int | None = None,
        rates: Rates | None = None,
    ) -> None:
        self.name, self.context_length = name, context_length
        self.prompts: list[Prompt] = []
        self.samplings: list[Sampling] = []
        self.go_on = asyncio.Event()
        self._texts, self._fail_after, self._stall_after = tuple(texts), fail_after, stall_after
        self._rates = rates or Rates()
        self.cached, self.notice = 0, ""
        self._turn = asyncio.Lock()
        self._closed = False

    @property
    def idle(self) -> bool:
        """Whether no stream runs."""
        return not self._turn.locked()

    @property
    def rates(self) -> Rates:
        return self._rates

    def cached_tokens(self, segments: tuple[Segment, ...]) -> int:
        return min(self.cached, self.count_tokens(segments))

    def count_tokens(self, segments: tuple[Segment, ...]) -> int:
        return estimate_tokens("".join(segment.text for segment in segments))

    def tokenize(self, segments: tuple[Segment, ...]) -> list[int]:
        """A token for each byte."""
        return list("".join(segment.text for segment in segments).encode())

    async def detokenize(self, tokens: Sequence[int]) -> list[bytes]:
        if not all(0 <= token < 256 for token in tokens):
            raise Unsupported("tokens are numbers from 0 to 255")
        return [bytes([token]) for token in tokens]

    async def stream(self, prompt: Prompt, sampling: Sampling) -> AsyncGenerator[Delta, None]:
        if self._closed:
            raise EngineFailed(f"the engine {self.name} is closed")
        async with self._turn:
            if sampling.max_tokens:
                self.prompts.append(prompt)
                self.samplings.append(sampling)
            total = self.count_tokens(prompt.segments)
            yield Delta(progress=(total, total))
            texts = self._texts[: sampling.max_tokens]
            for position, text in enumerate(texts):
                await self._disturb(position)
                yield Delta(text, logprobs=_logprobs(text, sampling.top_logprobs))
                await asyncio.sleep(0)
            await self._disturb(len(texts))
            reason: StopReason = "stop" if len(texts) == len(self._texts) else "length"
            usage = Usage(total, self.cached_tokens(prompt.segments), len(texts))
            yield Delta(reason=reason, usage=usage, notice=self.notice)

    async def close(self) -> None:
        self._closed = True

    async def _disturb(self, position: int) -> None:
        if position == self._fail_after:
            raise EngineFailed("the script says: fail here")
        if position == self._stall_after:
            await self.go_on.wait()


def _logprobs(text: str, top: int) -> tuple[TokenLogprob, ...]:
    """Those of a text that is one token: the likeliest one, before others."""
    likely = tuple((text.encode() if n == 0 else f"other{n}".encode(), -0.5 - n) for n in range(top))
    return (TokenLogprob(text.encode(), -0.5, likely),) if top >= 0 else ()
