"""One contract over everything that stands behind `models.types.Engine`."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace

import pytest

from backend.extractive.engine import ExtractiveEngine
from models.errors import EngineFailed
from models.llama.engine import LlamaEngine
from models.remote.engine import RemoteEngine
from models.scripted import ScriptedEngine
from models.types import ContextSnippet, Delta, Engine, ModelSpec, Prompt, Sampling, Segment
from tests.models.remote.harness import fake_server, honest
from tests.tiny_gguf import ALL

pytestmark = pytest.mark.process

SNIPPET = ContextSnippet(
    n=1,
    path="src/scan.py",
    start_line=3,
    end_line=5,
    symbol="scan",
    kind="function",
    language="python",
    signature="def scan(root: Path) -> list[Path]:",
    doc="Lists every file below a folder.",
    text='def scan(root: Path) -> list[Path]:\n    """Lists every file below a folder."""\n    return sorted(root)',
)
PROMPT = Prompt(
    segments=(Segment("You answer questions. ", True), Segment("How does scan list the files of a folder?", False)),
    question="How does scan list the files of a folder?",
    snippets=(SNIPPET,),
)
GREEDY = Sampling(max_tokens=40, temperature=0)


async def _scripted() -> Engine:
    return ScriptedEngine([f"word{n} " for n in range(200)])


async def _extractive() -> Engine:
    return ExtractiveEngine()


MAKERS = {"scripted": _scripted, "extractive": _extractive} | {
    tiny.model: lambda tiny=tiny: LlamaEngine.start(
        ModelSpec(tiny.model, (tiny.filename,), context_length=1024, threads=1), tiny.path
    )
    for tiny in ALL
}


@asynccontextmanager
async def making(name: str) -> AsyncIterator[Engine]:
    """The engine of that name, with the server that the remote one needs."""
    if name != "remote":
        yield await MAKERS[name]()
        return
    async with fake_server(honest) as fake:
        yield await RemoteEngine.connect(fake.url)


@pytest.fixture(params=[*MAKERS, "remote"])
async def engine(request: pytest.FixtureRequest) -> AsyncIterator[Engine]:
    async with making(request.param) as found:
        yield found
        await found.close()


async def collect(engine: Engine, sampling: Sampling = GREEDY) -> list[Delta]:
    return [delta async for delta in engine.stream(PROMPT, sampling)]


def text(deltas: list[Delta]) -> str:
    return "".join(delta.text for delta in deltas)


async def test_the_last_delta_and_only_the_last_has_reason_and_usage(engine: Engine) -> None:
    deltas = await collect(engine)
    ends = [place for place, delta in enumerate(deltas) if delta.reason or delta.usage]
    assert ends == [len(deltas) - 1]
    usage = deltas[-1].usage
    assert usage is not None
    assert usage.prompt == await asyncio.to_thread(engine.count_tokens, PROMPT.segments)
    assert 0 < usage.completion <= GREEDY.max_tokens


async def test_only_the_extractive_engine_is_exact(engine: Engine) -> None:
    assert engine.is_exact == (engine.name == "extractive")


async def test_the_same_question_has_the_same_answer(engine: Engine) -> None:
    one, two = text(await collect(engine)), text(await collect(engine))
    assert one == two != ""


async def test_fewer_tokens_give_the_beginning_of_the_answer(engine: Engine) -> None:
    whole, deltas = text(await collect(engine)), await collect(engine, Sampling(max_tokens=5, temperature=0))
    assert deltas[-1].reason == "length"
    assert deltas[-1].usage is not None
    assert deltas[-1].usage.completion <= 5
    assert whole.startswith(text(deltas).rstrip("\ufffd"))
    assert len(text(deltas)) < len(whole)


async def test_closing_the_stream_frees_the_engine_at_once(engine: Engine) -> None:
    long = Sampling(max_tokens=900, temperature=0)
    stream = engine.stream(PROMPT, long)
    async for delta in stream:
        if delta.text:
            break
    await stream.aclose()
    assert text(await asyncio.wait_for(collect(engine), 5)) == text(await collect(engine))


async def test_streams_side_by_side_all_complete_with_the_same_text(engine: Engine) -> None:
    alone = text(await collect(engine))
    together = await asyncio.gather(*(collect(engine) for _ in range(3)))
    assert [text(deltas) for deltas in together] == [alone] * 3


async def test_counts_grow_with_the_text_and_barely_depend_on_how_it_is_cut(engine: Engine) -> None:
    head, tail = Segment("def scan(root):\n", False), Segment("    return sorted(root)\n", False)
    cuts = ((head,), (tail,), (head, tail))
    first, second, both = [await asyncio.to_thread(engine.count_tokens, segments) for segments in cuts]
    assert first > 0
    assert second > 0
    assert max(first, second) < both <= first + second
    assert abs(first + second - both) <= 2


async def test_a_closed_engine_refuses(engine: Engine) -> None:
    await engine.close()
    await engine.close()
    with pytest.raises(EngineFailed, match="closed"):
        await collect(engine)


async def test_an_engine_reports_its_state_and_answers_with_an_empty_cache(engine: Engine) -> None:
    first = text(await collect(engine))
    assert engine.status == "loaded"
    assert all(isinstance(value, int | float) for value in engine.metrics.values())
    assert (engine.pop_notice(), engine.pop_notice()) == ("", "")
    engine.clear_cache()
    assert text(await collect(engine)) == first


async def test_log_probabilities_are_those_of_the_text_and_do_not_change_it(engine: Engine) -> None:
    plain, deltas = text(await collect(engine)), await collect(engine, replace(GREEDY, top_logprobs=3))
    entries = [entry for delta in deltas for entry in delta.logprobs]
    assert text(deltas) == plain
    if engine.is_exact:
        assert entries == []
        return
    assert b"".join(entry.token for entry in entries).decode("utf-8", "replace").strip() == plain.strip()
    for entry in entries:
        assert (entry.token, entry.logprob) == entry.top[0]  # without a temperature the likeliest one is taken
        assert [its for _, its in entry.top] == sorted((its for _, its in entry.top), reverse=True)
        assert entry.logprob <= 0


async def test_tokens_are_known_both_ways_or_not_at_all(engine: Engine) -> None:
    segments = (Segment("def scan(root):\n", False),)
    tokens = await asyncio.to_thread(engine.tokenize, segments)
    pieces = await engine.detokenize(tokens or [])
    assert (tokens is None) == (pieces is None) == (engine.is_exact or isinstance(engine, RemoteEngine))
    if tokens is not None:
        assert len(tokens) == await asyncio.to_thread(engine.count_tokens, segments) or engine.name == "scripted"
        assert b"".join(pieces or []).decode().endswith("def scan(root):\n")
