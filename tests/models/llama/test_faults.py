"""If a model's process is killed, stopped, starved or given invalid input, only its running answers are lost."""

import asyncio
import os
import signal
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import pytest

from models.errors import EngineFailed, ModelUnavailable, Unsupported
from models.llama import engine, supervisor
from models.llama.engine import LlamaEngine
from models.llama.options import LlamaOptions
from models.types import Delta, ModelSpec, Prompt, Sampling, Segment
from tests.minimal_models import write_minimal_llama
from tests.processes import address_space, eventually, is_alive, workers
from tests.tiny_gguf import PHI3

pytestmark = pytest.mark.process

SPEC = ModelSpec("minimal", ("minimal.gguf",), context_length=8192, threads=1)
LONG, SHORT = Sampling(max_tokens=8000, temperature=0), Sampling(max_tokens=4, temperature=0)
HELLO = Prompt((Segment("Hello.", False),), "Hello.")
GUARD_S = 60  # only against hanging


@pytest.fixture(scope="session")
def model_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("minimal") / "minimal.gguf"
    write_minimal_llama(path)
    return path


@pytest.fixture
async def running(model_file: Path) -> AsyncIterator[LlamaEngine]:
    found = await LlamaEngine.start(SPEC, model_file)
    yield found
    await found.close()
    assert workers(os.getpid()) == []


async def finish_reason(of: LlamaEngine, sampling: Sampling = SHORT) -> str | None:
    """The finish reason of a short answer."""
    return [delta.reason async for delta in of.stream(HELLO, sampling)][-1]


async def _drain(stream: AsyncIterator[Delta]) -> None:
    async for _ in stream:
        pass


async def broken(of: LlamaEngine, kind: signal.Signals, reason: str = "its process ended by signal") -> None:
    """Sends a signal to the process in mid-stream, and waits until the client gets an error with this reason."""
    stream = of.stream(HELLO, LONG)
    while not (await anext(stream)).text:
        pass
    (pid,) = workers(os.getpid())
    os.kill(pid, kind)
    with pytest.raises(EngineFailed, match=rf"stopped in the middle of it \({reason}"):
        await asyncio.wait_for(_drain(stream), GUARD_S)
    assert not is_alive(pid)


@pytest.mark.parametrize("kind", [signal.SIGKILL, signal.SIGSEGV])
async def test_a_process_killed_in_mid_stream_is_reported_and_replaced(
    running: LlamaEngine, kind: signal.Signals
) -> None:
    await broken(running, kind)
    assert running.worker is None
    assert await finish_reason(running) == "length"
    assert running.worker is not None
    assert running.metrics["restarts"] == 1


