"""Each engine builds its prompts in threads of its own."""

import asyncio
import gc
import threading

import pytest

from backend.chat.context import TurnContext
from backend.chat.followups import SearchInput
from backend.chat.prompting import THREADS, PromptBuilder
from backend.chat.question import Question
from backend.engines.pool import EngineLease
from models.scripted import ScriptedEngine
from models.types import Rates, Sampling, Segment
from prompts.formats import FORMATS
from prompts.ttft_budget import TtftBudget

QUESTION, UNLIMITED = Question("s", "t", "What?"), TtftBudget(0, 0, Rates())
CONTEXT = TurnContext(QUESTION, "", [], SearchInput(QUESTION, QUESTION.text, []), None, None)


class Hanging(ScriptedEngine):
    """Counts no tokens until it is released, as if its process were stopped."""

    def __init__(self) -> None:
        super().__init__()
        self.released = threading.Event()

    def count_tokens(self, segments: tuple[Segment, ...]) -> int:
        assert self.released.wait(10)
        return super().count_tokens(segments)


def lease(engine: ScriptedEngine) -> EngineLease:
    return EngineLease(engine, FORMATS["phi3"], Sampling())


async def test_an_engine_that_hangs_does_not_block_another() -> None:
    builder, hanging, other = PromptBuilder(8, 0, 0), Hanging(), ScriptedEngine()
    stuck = [asyncio.create_task(builder.build(lease(hanging), CONTEXT, UNLIMITED)) for _ in range(20 * THREADS)]
    await asyncio.sleep(0)
    try:
        async with asyncio.timeout(2):
            built = await builder.build(lease(other), CONTEXT, UNLIMITED)
        assert not any(task.done() for task in stuck)
    finally:
        hanging.released.set()
    assert {prompt.tokens for prompt in await asyncio.gather(*stuck)} == {built.tokens}


async def test_the_threads_of_an_engine_end_with_it() -> None:
    builder, engine = PromptBuilder(8, 0, 0), ScriptedEngine()
    await builder.build(lease(engine), CONTEXT, UNLIMITED)
    threads = builder.threads[engine]
    del engine
    gc.collect()
    assert len(builder.threads) == 0
    with pytest.raises(RuntimeError, match="after shutdown"):
        threads.submit(gc.collect)
