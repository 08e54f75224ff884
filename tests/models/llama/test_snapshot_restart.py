"""Snapshots across restarts of an engine: reused, evaluated again where damaged, and cleared on request."""

from pathlib import Path

import pytest

from models.llama.engine import LlamaEngine
from models.llama.kv.snapshot_key import snapshot_key
from models.llama.options import LlamaOptions
from models.llama.wire import KvLimits, LoadRequest
from models.types import Delta, ModelSpec, Prompt, Sampling, Segment
from tests.minimal_models import write_minimal_llama
from tests.processes import eventually

pytestmark = pytest.mark.process

STORY = "def scan(path): return sorted(path.iterdir())\n" * 8


async def answer_of(path: Path, text: str = STORY) -> tuple[str, Delta, int]:
    """Answer, last delta and number of damaged snapshots of a new engine."""
    spec = ModelSpec("minimal", (path.name,), context_length=2048, threads=1)
    engine = await LlamaEngine.start(spec, path, LlamaOptions(kv_limits=KvLimits(1 << 20, 1 << 24, path.parent / "kv")))
    prompt = Prompt((Segment(text, False),), text)
    deltas = [delta async for delta in engine.stream(prompt, Sampling(max_tokens=32, temperature=0))]
    await eventually(lambda: engine.metrics.get("steps"))
    damaged = int(engine.metrics["snapshots_damaged"])
    await engine.close()
    return "".join(delta.text for delta in deltas), deltas[-1], damaged


async def test_a_conversation_continues_after_a_restart_and_is_evaluated_again_where_damaged(tmp_path: Path) -> None:
    path = tmp_path / "minimal.gguf"
    write_minimal_llama(path)
    first, last, _ = await answer_of(path)
    assert last.usage is not None
    assert last.usage.cached == 0
    again, last, damaged = await answer_of(path)
    assert last.usage is not None
    assert (again, last.usage.cached, damaged) == (first, last.usage.prompt - 1, 0)
    for place in (200, -2000):
        (file,) = (tmp_path / "kv").glob("*.kv")
        data = bytearray(file.read_bytes())
        data[place] ^= 4
        file.write_bytes(data)
        again, last, damaged = await answer_of(path)
        assert last.usage is not None
        assert (again, last.usage.cached, damaged) == (first, 0, 1), place


async def test_a_cleared_cache_is_gone_from_cells_memory_and_disk(tmp_path: Path) -> None:
    path = tmp_path / "minimal.gguf"
    write_minimal_llama(path)
    spec, storage = (
        ModelSpec("minimal", (path.name,), context_length=512, threads=1),
        KvLimits(0, 1 << 30, tmp_path / "kv"),
    )
    prompt = Prompt((Segment("a b c d e f g " * 12, parse_special=False),), "")
    snapshot_key(
        LoadRequest(str(path), 512, 1, folder=str(storage.folder))
    )  # the file's digest is stored from the start
    for _ in range(2):
        engine = await LlamaEngine.start(spec, path, LlamaOptions(kv_limits=storage))
        last = [delta async for delta in engine.stream(prompt, Sampling(max_tokens=4))][-1]
        await engine.close()
    assert last.usage is not None
    assert last.usage.cached > 0
    engine = await LlamaEngine.start(spec, path, LlamaOptions(kv_limits=storage))
    engine.clear_cache()
    last = [delta async for delta in engine.stream(prompt, Sampling(max_tokens=4))][-1]
    assert last.usage is not None
    assert last.usage.cached == 0
    engine.clear_cache()
    await engine.close()
    assert list((tmp_path / "kv").glob("*.kv")) == []


async def test_an_answer_cancelled_before_a_clear_is_not_cached(tmp_path: Path) -> None:
    path = tmp_path / "minimal.gguf"
    write_minimal_llama(path)
    engine = await LlamaEngine.start(ModelSpec("minimal", (path.name,), context_length=2048, threads=1), path)
    prompt = Prompt((Segment("a b c d e f g " * 12, parse_special=False),), "")
    for _ in range(5):
        stream = engine.stream(prompt, Sampling(max_tokens=1000))
        while not (await anext(stream)).text:
            pass
        await stream.aclose()
        engine.clear_cache()  # arrives within the same step
        last = [delta async for delta in engine.stream(prompt, Sampling(max_tokens=1))][-1]
        assert last.usage is not None
        assert last.usage.cached == 0
        engine.clear_cache()
    await engine.close()


async def test_without_a_usable_folder_only_snapshots_are_lost(tmp_path: Path) -> None:
    path = tmp_path / "minimal.gguf"
    write_minimal_llama(path)
    spec, storage = ModelSpec("minimal", (path.name,), context_length=512, threads=1), KvLimits(0, 1 << 30, path / "kv")
    engine = await LlamaEngine.start(spec, path, LlamaOptions(kv_limits=storage))
    for _ in range(2):
        deltas = [delta async for delta in engine.stream(Prompt((Segment("a b", False),), ""), Sampling(max_tokens=4))]
        assert deltas[-1].reason == "length"
    await eventually(lambda: engine.metrics.get("steps"))  # it lives on after it tried to save them
    assert engine.restarts == 0
    await engine.close()