async def test_a_stopped_process_is_detected_by_its_silence(
    running: LlamaEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert supervisor.SILENCE_S <= 28  # seconds: the client gets the error within 30 s
    monkeypatch.setattr(supervisor, "SILENCE_S", 2)
    await broken(running, signal.SIGSTOP, "it sent nothing for 2 s")
    assert await finish_reason(running) == "length"


async def test_a_count_ends_with_a_process_that_is_silent(
    running: LlamaEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert supervisor.SILENCE_S < engine.COUNT_S
    await finish_reason(running)  # it has just sent a message
    monkeypatch.setattr(supervisor, "SILENCE_S", 2)
    (pid,) = workers(os.getpid())
    os.kill(pid, signal.SIGSTOP)
    with pytest.raises(EngineFailed, match="it sent nothing for 2 s"):
        await asyncio.to_thread(running.count_tokens, HELLO.segments)
    assert await asyncio.to_thread(running.count_tokens, HELLO.segments) == 8  # by the next process


async def test_the_process_is_killed_first_when_memory_runs_out(running: LlamaEngine) -> None:
    (pid,) = workers(os.getpid())
    assert (
        int(Path(f"/proc/{pid}/oom_score_adj").read_text()) == 800 > int(Path("/proc/self/oom_score_adj").read_text())
    )


async def test_rates_are_reported_while_answers_run(running: LlamaEngine) -> None:
    assert running.rates.prefill == 0
    stream = running.stream(replace(HELLO, segments=(Segment("Hello. " * 60, False),)), LONG)
    while not (await anext(stream)).text:
        pass
    await eventually(lambda: running.rates.prefill > 0)
    assert running.rates.decode > 0
    await stream.aclose()


async def test_signals_that_stop_a_server_do_not_stop_its_process(running: LlamaEngine) -> None:
    (pid,) = workers(os.getpid())
    for kind in (signal.SIGINT, signal.SIGTERM):
        os.kill(pid, kind)
    assert await finish_reason(running) == "length"
    assert workers(os.getpid()) == [pid]


async def test_pauses_between_restarts_grow(running: LlamaEngine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(engine, "FIRST_PAUSE_S", 0.4)
    monkeypatch.setattr(engine, "MAX_WAIT_S", 0.5)
    for _ in range(3):
        await broken(running, signal.SIGKILL)
    with pytest.raises(EngineFailed, match="minimal broke 3 times in a row and restarts in 1 s"):
        await finish_reason(running)
    assert workers(os.getpid()) == []  # the prompt did not wait for the restart
    await eventually(lambda: running.worker)
    assert await finish_reason(running) == "length"
    assert running.metrics["restarts"] == 3


async def test_closing_during_a_restart_fails_waiting_prompts(running: LlamaEngine) -> None:
    await broken(running, signal.SIGKILL)
    waiting = asyncio.create_task(finish_reason(running))
    await asyncio.sleep(0)  # it runs until it waits
    await running.close()
    with pytest.raises(EngineFailed, match="closed"):
        await waiting
    assert running.metrics["restarts"] == 0


async def test_a_restart_reports_a_missing_file(tmp_path: Path) -> None:
    path = tmp_path / "minimal.gguf"
    write_minimal_llama(path)
    found = await LlamaEngine.start(SPEC, path)
    path.unlink()
    await broken(found, signal.SIGKILL)
    with pytest.raises(ModelUnavailable, match=r"minimal\.gguf cannot be loaded"):
        await finish_reason(found)
    write_minimal_llama(path)
    await eventually(lambda: not workers(os.getpid()))
    assert await finish_reason(found) == "length"
    await found.close()


async def test_a_load_is_bounded(model_file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(supervisor, "LOAD_S", 0.05)
    with pytest.raises(ModelUnavailable, match="was not loaded within 0 s"):
        await LlamaEngine.start(SPEC, model_file)
    assert workers(os.getpid()) == []


async def test_a_cancelled_load_leaves_no_process(model_file: Path) -> None:
    for seconds in (0.0, 0.01, 0.05, 0.1):
        loading = asyncio.create_task(LlamaEngine.start(SPEC, model_file))
        await asyncio.sleep(seconds)
        loading.cancel()
        with pytest.raises(asyncio.CancelledError):
            await loading
        assert workers(os.getpid()) == []


async def test_too_little_memory_is_reported(
    model_file: Path, running: LlamaEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    enough = address_space(workers(os.getpid())[0])
    plain = supervisor._CODE
    cases = (
        (enough // 4, model_file, 256, "the model could not be loaded|llama-cpp-python cannot be loaded"),
        (enough + (64 << 20), PHI3.path, 131072, "no context of 131072 tokens could be created: "),
    )
    for bytes_, path, context, words in cases:
        limit = f"import resource; resource.setrlimit(resource.RLIMIT_AS, ({bytes_}, {bytes_})); "
        monkeypatch.setattr(supervisor, "_CODE", limit + plain)
        with pytest.raises(ModelUnavailable, match=words):
            await LlamaEngine.start(SPEC, path, LlamaOptions(context_length=context))
    assert await finish_reason(running) == "length"


async def test_a_process_that_cannot_be_started_is_reported(model_file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async def refuse(*_: object, **__: object) -> None:
        raise BlockingIOError(11, "Resource temporarily unavailable")

    monkeypatch.setattr(asyncio, "create_subprocess_exec", refuse)
    with pytest.raises(ModelUnavailable, match="no process for the model can be started: Resource temporarily"):
        await LlamaEngine.start(SPEC, model_file)


async def test_a_process_that_sends_invalid_messages_is_killed(
    model_file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for nonsense in ("nonsense", "5", "[" * 100_000):
        script = f"import socket; socket.socket(fileno={{descriptor}}).sendall({nonsense!r}.encode() + bytes([10]))"
        monkeypatch.setattr(supervisor, "_CODE", f"{script}; import time; time.sleep(60)")
        with pytest.raises(ModelUnavailable, match="it sends invalid messages"):
            await LlamaEngine.start(SPEC, model_file)


async def test_a_process_that_is_stuck_in_a_step_is_killed(model_file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    stuck = "import time; from models.llama.worker import answering as a; a.sampling_of = lambda _: time.sleep(60)"
    monkeypatch.setattr(supervisor, "_CODE", supervisor._CODE.replace("main({", f"{stuck}; main({{"))
    monkeypatch.setattr(supervisor, "STALL_S", 0.1)
    found = await LlamaEngine.start(SPEC, model_file)
    assert found.worker is not None
    await eventually(lambda: found.worker and found.worker.heartbeat)
    first = found.worker.heartbeat
    await eventually(lambda: found.worker and found.worker.heartbeat is not first)
    assert found.worker.heartbeat["stalled_s"] == 0  # at rest for longer than a step may take
    with pytest.raises(EngineFailed, match="one step took longer than 0 s"):
        await finish_reason(found)
    await found.close()


HOSTILE = {
    "a pattern that repeats nothing": '{"type": "string", "pattern": "^*$"}',
    "the character 0": '{"const": "\\u0000"}',
    "an empty class": '{"type": "string", "pattern": "^[z-a]$"}',
    "a text of any length": '{"type": "string", "maxLength": 100000000}',
    "a list of any length": '{"type": "array", "items": {}, "minItems": 100000000}',
    "a pattern of any length": '{"type": "string", "pattern": "^a{1,99999999}$"}',
    "a pattern of repeated repetitions": '{"type": "string", "pattern": "^%s$"}' % ("(a|" * 300 + "a" + ")*" * 300),
    "nested without end": '{"items": ' * 5000 + "{}" + "}" * 5000,
    "a foreign address": '{"$ref": "https://127.0.0.1:1/schema"}',
    "no schema": "[1]",
    "no JSON": "{",
}


async def test_no_schema_stops_the_process(running: LlamaEngine) -> None:
    (pid,) = workers(os.getpid())
    for schema in HOSTILE.values():
        with pytest.raises(Unsupported, match="this JSON Schema cannot be followed"):
            await asyncio.wait_for(finish_reason(running, replace(SHORT, json_schema=schema)), 2)
    assert await finish_reason(running, replace(SHORT, repeat_penalty=1.3)) == "length"
    assert workers(os.getpid()) == [pid]


async def test_a_file_that_aborts_llama_cpp_is_refused_with_its_message_and_starts_no_debugger(
    tmp_path: Path, model_file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    twice = tmp_path / "twice.gguf"
    twice.write_bytes(model_file.read_bytes().replace("▁ae".encode(), "▁aa".encode(), 1))
    for debugger in ("gdb", "lldb"):
        (tmp_path / debugger).write_text(f"#!/bin/sh\ntouch {tmp_path}/started\n")
        (tmp_path / debugger).chmod(0o700)
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    with pytest.raises(ModelUnavailable, match=r"ended by signal 6: .*GGML_ASSERT"):
        await LlamaEngine.start(SPEC, twice)
    assert not (tmp_path / "started").exists()
