"""A load on a processor that faults: which kernels are left out, in which order, and how it is stored and reported."""

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
from models.llama.kernel_results import KernelResult, KernelResultKey, KernelResults
from models.llama.kernels import EXTRA_BUFFERS, FLASH_ATTENTION, FUSED, PROOF_ROWS, SUSPECTS, TILED
from models.llama.options import LlamaOptions
from models.llama.wire import LoadRequest
from models.types import ModelSpec, Prompt, Sampling, Segment
from tests.minimal_models import write_minimal_llama
from tests.models.llama.faulty import ANSWER, ANYTHING, PLAIN, Fault, faulting
from tests.processes import workers
from tests.shapes import SHAPES, made

pytestmark = pytest.mark.process

SPEC = ModelSpec("minimal", ("minimal.gguf",), context_length=8192, threads=1)
HELLO = Prompt((Segment("Hello.", False),), "Hello.")
AMX: Fault = (EXTRA_BUFFERS, 16, "SIGSEGV")
AMX_FAULT = "SIGSEGV when a step of 16 rows was being tried"


@pytest.fixture
def model_file(tmp_path: Path) -> Path:
    write_minimal_llama(tmp_path / "minimal.gguf")
    return tmp_path / "minimal.gguf"


@pytest.fixture
def kernel_results(tmp_path: Path) -> Path:
    return tmp_path / "data" / "kernels.json"


@asynccontextmanager
async def loaded(path: Path, kernel_results: Path) -> AsyncIterator[LlamaEngine]:
    found = await LlamaEngine.start(SPEC, path, LlamaOptions(kernel_results=kernel_results))
    yield found
    await found.close()
    assert workers(os.getpid()) == []


def become(monkeypatch: pytest.MonkeyPatch, *faults: Fault) -> None:
    monkeypatch.setattr(supervisor, "_CODE", faulting(*faults))


@pytest.fixture
def starts(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, ...]]:
    """The kernels that each started process left out."""
    seen: list[tuple[str, ...]] = []
    real = supervisor.WorkerProcess.start.__func__  # type: ignore[attr-defined]

    async def start(
        cls: type[supervisor.WorkerProcess], request: LoadRequest, on_progress: object
    ) -> supervisor.WorkerProcess:
        seen.append(request.without)
        process: supervisor.WorkerProcess = await real(cls, request, on_progress)
        return process

    monkeypatch.setattr(supervisor.WorkerProcess, "start", classmethod(start))
    return seen


async def finish_reason(of: LlamaEngine) -> str | None:
    """The finish reason of a short answer."""
    return [delta.reason async for delta in of.stream(HELLO, Sampling(max_tokens=4, temperature=0))][-1]


async def test_each_fault_is_followed_by_a_load_with_one_suspect_less(
    model_file: Path, kernel_results: Path, monkeypatch: pytest.MonkeyPatch, starts: list[tuple[str, ...]]
) -> None:
    faults = (AMX, (FLASH_ATTENTION, 1, "SIGILL"), (TILED, 64, "SIGBUS"))
    become(monkeypatch, *faults)
    async with loaded(model_file, kernel_results) as found:
        assert await finish_reason(found) == "length"
        assert found.left_out == {
            EXTRA_BUFFERS: "SIGILL when a step of 1 row was being tried",
            FLASH_ATTENTION: "SIGILL when a step of 1 row was being tried",
            TILED: "SIGBUS when a step of 64 rows was being tried",
        }
    assert starts == [SUSPECTS[:n] for n in range(4)]
    assert PROOF_ROWS == (1, 16, 64)


async def test_the_next_load_starts_with_the_kernels_that_worked(
    model_file: Path, kernel_results: Path, monkeypatch: pytest.MonkeyPatch, starts: list[tuple[str, ...]]
) -> None:
    become(monkeypatch, AMX)
    for _ in range(2):
        async with loaded(model_file, kernel_results) as found:
            assert found.left_out == {EXTRA_BUFFERS: AMX_FAULT}
    assert starts == [(), (EXTRA_BUFFERS,), (EXTRA_BUFFERS,)]
    become(monkeypatch, AMX, (FLASH_ATTENTION, 16, "SIGFPE"))  # stored, and proved nevertheless
    async with loaded(model_file, kernel_results) as found:
        assert list(found.left_out) == [EXTRA_BUFFERS, FLASH_ATTENTION]
    assert starts[3:] == [(EXTRA_BUFFERS,), (EXTRA_BUFFERS, FLASH_ATTENTION)]


