"""The measurements of one engine, by name. In seconds, tokens per second and bytes; a first token is the first text."""

import asyncio
import statistics
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from itertools import pairwise
from typing import Any

from benchmarks.engine.clients import Conversation, Session, TimedAnswer
from benchmarks.engine.peers import Peer
from benchmarks.engine.processes import family, resident_bytes
from benchmarks.engine.raw import Raw
from benchmarks.engine.workload import LONG, Workload

TRIES = 5  # to get an answer that is long enough
Figures = dict[str, float]
Start = Callable[[], AbstractAsyncContextManager[Peer]]


async def measured(start: Start, load: Workload, raw: Raw) -> tuple[Figures, list[TimedAnswer]]:
    """All figures of an engine, which is started twice, and every answer of conversations that ran alone."""
    figures: Figures = {}
    answers: list[TimedAnswer] = []
    async with start() as peer:
        await warm(peer)
        first, second = await turns(peer, load, figures, answers)
        answers += await decoding(peer, load, raw, figures)
        figures["memory, 2 conversations"] = resident_bytes(*family(peer.pid))
        for _ in range(load.sizes.others):
            await ask_once(peer, load.code(load.sizes.other), 1)
        await asyncio.sleep(load.sizes.rest_s)
        answers.append(await first.ask(load.follow_up(), load.sizes.answer))
        figures["after others"] = answers[-1].first_s
        for n in (1, 4, 8):
            figures |= await at_once(peer, load, n)
        await asyncio.sleep(load.sizes.rest_s)
        await beside_a_long_prompt(peer, first, load, figures)
        await asyncio.sleep(load.sizes.rest_s)
        await cancelled(peer, second, load, figures)
        figures["memory"] = resident_bytes(*family(peer.pid))
        await asyncio.gather(first.close(), second.close())
    async with start() as peer:
        await warm(peer)
        again = await peer.converse(second)
        answers.append(await again.ask(load.follow_up(), load.sizes.answer))
        figures["after a restart"] = answers[-1].first_s
        await again.close()
    return figures, answers


async def warm(peer: Peer) -> None:
    """Loads the model and reads the system prompt, by a question of a conversation of its own."""
    await ask_once(peer, "Hello", 1)


async def ask_once(
    peer: Peer, question: str, tokens: int, answer: TimedAnswer | None = None, **more: Any
) -> TimedAnswer:
    """One question in a new conversation."""
    conversation = await peer.converse()
    answer = await conversation.ask(question, tokens, answer, **more)
    await conversation.close()
    return answer


async def turns(
    peer: Peer, load: Workload, figures: Figures, answers: list[TimedAnswer]
) -> tuple[Conversation, Conversation]:
    """Two conversations: first turns, follow-ups of one, then of both in turn."""
    sizes = load.sizes
    first, second = await peer.converse(), await peer.converse()
    opening = [await conversation.ask(load.code(sizes.code), sizes.answer) for conversation in (first, second)]
    figures["first turn"] = statistics.median(answer.first_s for answer in opening)
    follow = [await second.ask(load.follow_up(), sizes.answer) for _ in range(3)]
    figures["follow-up"] = statistics.median(answer.first_s for answer in follow)
    await asyncio.sleep(sizes.rest_s)
    interleaved = [await conversation.ask(load.follow_up(), sizes.answer) for conversation in (first, second) * 2]
    figures["interleaved"] = statistics.median(answer.first_s for answer in interleaved)
    answers += [*opening, *follow, *interleaved]
    return first, second


async def decoding(peer: Peer, load: Workload, raw: Raw, figures: Figures) -> list[TimedAnswer]:
    """The rate of longer answers, each between two of the raw loop, because the machine's speed varies over minutes."""
    sizes, answers = load.sizes, []
    await asyncio.sleep(sizes.rest_s)
    beside = [await raw.decode()]
    for _ in range(sizes.rounds):
        # Randomly sampled words defeat speculation: this measures decoding.
        answers.append(await ask_once(peer, load.code(sizes.code), sizes.decode, temperature=1.0))
        await asyncio.sleep(sizes.rest_s)
        beside.append(await raw.decode())
    figures["decode"] = max(answer.rate for answer in answers)
    shares = [2 * answer.rate / sum(pair) for answer, pair in zip(answers, pairwise(beside), strict=True)]
    figures["decode, of the raw loop"] = statistics.median(shares)
    return answers


async def at_once(peer: Peer, load: Workload, n: int) -> Figures:
    """Tokens per second of `n` new conversations together, and their first tokens: the mean and the last.

    The median of several rounds, because it is chance what gets into one batch.
    """
    sizes, rounds = load.sizes, []
    for _ in range(sizes.rounds):
        await asyncio.sleep(sizes.rest_s)
        answers = await asyncio.gather(*(ask_once(peer, load.code(sizes.code), sizes.answer) for _ in range(n)))
        took = max(answer.ended for answer in answers) - min(answer.sent for answer in answers)
        first_s = [answer.first_s for answer in answers]
        rounds.append((sum(answer.tokens for answer in answers) / took, statistics.mean(first_s), max(first_s)))
    names = f"{n} at once", f"{n} at once, first token", f"{n} at once, last first token"
    return dict(zip(names, map(statistics.median, zip(*rounds, strict=True)), strict=True))


async def running_answer(conversation: Conversation, load: Workload) -> tuple[TimedAnswer, asyncio.Task[TimedAnswer]]:
    """An answer under way. A real model may end after a few words; then it is asked again."""
    for _ in range(TRIES):
        running = TimedAnswer()
        answering = asyncio.create_task(conversation.ask(LONG, load.sizes.running, running, temperature=1.0))
        while len(running.times) < load.sizes.alone and not running.ended:
            await running.progressed.wait()
            running.progressed.clear()
        if not running.ended:
            return running, answering
        await answering
    raise AssertionError(f"{TRIES} answers were too short")


async def beside_a_long_prompt(peer: Peer, conversation: Conversation, load: Workload, figures: Figures) -> None:
    """The longest gap in a running answer while a long prompt is read, in seconds and in its own steps before that."""
    running, answering = await running_answer(conversation, load)
    step = statistics.median(after - before for before, after in pairwise(running.times))
    long = await ask_once(peer, load.code(load.sizes.long), 1)
    running.cancel.set()
    await answering
    gap = running.longest_gap_s(long.sent, long.times[0])
    figures["longest gap"], figures["longest gap, steps"] = gap, gap / step
    figures["first token of the long prompt"] = long.first_s


async def cancelled(peer: Peer, conversation: Conversation, load: Workload, figures: Figures) -> None:
    """A cancel during a long read: time until the client gets the end, and delay of the next question's first token."""
    reading_answer = TimedAnswer()
    reading = asyncio.create_task(ask_once(peer, load.code(load.sizes.cancelled), 1, reading_answer))
    await asyncio.sleep(load.sizes.cancel_after_s)
    now = asyncio.get_running_loop().time
    cancelled_at = now()
    reading_answer.cancel.set()
    if isinstance(conversation, Session):
        await reading
        figures["cancel"] = now() - cancelled_at
    start = now()
    answer = await conversation.ask(load.follow_up(), 1)
    await reading
    figures["first token after a cancel"] = answer.times[0] - answer.sent + (start - cancelled_at)
