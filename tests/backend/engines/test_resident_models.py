"""Models share a memory: who is loaded, who goes, who waits, and what is said when it does not work."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as examples
from hypothesis import strategies as st

from backend.engines.pool import EnginePool
from backend.engines.resident_models import Model, ResidentModel
from backend.metrics import Metrics
from models.backoff import Backoff
from models.errors import ModelError, ModelUnavailable
from models.llama.engine import LlamaEngine
from models.types import ModelSpec
from prompts.formats import FORMATS
from tests.backend.engines.harness import Machine, machine
from tests.backend.harness import settings_in

__all__ = ["machine"]

PATIENCE_S = 5


@asynccontextmanager
async def engines_of(machine: Machine, metrics: Metrics | None = None, kv_ram_mb: int = 0) -> AsyncIterator[EnginePool]:
    settings = settings_in(machine.folder.parent, models_dir=machine.folder, kv_ram_mb=kv_ram_mb)
    engines = machine.made(settings, metrics=metrics)
    try:
        async with asyncio.timeout(PATIENCE_S):
            yield engines
    finally:
        await engines.unload()
    assert machine.used == 0, "every byte comes back"


async def visit(engines: EnginePool, name: str) -> str:
    async with engines.use(name) as ready:
        return ready.engine.name


def held(engines: EnginePool) -> list[str]:
    return [state["id"] for state in engines.states() if "resident_bytes" in state]


async def settle() -> None:
    """Lets every task run until it waits for something that does not come by itself."""
    for _ in range(5):
        await asyncio.sleep(0.01)


async def test_models_stay_while_there_is_room_and_the_least_recently_used_goes(machine: Machine) -> None:
    metrics = Metrics()
    async with engines_of(machine, metrics) as engines:
        assert [await visit(engines, name) for name in ("ant", "bee", "ant")] == ["ant", "bee", "ant"]
        assert (held(engines), machine.closed, metrics.swaps) == (["ant", "bee"], [], 0)
        machine.memory = 16_000_000  # the new one needs 12 of them: one has to go
        machine.weights["cow"] = 7_000_000
        await visit(engines, "cow")
        assert (held(engines), machine.closed) == (["ant", "cow"], ["bee"])
        assert (metrics.loads, metrics.swaps, metrics.resident) == (3, 1, {"ant": 5_000_000, "cow": 11_000_000})
    assert metrics.resident == {}


async def test_snapshots_have_a_share_of_what_models_leave_free(machine: Machine) -> None:
    async with engines_of(machine, kv_ram_mb=2048) as engines:
        await visit(engines, "ant")  # leaves 8 MB
        await visit(engines, "bee")  # leaves 1 MB beside that
        assert machine.snapshots == {"ant": 2_000_000, "bee": 250_000}
        assert (held(engines), machine.used) == (["ant", "bee"], 12_250_000)
        listed = {state["id"]: state["resident_bytes"] for state in engines.states() if "resident_bytes" in state}
        assert listed == {"ant": 7_000_000, "bee": 5_250_000}
        await visit(engines, "cow")
        assert (held(engines), machine.snapshots["cow"]) == (["cow"], 250_000)


def test_snapshots_that_were_made_are_not_counted_twice() -> None:
    class Told(LlamaEngine):
        state = {"snapshot_ram_bytes": 0.0}  # noqa: RUF012

    engine = Told.__new__(Told)
    model = Model(ModelSpec("ant", ()), Path("ant.gguf"), 4000)
    resident = ResidentModel(model, engine, FORMATS["phi3"], need=900, snapshots=300, untouched=500, last_used=0)
    unseen = []
    for made in (0.0, 100.0, 600.0):  # the last while the disk catches up
        Told.state["snapshot_ram_bytes"] = made
        unseen.append(resident.unseen)
    assert unseen == [500, 400, 200]


async def test_no_model_is_refused_for_its_snapshots(machine: Machine) -> None:
    machine.memory = 5_000_000
    async with engines_of(machine, kv_ram_mb=2048) as engines:
        assert await visit(engines, "ant") == "ant"
        assert (machine.started, machine.snapshots) == ([("ant", 4000)], {"ant": 0})


async def test_snapshots_have_no_more_than_the_setting_says(machine: Machine) -> None:
    async with engines_of(machine, kv_ram_mb=1) as engines:
        await visit(engines, "ant")
        assert machine.snapshots == {"ant": 1 << 20}


async def test_users_of_a_model_share_one_load(machine: Machine) -> None:
    machine.gates["ant"] = asyncio.Event()
    async with engines_of(machine) as engines:
        visits = [asyncio.create_task(visit(engines, "ant")) for _ in range(5)]
        await settle()
        assert next(s["state"] for s in engines.states() if s["id"] == "ant") == "loading"
        machine.gates["ant"].set()
        assert await asyncio.gather(*visits) == ["ant"] * 5
    assert machine.started == [("ant", 4000)]


async def test_a_user_who_goes_away_leaves_the_load_to_the_next(machine: Machine) -> None:
    machine.gates["ant"] = asyncio.Event()
    async with engines_of(machine) as engines:
        leaver = asyncio.create_task(visit(engines, "ant"))
        await settle()
        leaver.cancel()
        with pytest.raises(asyncio.CancelledError):
            await leaver
        machine.gates["ant"].set()
        assert await visit(engines, "ant") == "ant"
        await visit(engines, "cow")  # the one who left does not hold it
        assert machine.closed == ["ant"]
    assert [name for name, _ in machine.started] == ["ant", "cow"]


async def test_the_old_model_serves_while_the_new_one_is_loaded(machine: Machine) -> None:
    machine.gates["bee"] = asyncio.Event()
    async with engines_of(machine) as engines:
        await visit(engines, "ant")
        loading = asyncio.create_task(visit(engines, "bee"))
        await settle()
        assert await visit(engines, "ant") == "ant"
        machine.gates["bee"].set()
        assert await loading == "bee"
    assert machine.started == [("ant", 4000), ("bee", 4000)]


async def test_a_new_model_that_does_not_stand_leaves_the_old_one_where_it_is(machine: Machine) -> None:
    machine.failing["bee"] = "bee.gguf is damaged"
    async with engines_of(machine) as engines:
        await visit(engines, "ant")
        with pytest.raises(ModelUnavailable, match=r"bee\.gguf is damaged\. ant goes on serving"):
            await visit(engines, "bee")
        assert (held(engines), machine.closed) == (["ant"], [])
        machine.failing["cow"] = "cow.gguf is damaged"  # too large to stand beside the old one
        with pytest.raises(ModelUnavailable, match=r"cow\.gguf is damaged\. ant was unloaded to make room for it"):
            await visit(engines, "cow")
        assert await visit(engines, "ant") == "ant"


async def test_a_model_in_use_is_waited_for_and_not_used_anew(machine: Machine) -> None:
    async with engines_of(machine) as engines, AsyncExitStack() as using:
        await using.enter_async_context(engines.use("ant"))
        large = asyncio.create_task(visit(engines, "cow"))
        await settle()
        late = asyncio.create_task(visit(engines, "ant"))  # must not keep the others waiting for ever
        await settle()
        assert (machine.closed, large.done(), late.done()) == ([], False, False)
        await using.aclose()
        assert (await large, await late) == ("cow", "ant")
    assert [name for name, _ in machine.started] == ["ant", "cow", "ant"]
    assert machine.closed == ["ant", "cow", "ant"]


async def test_the_context_is_halved_where_memory_is_short_and_else_the_numbers_are_said(machine: Machine) -> None:
    async with engines_of(machine) as engines:
        machine.memory = 10_500_000
        async with engines.use("cow") as ready:
            assert ready.engine.context_length == 2048
        await engines.unload()
        machine.memory = 9_000_000
        with pytest.raises(ModelUnavailable, match=r"cow\.gguf needs 10 MB .* 2048 tokens, 9 MB are free"):
            await visit(engines, "cow")
        machine.memory = 13_000_000  # nothing was started, so nothing has failed: it may be tried at once
        assert await visit(engines, "cow") == "cow"
    assert [context for _, context in machine.started] == [2048, 4000]


async def test_memory_that_a_model_has_not_touched_yet_is_not_given_twice(
    machine: Machine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(
        "backend.engines.resident_models.memory_free", lambda: machine.memory
    )  # weights are mapped: all looks free
    async with engines_of(machine) as engines:
        await visit(engines, "ant")
        await visit(engines, "bee")
        assert held(engines) == ["ant", "bee"]
        await visit(engines, "cow")
        assert held(engines) == ["cow"]


async def test_what_failed_is_not_tried_at_once_unless_its_file_is_another(machine: Machine) -> None:
    metrics = Metrics()
    machine.failing["ant"] = "ant.gguf is damaged"
    async with engines_of(machine, metrics) as engines:
        engines._residents._backoff = Backoff(lambda: 0.0)  # no time passes
        for said in (r"^ant\.gguf is damaged$", r"^ant\.gguf is damaged; it failed just now and is tried again in 2 s"):
            with pytest.raises(ModelUnavailable, match=said):
                await visit(engines, "ant")
        assert ([name for name, _ in machine.started], metrics.load_failures) == (["ant"], 1)
        del machine.failing["ant"]
        (machine.folder / "ant.gguf").write_bytes(b"downloaded again")
        assert await visit(engines, "ant") == "ant"


async def test_a_model_is_loaded_ahead_but_nobody_has_to_leave_who_is_at_work(machine: Machine) -> None:
    async with engines_of(machine) as engines:
        engines.preload("ant")
        engines.preload("nope")  # the question will say it
        await settle()
        assert held(engines) == ["ant"]
        async with engines.use("ant"):
            engines.preload("cow")
            await settle()
            assert (held(engines), [name for name, _ in machine.started]) == (["ant"], ["ant"])
        engines.preload("cow")
        await settle()
        assert held(engines) == ["cow"]


async def test_unloading_ends_a_load_and_tells_who_waits(machine: Machine) -> None:
    machine.gates["ant"] = asyncio.Event()
    async with engines_of(machine) as engines:
        waiting = asyncio.create_task(visit(engines, "ant"))
        engines.preload("bee")
        await settle()
        await engines.unload()
        with pytest.raises(ModelUnavailable, match="ant was unloaded while it was being loaded"):
            await waiting
    assert machine.cancelled == ["ant"]


async def test_a_question_is_told_how_far_the_load_is(machine: Machine) -> None:
    told: list[tuple[int, int, int | None]] = []
    async with (
        engines_of(machine) as engines,
        engines.use("ant", watch=lambda done, total, eta_ms: told.append((done, total, eta_ms))),
    ):
        assert [(done, total) for done, total, _ in told] == [(25, 100)]
        assert told[0][2] is not None


async def test_models_on_a_gpu_follow_one_another(machine: Machine, tmp_path: Path) -> None:
    settings = settings_in(tmp_path, models_dir=machine.folder, n_gpu_layers=-1)
    engines = machine.made(settings)
    assert [await visit(engines, name) for name in ("ant", "bee")] == ["ant", "bee"]
    assert machine.closed == ["ant"]
    await engines.unload()


steps = st.lists(
    st.tuples(st.sampled_from(["ant", "bee", "cow"]), st.sampled_from(["use", "hold", "cancel", "fail"])),
    max_size=12,
)


@given(steps)
@examples(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
async def test_any_order_of_users_keeps_within_the_memory_and_leaves_nothing(
    machine: Machine, steps: list[tuple[str, str]]
) -> None:
    machine.failing.clear()
    engines = machine.made(settings_in(machine.folder.parent, models_dir=machine.folder))
    asked: list[asyncio.Task[str]] = []
    for name, step in steps:
        if step == "fail":
            machine.failing[name] = "broken"
        task = asyncio.create_task(visit(engines, name) if step != "hold" else _stay(engines, name))
        asked.append(task)
        await asyncio.sleep(0)
        if step == "cancel":
            task.cancel()
    async with asyncio.timeout(PATIENCE_S):
        done = await asyncio.gather(*asked, return_exceptions=True)
        for (name, _), result in zip(steps, done, strict=True):
            assert result == name or isinstance(result, ModelError | asyncio.CancelledError)
        machine.failing.clear()
        for name in {name for name, _ in steps}:
            (machine.folder / f"{name}.gguf").write_bytes(b"x" * len(machine.started))
            assert await visit(engines, name) == name
        await engines.unload()
    assert machine.used == 0


async def _stay(engines: EnginePool, name: str) -> str:
    async with engines.use(name) as ready:
        await asyncio.sleep(0.002)
        return ready.engine.name
