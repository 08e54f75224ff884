"""An `Engine` that says what it was told to: the honest double of this seam, for tests and demonstrations.

It queues, counts, cancels and closes as a real engine does; it only does not think.
"""

import asyncio
from collections.abc import AsyncGenerator, Iterable

from models.errors import EngineFailed
from models.tokens import estimate_tokens
from models.types import Delta, Fim, Prompt, Rates, Sampling, Segment, StopReason, Usage


class ScriptedEngine:
    """Streams the given texts, each counting as one token. What it was to answer is kept in `prompts`, `samplings`.

    `fail_after` and `stall_after` are numbers of texts: behind them the stream raises EngineFailed, or waits until
    `go_on` is set. `notice` is what the end of each answer tells the user. `rates` and `cached` are what it claims of
    itself. `idle` tells whether no stream runs.
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
        cached: int = 0,
        notice: str = "",
    ) -> None:
        self.name, self.context_length = name, context_length
        self.prompts: list[Prompt] = []
        self.samplings: list[Sampling] = []
        self.go_on = asyncio.Event()
        self._texts, self._fail_after, self._stall_after = tuple(texts), fail_after, stall_after
        self._rates, self._cached, self._notice = rates or Rates(), cached, notice
        self._turn = asyncio.Lock()
        self._closed = False

    @property
    def idle(self) -> bool:
        return not self._turn.locked()

    @property
    def rates(self) -> Rates:
        return self._rates

    def cached_tokens(self, segments: tuple[Segment, ...]) -> int:
        return min(self._cached, self.count_tokens(segments))

    def count_tokens(self, segments: tuple[Segment, ...]) -> int:
        return estimate_tokens("".join(segment.text for segment in segments))

    async def stream(self, prompt: Prompt, sampling: Sampling) -> AsyncGenerator[Delta, None]:
        if self._closed:
            raise EngineFailed(f"the engine {self.name} is closed")
        async with self._turn:
            if sampling.max_tokens:
                self.prompts.append(prompt)
                self.samplings.append(sampling)
            total = self.count_tokens(prompt.segments)
            yield Delta(progress=(total, total))
            said = self._texts[: sampling.max_tokens]
            for place, text in enumerate(said):
                await self._disturb(place)
                yield Delta(text)
                await asyncio.sleep(0)
            await self._disturb(len(said))
            reason: StopReason = "stop" if len(said) == len(self._texts) else "length"
            usage = Usage(total, self.cached_tokens(prompt.segments), len(said))
            yield Delta(reason=reason, usage=usage, notice=self._notice)

    async def close(self) -> None:
        self._closed = True

    async def _disturb(self, place: int) -> None:
        if place == self._fail_after:
            raise EngineFailed("the script says: fail here")
        if place == self._stall_after:
            await self.go_on.wait()
