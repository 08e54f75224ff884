"""A load on a processor that faults: what is left out, in which order, that it is remembered and told, and by whom."""

import json
import logging
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from models.errors import EngineFailed, ModelUnavailable
from models.hardware import processor
from models.llama import engine, supervisor
from models.llama.bindings import build
from models.llama.engine import LlamaEngine
from models.llama.kernels import EXTRA_BUFFERS, FLASH_ATTENTION, FUSED, PROOF_ROWS, SUSPECTS, TILED
from models.llama.verdicts import Verdict, VerdictKey, Verdicts
from models.llama.wire import LoadRequest
from models.types import ModelSpec, Prompt, Sampling, Segment
from tests.models.llama.faulty import ANSWER, ANYTHING, PLAIN, Fault, faulting
from tests.processes import workers
from tests.shapes import SHAPES, made
from tests.speck import write_speck

SPEC = ModelSpec("speck", ("speck.gguf",), context_length=8192, threads=1)
HELLO = Prompt((Segment("Hello.", False),), "Hello.")
AMX: Fault = (EXTRA_BUFFERS, 16, "SIGSEGV")
AMX_TOLD = "SIGSEGV when a step of 16 rows was being tried"


@pytest.fixture
def speck(tmp_path: Path) -> Path:
    write_speck(tmp_path / "speck.gguf")
    return tmp_path / "speck.gguf"


@pytest.fixture
def verdicts(tmp_path: Path) -> Path:
    return tmp_path / "data" / "kernels.json"


@asynccontextmanager
async def loaded(path: Path, verdicts: Path) -> AsyncIterator[LlamaEngine]:
    found = await LlamaEngine.start(SPEC, path, verdicts=verdicts)
    yield found
    await found.close()
    assert workers(os.getpid()) == []


def become(monkeypatch: pytest.MonkeyPatch, *faults: Fault) -> None:
    monkeypatch.setattr(supervisor, "_CODE", faulting(*faults))


@pytest.fixture
def starts(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, ...]]:
    """What each process that was started had to do without."""
    seen: list[tuple[str, ...]] = []
    real = supervisor.WorkerProcess.start.__func__  # type: ignore[attr-defined]

    async def start(
        cls: type[supervisor.WorkerProcess], order: LoadRequest, on_progress: object
    ) -> supervisor.WorkerProcess:
        seen.append(order.without)
        begun: supervisor.WorkerProcess = await real(cls, order, on_progress)
        return begun

    monkeypatch.setattr(supervisor.WorkerProcess, "start", classmethod(start))
    return seen


async def asked(of: LlamaEngine) -> str | None:
    """How an answer ends."""
    return [delta.reason async for delta in of.stream(HELLO, Sampling(max_tokens=4, temperature=0))][-1]


async def test_each_fault_is_followed_by_a_load_with_one_suspect_less(
    speck: Path, verdicts: Path, monkeypatch: pytest.MonkeyPatch, starts: list[tuple[str, ...]]
) -> None:
    faults = (AMX, (FLASH_ATTENTION, 1, "SIGILL"), (TILED, 64, "SIGBUS"))
    become(monkeypatch, *faults)
    async with loaded(speck, verdicts) as found:
        assert await asked(found) == "length"
        assert found.left_out == {
            EXTRA_BUFFERS: "SIGILL when a step of 1 row was being tried",
            FLASH_ATTENTION: "SIGILL when a step of 1 row was being tried",
            TILED: "SIGBUS when a step of 64 rows was being tried",
        }
    assert starts == [SUSPECTS[:n] for n in range(4)]
    assert PROOF_ROWS == (1, 16, 64)


