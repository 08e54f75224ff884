"""Models without ordinary cells, with a sliding window or a recurrent state: slower, but never wrong."""

from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest

from models.llama.engine import LlamaEngine
from models.llama.kv.snapshot_key import snapshot_key
from models.llama.options import LlamaOptions
from models.llama.wire import KvLimits, LoadRequest
from models.llama.worker.context import ContextOptions, LlamaContext
from models.llama.worker.vocabulary import Vocabulary
from models.types import ModelSpec, Prompt, Sampling, Segment
from tests.minimal_models import WINDOW, write_minimal_gemma, write_minimal_mamba

pytestmark = pytest.mark.process

GREEDY = Sampling(max_tokens=24, temperature=0)
LONG = "".join(f"def scan_{n}(path): return {n}\n" for n in range(6))  # longer than the window


@pytest.fixture(params=[write_minimal_gemma, write_minimal_mamba])
def file(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    write: Callable[[Path], None] = request.param
    write(tmp_path / "model.gguf")
    return tmp_path / "model.gguf"


async def start(file: Path) -> LlamaEngine:
    return await LlamaEngine.start(ModelSpec("minimal", (file.name,), context_length=4096, threads=1), file)


@pytest.fixture
async def engine(file: Path) -> AsyncIterator[LlamaEngine]:
    found = await start(file)
    yield found
    await found.close()


async def answer_of(
    engine: LlamaEngine, segments: tuple[Segment, ...], sampling: Sampling = GREEDY
) -> tuple[str, int, int]:
    """The answer, and the prompt's tokens, all and cached."""
    deltas = [delta async for delta in engine.stream(Prompt(segments, ""), sampling)]
    usage = deltas[-1].usage
    assert usage is not None
    assert deltas[-1].reason == "length"
    return "".join(delta.text for delta in deltas), usage.prompt, usage.cached


async def afresh(file: Path, segments: tuple[Segment, ...]) -> str:
    """The answer of an engine without anything in its cache."""
    engine = await start(file)
    answer, _, cached = await answer_of(engine, segments)
    await engine.close()
    assert cached == 0
    return answer


def turns(*texts: str) -> tuple[Segment, ...]:
    """A conversation: questions and answers of the model, in turn."""
    # What it says are words with a space before each; the first is not shown.
    return tuple(Segment(f" {text}" if n % 2 else text, False, from_model=n % 2 == 1) for n, text in enumerate(texts))


async def test_a_continuation_keeps_its_leading_white_space(engine: LlamaEngine) -> None:
    segments = (Segment(LONG, False),)
    answer, _, _ = await answer_of(engine, segments)
    deltas = [delta async for delta in engine.stream(Prompt(segments, "", is_continuation=True), GREEDY)]
    assert "".join(delta.text for delta in deltas) == f" {answer}"


async def test_stopping_in_the_middle_of_a_step_leaves_correct_snapshots(file: Path, tmp_path: Path) -> None:
    spec = ModelSpec("minimal", (file.name,), context_length=4096, threads=1)
    limits = KvLimits(1 << 28, 1 << 28, tmp_path)
    snapshot_key(LoadRequest(str(file), 4096, 1, folder=str(tmp_path)))  # the file's digest is stored from the start
    long = (Segment(LONG * 20, False),)
    for n_deltas in (1, 2, 4):  # the first ones report a part of the prompt, the others are text
        engine = await LlamaEngine.start(spec, file, LlamaOptions(kv_limits=limits))
        stream = engine.stream(Prompt(long, ""), GREEDY)
        for _ in range(n_deltas):
            await anext(stream)
        await engine.close()
        await stream.aclose()
    engine = await LlamaEngine.start(spec, file, LlamaOptions(kv_limits=limits))
    answer, _, _ = await answer_of(engine, long)
    await engine.close()
    assert answer == await afresh(file, long)


async def test_reading_ahead_does_not_take_the_only_copy_of_a_conversation(engine: LlamaEngine) -> None:
    first, read, _ = await answer_of(engine, turns(LONG))
    prefetch = Prompt(turns(LONG, first, "And what comes next"), "", prefetch=True)
    async for _ in engine.stream(prefetch, Sampling(max_tokens=0)):
        pass
    _, _, cached = await answer_of(engine, turns(LONG, first, "Another question"))
    assert cached >= read


def test_these_memories_cannot_share_a_prefix(file: Path) -> None:
    vocabulary = Vocabulary.load(file)
    context = LlamaContext(vocabulary.model, ContextOptions(256, 1, sequences=4, rows=32, outputs=8))
    assert not context.can_share_prefix
    context.close()
    vocabulary.close()


async def test_a_continued_conversation_equals_a_fresh_evaluation(engine: LlamaEngine, file: Path) -> None:
    answer, n_prompt, cached = await answer_of(engine, turns(LONG))
    assert n_prompt > 2 * WINDOW
    assert cached == 0
    second = turns(LONG, answer, "And where?")
    warm, n_second, cached = await answer_of(engine, second)
    assert cached == n_prompt + GREEDY.max_tokens - 1  # the last token of an answer is never evaluated
    elsewhere = turns("Something else entirely. " * 12)
    other, _, _ = await answer_of(engine, elsewhere)
    third = turns(LONG, answer, "And where?", warm, "Since when?")
    back, _, cached = await answer_of(engine, third)
    assert cached == n_second + GREEDY.max_tokens - 1
    assert len({*answer.split(), *warm.split(), *back.split()}) > 9
    for segments, expected in ((second, warm), (third, back), (elsewhere, other)):
        assert await afresh(file, segments) == expected


async def test_a_changed_conversation_equals_a_fresh_evaluation(engine: LlamaEngine, file: Path) -> None:
    await answer_of(engine, turns(LONG * 10))
    changed = turns(LONG * 5 + "Is that all?")
    answer, _, _ = await answer_of(engine, changed)
    assert await afresh(file, changed) == answer


async def test_a_cancel_inside_the_prompt_leaves_it_usable(engine: LlamaEngine) -> None:
    alone, n_prompt, _ = await answer_of(engine, turns(LONG))
    stream = engine.stream(Prompt(turns(LONG * 12), ""), GREEDY)
    first_delta = await anext(stream)
    await stream.aclose()
    assert first_delta.progress is not None
    assert first_delta.progress[0] < first_delta.progress[1]
    assert (await answer_of(engine, turns(LONG)))[:2] == (alone, n_prompt)