async def test_a_left_out_kernel_is_reported_once_and_logged(
    model_file: Path, kernel_results: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    become(monkeypatch, AMX)
    message = (
        f"minimal runs without extra buffer types here, which llama.cpp cannot use on this processor ({AMX_FAULT})."
    )
    with caplog.at_level(logging.WARNING, "models.llama.proving"):
        async with loaded(model_file, kernel_results) as found:
            assert (found.pop_notice(), found.pop_notice()) == (message, "")
    assert message.partition(" (")[0] in caplog.text
    async with loaded(model_file, kernel_results) as found:
        assert found.pop_notice() == ""


async def test_a_model_that_no_choice_can_run_is_reported_with_the_fix(
    model_file: Path, kernel_results: Path, monkeypatch: pytest.MonkeyPatch, starts: list[tuple[str, ...]]
) -> None:
    become(monkeypatch, (ANYTHING, 16, "SIGSEGV"))
    with pytest.raises(ModelUnavailable) as failed:
        await LlamaEngine.start(SPEC, model_file, LlamaOptions(kernel_results=kernel_results))
    message = str(failed.value)
    assert message.startswith(
        f"minimal cannot be used on this processor: {AMX_FAULT}; {AMX_FAULT} without extra buffer types;"
    )
    assert f"{AMX_FAULT} without {', '.join(SUSPECTS)}. Choose another model, or " in message
    assert "ask again" not in message
    assert len(starts) == len(SUSPECTS) + 1
    monkeypatch.setattr(supervisor, "_CODE", PLAIN)
    assert dict(KernelResults(kernel_results).of(processor(), build())) == {
        "llama": KernelResult({}, message)
    }  # for the doctor
    async with loaded(model_file, kernel_results) as found:  # the next load tries everything again
        assert await finish_reason(found) == "length"
    assert [(of.left_out, of.failed) for _, of in KernelResults(kernel_results).of(processor(), build())] == [({}, "")]


async def test_a_library_for_another_processor_is_reported_at_once(
    model_file: Path, kernel_results: Path, monkeypatch: pytest.MonkeyPatch, starts: list[tuple[str, ...]]
) -> None:
    die = "import os, signal; os.kill(os.getpid(), signal.SIGILL); main({"
    monkeypatch.setattr(supervisor, "_CODE", supervisor._CODE.replace("main({", die))
    with pytest.raises(ModelUnavailable, match=r"cannot run on this processor \(SIGILL when its library.*PORTABLE=1"):
        await LlamaEngine.start(SPEC, model_file, LlamaOptions(kernel_results=kernel_results))
    assert starts == [()]


async def test_a_step_that_never_ends_counts_as_a_fault(
    model_file: Path, kernel_results: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    become(monkeypatch, (EXTRA_BUFFERS, 16, ""))
    monkeypatch.setattr(supervisor, "STALL_S", 0.3)
    async with loaded(model_file, kernel_results) as found:
        assert found.left_out == {EXTRA_BUFFERS: "a stall when a step of 16 rows was being tried"}


async def test_a_quantised_cache_works_without_flash_attention(
    kernel_results: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    become(monkeypatch, AMX, (FLASH_ATTENTION, 16, "SIGILL"))
    found = await LlamaEngine.start(
        SPEC, made(SHAPES["tiny"]), LlamaOptions(kv_type="q8_0", context_length=256, kernel_results=kernel_results)
    )
    assert await finish_reason(found) == "length"
    assert (EXTRA_BUFFERS in found.kernels, FLASH_ATTENTION in found.kernels) == (False, False)
    await found.close()


async def test_a_refused_load_is_no_fault(
    model_file: Path, kernel_results: Path, monkeypatch: pytest.MonkeyPatch, starts: list[tuple[str, ...]]
) -> None:
    become(monkeypatch, (ANYTHING, 16, "SIGABRT"))
    with pytest.raises(ModelUnavailable, match="could not be loaded: its process ended by signal 6"):
        await LlamaEngine.start(SPEC, model_file, LlamaOptions(kernel_results=kernel_results))
    assert starts == [()]


async def test_two_faults_in_a_row_leave_a_suspect_out(
    model_file: Path, kernel_results: Path, monkeypatch: pytest.MonkeyPatch, starts: list[tuple[str, ...]]
) -> None:
    monkeypatch.setattr(engine, "FIRST_PAUSE_S", 0.05)
    become(monkeypatch, (EXTRA_BUFFERS, ANSWER, "SIGSEGV"))
    async with loaded(model_file, kernel_results) as found:
        with pytest.raises(EngineFailed, match=r"by signal 11\): ask again"):
            await finish_reason(found)
        with pytest.raises(EngineFailed, match="it goes on without extra buffer types, ask again"):
            await finish_reason(found)
        assert await finish_reason(found) == "length"
        assert found.left_out == {EXTRA_BUFFERS: "SIGSEGV in 2 answers in a row"}
        assert "without extra buffer types" in found.pop_notice()
    assert starts == [(), (), (EXTRA_BUFFERS,)]
    async with loaded(model_file, kernel_results):
        assert starts[3:] == [(EXTRA_BUFFERS,)]


async def test_an_unusable_model_does_not_suggest_to_ask_again(
    model_file: Path, kernel_results: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(engine, "FIRST_PAUSE_S", 0)
    become(monkeypatch, (ANYTHING, ANSWER, "SIGILL"))
    async with loaded(model_file, kernel_results) as found:
        for _ in range(2 * len(SUSPECTS) + 1):
            with pytest.raises(EngineFailed, match="ask again"):
                await finish_reason(found)
        message = f"SIGILL in 2 answers in a row without {', '.join(SUSPECTS)}. Choose another model"
        with pytest.raises(EngineFailed, match=message):
            await finish_reason(found)
        with pytest.raises(ModelUnavailable, match=message):  # not even started
            await finish_reason(found)


@pytest.mark.parametrize(
    "damage",
    ["", "{", "[1]", '{"p": 5}', '{"p": {"b": {"llama": {"left_out": {"x": 1}, "failed": ""}}}}', "[" * 100_000],
)
def test_a_damaged_file_counts_as_empty(kernel_results: Path, damage: str) -> None:
    kernel_results.parent.mkdir()
    kernel_results.write_text(damage)
    results, key = KernelResults(kernel_results), KernelResultKey("p", "b", "llama")
    assert results.find(key) is None
    results.store(key, KernelResult({TILED: "SIGILL"}))
    assert KernelResults(kernel_results).find(key) == KernelResult({TILED: "SIGILL"})


def test_a_result_applies_to_one_processor_build_and_architecture(kernel_results: Path) -> None:
    results, key = KernelResults(kernel_results), KernelResultKey("p", "b", "llama")
    results.store(key, KernelResult({FUSED: "SIGILL"}))
    results.store(KernelResultKey("p", "b", "qwen2"), KernelResult())
    for other in (
        KernelResultKey("q", "b", "llama"),
        KernelResultKey("p", "c", "llama"),
        KernelResultKey("p", "b", "phi3"),
    ):
        assert results.find(other) is None
    assert dict(results.of("p", "b")) == {"llama": KernelResult({FUSED: "SIGILL"}), "qwen2": KernelResult()}
    assert json.loads(kernel_results.read_text())["p"]["b"]["qwen2"] == {"left_out": {}, "failed": "", "fastest": {}}
    assert build().startswith("0.3.")


def test_a_full_disk_only_loses_the_result(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    (tmp_path / "data").write_text("not a folder")
    KernelResults(tmp_path / "data" / "kernels.json").store(
        KernelResultKey("p", "b", "llama"), KernelResult({FUSED: "SIGILL"})
    )
    assert "cannot be stored" in caplog.text
