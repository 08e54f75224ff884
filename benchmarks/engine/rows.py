"""What is measured of one engine, by name. Seconds, tokens per second, bytes; a first token is the first text."""

import asyncio
import statistics
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from itertools import pairwise
from typing import Any

from benchmarks.engine.clients import Heard, Session, Talk
from benchmarks.engine.load import LONG, Load
from benchmarks.engine.peers import Peer
from benchmarks.engine.processes import family, resident_bytes
from benchmarks.engine.raw import Raw

TRIES = 5  # for an answer that is long enough
Figures = dict[str, float]
Start = Callable[[], AbstractAsyncContextManager[Peer]]


async def measured(start: Start, load: Load, raw: Raw) -> tuple[Figures, list[Heard]]:
    """All figures of an engine that is started twice, and every answer of conversations that ran alone."""
    figures: Figures = {}
    heard: list[Heard] = []
    async with start() as peer:
        await warm(peer)
        first, second = await turns(peer, load, figures, heard)
        heard += await decoding(peer, load, raw, figures)
        figures["memory, 2 conversations"] = resident_bytes(*family(peer.pid))
        for _ in range(load.sizes.others):
            await one(peer, load.code(load.sizes.other), 1)
        await asyncio.sleep(load.sizes.rest_s)
        heard.append(await first.ask(load.follow_up(), load.sizes.answer))
        figures["after others"] = heard[-1].first_s
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
        again = await peer.talk(second)
        heard.append(await again.ask(load.follow_up(), load.sizes.answer))
        figures["after a restart"] = heard[-1].first_s
        await again.close()
    return figures, heard


async def warm(peer: Peer) -> None:
    """The model loaded, its pages touched, the system prompt read: by a question of no other conversation."""
    await one(peer, "Hello", 1)


async def one(peer: Peer, question: str, tokens: int, heard: Heard | None = None, **more: Any) -> Heard:
    """A question of a new conversation."""
    talk = await peer.talk()
    heard = await talk.ask(question, tokens, heard, **more)
    await talk.close()
    return heard


async def turns(peer: Peer, load: Load, figures: Figures, heard: list[Heard]) -> tuple[Talk, Talk]:
    """Two conversations: first turns, follow-ups of one, then of both in turn."""
    sizes = load.sizes
    first, second = await peer.talk(), await peer.talk()
    begun = [await talk.ask(load.code(sizes.code), sizes.answer) for talk in (first, second)]
    figures["first turn"] = statistics.median(one.first_s for one in begun)
    follow = [await second.ask(load.follow_up(), sizes.answer) for _ in range(3)]
    figures["follow-up"] = statistics.median(one.first_s for one in follow)
    await asyncio.sleep(sizes.rest_s)
    interleaved = [await talk.ask(load.follow_up(), sizes.answer) for talk in (first, second) * 2]
    figures["interleaved"] = statistics.median(one.first_s for one in interleaved)
    heard += [*begun, *follow, *interleaved]
    return first, second


async def decoding(peer: Peer, load: Load, raw: Raw, figures: Figures) -> list[Heard]:
    """The rate of longer answers, each between two of the raw loop: the machine is not the same a minute later."""
    sizes, heard = load.sizes, []
    await asyncio.sleep(sizes.rest_s)
    beside = [await raw.decode()]
    for _ in range(sizes.rounds):
        # No guesses come true in words drawn at random: what is measured is the decoding.
        heard.append(await one(peer, load.code(sizes.code), sizes.decode, temperature=1.0))
        await asyncio.sleep(sizes.rest_s)
        beside.append(await raw.decode())
    figures["decode"] = max(answer.rate for answer in heard)
    shares = [2 * answer.rate / sum(pair) for answer, pair in zip(heard, pairwise(beside), strict=True)]
    figures["decode, of the raw loop"] = statistics.median(shares)
    return heard


async def at_once(peer: Peer, load: Load, n: int) -> Figures:
    """Tokens per second of `n` new conversations together, and their first tokens: in the mean, and the last. The
    median of several rounds: what comes into a batch together is chance.
    """
    sizes, rounds = load.sizes, []
    for _ in range(sizes.rounds):
        await asyncio.sleep(sizes.rest_s)
        heard = await asyncio.gather(*(one(peer, load.code(sizes.code), sizes.answer) for _ in range(n)))
        took = max(each.ended for each in heard) - min(each.sent for each in heard)
        first_s = [each.first_s for each in heard]
        rounds.append((sum(each.tokens for each in heard) / took, statistics.mean(first_s), max(first_s)))
    names = f"{n} at once", f"{n} at once, first token", f"{n} at once, last first token"
    return dict(zip(names, map(statistics.median, zip(*rounds, strict=True)), strict=True))


async def an_answer(talk: Talk, load: Load) -> tuple[Heard, asyncio.Task[Heard]]:
    """One that is under way; a real model may end after a few words, and is asked again."""
    for _ in range(TRIES):
        running = Heard()
        answering = asyncio.create_task(talk.ask(LONG, load.sizes.running, running, temperature=1.0))
        while len(running.times) < load.sizes.alone and not running.ended:
            await running.spoke.wait()
            running.spoke.clear()
        if not running.ended:
            return running, answering
        await answering
    raise AssertionError(f"{TRIES} answers were too short")


async def beside_a_long_prompt(peer: Peer, talk: Talk, load: Load, figures: Figures) -> None:
    """The longest silence of a running answer while a long prompt is read, in its own steps of the moment before."""
    running, answering = await an_answer(talk, load)
    step = statistics.median(after - before for before, after in pairwise(running.times))
    long = await one(peer, load.code(load.sizes.long), 1)
    running.cancel.set()
    await answering
    gap = running.longest_gap_s(long.sent, long.times[0])
    figures["longest gap"], figures["longest gap, steps"] = gap, gap / step
    figures["first token of the long prompt"] = long.first_s


async def cancelled(peer: Peer, talk: Talk, load: Load, figures: Figures) -> None:
    """A cancel inside a long read: until the client is told, and what it adds to the next question's first token."""
    heard = Heard()
    reading = asyncio.create_task(one(peer, load.code(load.sizes.cancelled), 1, heard))
    await asyncio.sleep(load.sizes.cancel_after_s)
    now = asyncio.get_running_loop().time
    since = now()
    heard.cancel.set()
    if isinstance(talk, Session):
        await reading
        figures["cancel"] = now() - since
    began = now()
    answer = await talk.ask(load.follow_up(), 1)
    await reading
    figures["first token after a cancel"] = answer.times[0] - answer.sent + (began - since)
