"""The fastest kernels and threads are measured at the first load of a model, stored and used."""

import json
import os
import signal
from pathlib import Path
from typing import Any

import pytest

from models.errors import ModelUnavailable
from models.llama import supervisor
from models.llama.engine import LlamaEngine
from models.llama.kernels import FLASH_ATTENTION
from models.llama.options import LlamaOptions
from models.llama.supervisor import WorkerProcess
from models.llama.wire import LoadRequest
from models.llama.worker import calibration
from models.llama.worker.calibration import Busy
from models.llama.worker.context import ContextOptions, LlamaContext
from models.types import ModelSpec, Prompt, Sampling, Segment
from tests.minimal_models import write_minimal_llama
from tests.models.llama.faulty import PLAIN

pytestmark = pytest.mark.process

FAULTS, KILLED, REFUSED, BUSY = "SIGILL", "SIGKILL", "refused", "busy"
HELLO = Prompt((Segment("Hello.", False),), "Hello.")
SPEC = ModelSpec("minimal", ("minimal.gguf",), context_length=512)


def arm(then: str) -> None:
    """Patches such a process: steps take half the time with flash attention. `then`: FAULTS or KILLED when they are
    measured with it, REFUSED when a model is loaded with it, BUSY whatever is measured.
    """
    real_init = LlamaContext.__init__

    def measured(context: LlamaContext, token: int) -> dict[int, float]:
        if not context.attends_all_cells and then in (FAULTS, KILLED):
            os.kill(os.getpid(), signal.Signals[then])
        if then == BUSY:
            raise Busy("at work")
        return {1: 0.1 if context.attends_all_cells else 0.05}

    def init(context: LlamaContext, model: Any, options: ContextOptions) -> None:
        if then == REFUSED and options.flash_attention and options.sequences > 1:
            raise ModelUnavailable("no such context")
        real_init(context, model, options)

    calibration.LEAST_S, calibration.steps = 0, measured
    LlamaContext.__init__ = init  # type: ignore[assignment, method-assign]


@pytest.fixture
def starts(monkeypatch: pytest.MonkeyPatch) -> list[LoadRequest]:
    """What each process was started with."""
    seen: list[LoadRequest] = []
    real = WorkerProcess.start.__func__  # type: ignore[attr-defined]

    async def start(cls: type[WorkerProcess], request: LoadRequest, on_progress: object) -> WorkerProcess:
        seen.append(request)
        process: WorkerProcess = await real(cls, request, on_progress)
        return process

    monkeypatch.setattr(WorkerProcess, "start", classmethod(start))
    return seen


def armed(monkeypatch: pytest.MonkeyPatch, then: str = "") -> None:
    code = f"from {__name__} import arm; arm({then!r}); main({{"
    monkeypatch.setattr(supervisor, "_CODE", PLAIN.replace("main({", code, 1))


async def test_the_faster_choice_is_used_and_stored(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, starts: list[LoadRequest]
) -> None:
    write_minimal_llama(tmp_path / "minimal.gguf")
    kernel_results, shares = tmp_path / "kernels.json", [0.0] * 0
    armed(monkeypatch)
    for _ in range(2):
        engine = await LlamaEngine.start(
            SPEC,
            tmp_path / "minimal.gguf",
            LlamaOptions(threads=1, kernel_results=kernel_results),
            on_progress=shares.append,
        )
        assert FLASH_ATTENTION in engine.kernels
        assert shares == sorted(shares)
        shares.clear()
        await engine.close()
    assert [request.most_threads for request in starts] == [1, 0, 0]  # measured, used, used
    assert [FLASH_ATTENTION in request.kernels for request in starts] == [False, True, True]
    (processor,) = json.loads(kernel_results.read_text()).values()
    ((shape, kept),) = next(iter(processor.values()))["llama"]["fastest"].items()
    assert shape.endswith("f16, 1 to 1 threads")
    assert kept == {"kernels": list(starts[1].kernels), "threads": 1, "reading_threads": 1}


async def test_without_a_file_nothing_is_measured(tmp_path: Path, starts: list[LoadRequest]) -> None:
    write_minimal_llama(tmp_path / "minimal.gguf")
    engine = await LlamaEngine.start(SPEC, tmp_path / "minimal.gguf", LlamaOptions(threads=1))
    await engine.close()
    assert [request.most_threads for request in starts] == [0]


async def test_only_the_kernel_that_faults_is_left_out(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, starts: list[LoadRequest]
) -> None:
    write_minimal_llama(tmp_path / "minimal.gguf")
    armed(monkeypatch, FAULTS)
    engine = await LlamaEngine.start(
        SPEC, tmp_path / "minimal.gguf", LlamaOptions(threads=1, kernel_results=tmp_path / "kernels.json")
    )
    assert engine.left_out == {FLASH_ATTENTION: "SIGILL when its speed was being measured"}
    assert FLASH_ATTENTION not in engine.kernels
    assert [request.without for request in starts] == [(), (FLASH_ATTENTION,)]
    await engine.close()


async def test_on_a_busy_machine_the_next_load_measures(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, starts: list[LoadRequest]
) -> None:
    write_minimal_llama(tmp_path / "minimal.gguf")
    armed(monkeypatch, BUSY)
    for _ in range(2):
        engine = await LlamaEngine.start(
            SPEC, tmp_path / "minimal.gguf", LlamaOptions(threads=1, kernel_results=tmp_path / "kernels.json")
        )
        assert engine.worker is not None
        await engine.worker.kill("a test")
        await anext(engine.stream(HELLO, Sampling(max_tokens=1)))  # of the process that is started again
        await engine.close()
    assert [request.most_threads for request in starts] == [1, 0, 1, 0]
    assert json.loads((tmp_path / "kernels.json").read_text()) != {}
    assert '"kernels"' not in (tmp_path / "kernels.json").read_text()


@pytest.mark.parametrize("then", [KILLED, REFUSED])
async def test_a_choice_that_ends_without_a_fault_is_not_tried_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, starts: list[LoadRequest], then: str
) -> None:
    write_minimal_llama(tmp_path / "minimal.gguf")
    armed(monkeypatch, then)
    for _ in range(2):
        engine = await LlamaEngine.start(
            SPEC, tmp_path / "minimal.gguf", LlamaOptions(threads=1, kernel_results=tmp_path / "kernels.json")
        )
        assert (FLASH_ATTENTION in engine.kernels, engine.left_out) == (False, {})
        await engine.close()
    assert [request.most_threads for request in starts] == [1, *[0] * (len(starts) - 1)]
    tried_so = [FLASH_ATTENTION in request.kernels for request in starts]
    assert tried_so == ([False, False, False] if then == KILLED else [False, True, False, False])


async def test_a_choice_depends_on_threads_and_gpu_layers(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, starts: list[LoadRequest]
) -> None:
    write_minimal_llama(tmp_path / "minimal.gguf")
    armed(monkeypatch)
    for threads, layers in ((1, 0), (2, 0), (1, 1), (1, 0)):
        engine = await LlamaEngine.start(
            SPEC,
            tmp_path / "minimal.gguf",
            LlamaOptions(kernel_results=tmp_path / "kernels.json", threads=threads, gpu_layers=layers),
        )
        await engine.close()
    assert [(request.threads, request.most_threads, bool(request.kernels)) for request in starts] == [
        (1, 1, False), (1, 0, True), (2, 2, False), (2, 0, True), (1, 0, False), (1, 0, True),
    ]  # fmt: skip
