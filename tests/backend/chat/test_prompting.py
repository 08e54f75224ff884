"""Prompts are made in threads that an engine has to itself."""

import asyncio
import gc
import threading
import weakref

from backend.chat.prompting import THREADS, Prompting
from backend.chat.question import Question
from backend.engines.pool import Ready
from indexer.search.searcher import Found
from models.scripted import ScriptedEngine
from models.types import Rates, Sampling, Segment
from prompts.formats import FORMATS
from prompts.ttft_budget import TtftBudget

QUESTION, NOTHING, NEVER = Question("s", "t", "What?"), Found([], is_answered=True), TtftBudget(0, 0, Rates())


class Silent(ScriptedEngine):
    """Does not count before it is let go, as if its process were stopped."""

    def __init__(self) -> None:
        super().__init__()
        self.let_go = threading.Event()

    def count_tokens(self, segments: tuple[Segment, ...]) -> int:
        assert self.let_go.wait(10)
        return super().count_tokens(segments)


def ready(engine: ScriptedEngine) -> Ready:
    return Ready(engine, FORMATS["phi3"], Sampling())


async def test_an_engine_that_does_not_count_keeps_no_other_waiting() -> None:
    prompting, silent, lively = Prompting(8, 0, 0), Silent(), ScriptedEngine()
    stuck = [
        asyncio.create_task(prompting.build(ready(silent), QUESTION, [], NOTHING, NEVER)) for _ in range(20 * THREADS)
    ]
    await asyncio.sleep(0)
    try:
        async with asyncio.timeout(2):
            built = await prompting.build(ready(lively), QUESTION, [], NOTHING, NEVER)
        assert not any(task.done() for task in stuck)
    finally:
        silent.let_go.set()
    assert {made.tokens for made in await asyncio.gather(*stuck)} == {built.tokens}


async def test_its_threads_go_with_an_engine() -> None:
    prompting, engine = Prompting(8, 0, 0), ScriptedEngine()
    await prompting.build(ready(engine), QUESTION, [], NOTHING, NEVER)
    threads = weakref.ref(prompting.threads[engine])
    del engine
    gc.collect()
    assert (len(prompting.threads), threads()) == (0, None)