async def test_what_held_is_where_the_next_load_begins(
    speck: Path, verdicts: Path, monkeypatch: pytest.MonkeyPatch, starts: list[tuple[str, ...]]
) -> None:
    become(monkeypatch, AMX)
    for _ in range(2):
        async with loaded(speck, verdicts) as found:
            assert found.left_out == {EXTRA_BUFFERS: AMX_TOLD}
    assert starts == [(), (EXTRA_BUFFERS,), (EXTRA_BUFFERS,)]
    become(monkeypatch, AMX, (FLASH_ATTENTION, 16, "SIGFPE"))  # remembered, and proved all the same
    async with loaded(speck, verdicts) as found:
        assert list(found.left_out) == [EXTRA_BUFFERS, FLASH_ATTENTION]
    assert starts[3:] == [(EXTRA_BUFFERS,), (EXTRA_BUFFERS, FLASH_ATTENTION)]


async def test_it_is_told_once_and_logged(
    speck: Path, verdicts: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    become(monkeypatch, AMX)
    told = f"speck runs without extra buffer types here, which llama.cpp cannot use on this processor ({AMX_TOLD})."
    with caplog.at_level(logging.WARNING, "models.llama.proving"):
        async with loaded(speck, verdicts) as found:
            assert (found.news(), found.news()) == (told, "")
    assert told.partition(" (")[0] in caplog.text
    async with loaded(speck, verdicts) as found:
        assert found.news() == ""


async def test_where_nothing_helps_it_says_what_failed_and_what_to_do(
    speck: Path, verdicts: Path, monkeypatch: pytest.MonkeyPatch, starts: list[tuple[str, ...]]
) -> None:
    become(monkeypatch, (ANYTHING, 16, "SIGSEGV"))
    with pytest.raises(ModelUnavailable) as failed:
        await LlamaEngine.start(SPEC, speck, verdicts=verdicts)
    told = str(failed.value)
    assert told.startswith(
        f"speck cannot be used on this processor: {AMX_TOLD}; {AMX_TOLD} without extra buffer types;"
    )
    assert f"{AMX_TOLD} without {', '.join(SUSPECTS)}. Choose another model, or " in told
    assert "ask again" not in told
    assert len(starts) == len(SUSPECTS) + 1
    monkeypatch.setattr(supervisor, "_CODE", PLAIN)
    assert dict(Verdicts(verdicts).of(processor(), build())) == {"llama": Verdict({}, told)}  # for the doctor
    async with loaded(speck, verdicts) as found:  # the next load tries everything again
        assert await asked(found) == "length"
    assert [(of.left_out, of.failed) for _, of in Verdicts(verdicts).of(processor(), build())] == [({}, "")]


async def test_a_library_of_another_processor_is_said_at_once(
    speck: Path, verdicts: Path, monkeypatch: pytest.MonkeyPatch, starts: list[tuple[str, ...]]
) -> None:
    die = "import os, signal; os.kill(os.getpid(), signal.SIGILL); main({"
    monkeypatch.setattr(supervisor, "_CODE", supervisor._CODE.replace("main({", die))
    with pytest.raises(ModelUnavailable, match=r"cannot run on this processor \(SIGILL when its library.*PORTABLE=1"):
        await LlamaEngine.start(SPEC, speck, verdicts=verdicts)
    assert starts == [()]


async def test_a_step_that_does_not_end_is_a_fault(
    speck: Path, verdicts: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    become(monkeypatch, (EXTRA_BUFFERS, 16, ""))
    monkeypatch.setattr(supervisor, "STALL_S", 0.3)
    async with loaded(speck, verdicts) as found:
        assert found.left_out == {EXTRA_BUFFERS: "a stall when a step of 16 rows was being tried"}


async def test_a_quantised_cache_goes_on_without_flash_attention(
    verdicts: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    become(monkeypatch, AMX, (FLASH_ATTENTION, 16, "SIGILL"))
    found = await LlamaEngine.start(SPEC, made(SHAPES["tiny"]), kv_type="q8_0", context_length=256, verdicts=verdicts)
    assert await asked(found) == "length"
    assert (EXTRA_BUFFERS in found.kernels, FLASH_ATTENTION in found.kernels) == (False, False)
    await found.close()


async def test_what_is_refused_is_no_fault(
    speck: Path, verdicts: Path, monkeypatch: pytest.MonkeyPatch, starts: list[tuple[str, ...]]
) -> None:
    become(monkeypatch, (ANYTHING, 16, "SIGABRT"))
    with pytest.raises(ModelUnavailable, match="could not be loaded: its process ended by signal 6"):
        await LlamaEngine.start(SPEC, speck, verdicts=verdicts)
    assert starts == [()]


async def test_two_answers_in_a_row_that_end_in_a_fault_cost_a_suspect(
    speck: Path, verdicts: Path, monkeypatch: pytest.MonkeyPatch, starts: list[tuple[str, ...]]
) -> None:
    monkeypatch.setattr(engine, "FIRST_PAUSE_S", 0.05)
    become(monkeypatch, (EXTRA_BUFFERS, ANSWER, "SIGSEGV"))
    async with loaded(speck, verdicts) as found:
        with pytest.raises(EngineFailed, match=r"by signal 11\): ask again"):
            await asked(found)
        with pytest.raises(EngineFailed, match="it goes on without extra buffer types, ask again"):
            await asked(found)
        assert await asked(found) == "length"
        assert found.left_out == {EXTRA_BUFFERS: "SIGSEGV in 2 answers in a row"}
        assert "without extra buffer types" in found.news()
    assert starts == [(), (), (EXTRA_BUFFERS,)]
    async with loaded(speck, verdicts):
        assert starts[3:] == [(EXTRA_BUFFERS,)]


async def test_answers_that_nothing_helps_are_not_asked_for_again(
    speck: Path, verdicts: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(engine, "FIRST_PAUSE_S", 0)
    become(monkeypatch, (ANYTHING, ANSWER, "SIGILL"))
    async with loaded(speck, verdicts) as found:
        for _ in range(2 * len(SUSPECTS) + 1):
            with pytest.raises(EngineFailed, match="ask again"):
                await asked(found)
        told = f"SIGILL in 2 answers in a row without {', '.join(SUSPECTS)}. Choose another model"
        with pytest.raises(EngineFailed, match=told):
            await asked(found)
        with pytest.raises(ModelUnavailable, match=told):  # not even started
            await asked(found)


@pytest.mark.parametrize(
    "damage",
    ["", "{", "[1]", '{"p": 5}', '{"p": {"b": {"llama": {"left_out": {"x": 1}, "failed": ""}}}}', "[" * 100_000],
)
def test_a_damaged_file_is_as_good_as_none(verdicts: Path, damage: str) -> None:
    verdicts.parent.mkdir()
    verdicts.write_text(damage)
    memory, place = Verdicts(verdicts), VerdictKey("p", "b", "llama")
    assert memory.find(place) is None
    memory.keep(place, Verdict({TILED: "SIGILL"}))
    assert Verdicts(verdicts).find(place) == Verdict({TILED: "SIGILL"})


def test_a_verdict_is_of_one_processor_build_and_architecture(verdicts: Path) -> None:
    memory, place = Verdicts(verdicts), VerdictKey("p", "b", "llama")
    memory.keep(place, Verdict({FUSED: "SIGILL"}))
    memory.keep(VerdictKey("p", "b", "qwen2"), Verdict())
    for other in (VerdictKey("q", "b", "llama"), VerdictKey("p", "c", "llama"), VerdictKey("p", "b", "phi3")):
        assert memory.find(other) is None
    assert dict(memory.of("p", "b")) == {"llama": Verdict({FUSED: "SIGILL"}), "qwen2": Verdict()}
    assert json.loads(verdicts.read_text())["p"]["b"]["qwen2"] == {"left_out": {}, "failed": "", "fastest": {}}
    assert build().startswith("0.3.")


def test_a_disk_that_takes_nothing_costs_only_the_memory(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    (tmp_path / "data").write_text("not a folder")
    Verdicts(tmp_path / "data" / "kernels.json").keep(VerdictKey("p", "b", "llama"), Verdict({FUSED: "SIGILL"}))
    assert "is not remembered" in caplog.text
