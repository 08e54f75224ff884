"""Models share the memory: which are evicted, which are waited for, and how long a context is left for a new one."""

import asyncio
from collections.abc import Mapping
from contextlib import AsyncExitStack
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as examples
from hypothesis import strategies as st

from backend.engines.pool import EnginePool
from backend.engines.resident_models import InstalledModel, ResidentModel
from backend.metrics import Metrics
from models.errors import ModelError, ModelUnavailable
from models.scripted import ScriptedEngine
from models.types import ModelSpec
from prompts.formats import FORMATS
from tests.backend.engines.harness import (
    TIMEOUT_S,
    Machine,
    machine,
    pool_of,
    resident,
    set_free_memory,
    settle,
    visit,
)
from tests.backend.harness import settings_in
from tests.processes import eventually

pytestmark = pytest.mark.process

__all__ = ["machine"]


async def test_the_least_recently_used_model_is_evicted_if_room_is_needed(machine: Machine) -> None:
    metrics = Metrics()
    async with pool_of(machine, metrics) as engines:
        assert [await visit(engines, name) for name in ("ant", "bee", "ant")] == ["ant", "bee", "ant"]
        assert (resident(engines), machine.closed, metrics.swaps) == (["ant", "bee"], [], 0)
        machine.memory = 16_000_000  # the new one needs 11 MB: one has to be evicted
        machine.weights["cow"] = 7_000_000
        await visit(engines, "cow")
        assert (resident(engines), machine.closed) == (["ant", "cow"], ["bee"])
        assert (metrics.loads, metrics.swaps, metrics.resident) == (3, 1, {"ant": 5_000_000, "cow": 11_000_000})
    assert metrics.resident == {}


async def test_snapshots_have_a_share_of_what_models_leave_free(machine: Machine) -> None:
    async with pool_of(machine, kv_ram_mb=2048) as engines:
        await visit(engines, "ant")  # leaves 8 MB
        await visit(engines, "bee")  # leaves 1 MB beside that
        assert machine.snapshots == {"ant": 2_000_000, "bee": 250_000}
        assert (resident(engines), machine.used) == (["ant", "bee"], 12_250_000)
        listed = {state["id"]: state["resident_bytes"] for state in engines.states() if "resident_bytes" in state}
        assert listed == {"ant": 7_000_000, "bee": 5_250_000}
        await visit(engines, "cow")
        assert (resident(engines), machine.snapshots["cow"]) == (["cow"], 250_000)


def test_snapshots_that_were_made_are_not_counted_twice() -> None:
    class WithSnapshots(ScriptedEngine):
        snapshot_bytes = 0.0

        @property
        def metrics(self) -> Mapping[str, float]:
            return {"snapshot_ram_bytes": self.snapshot_bytes}

    model = InstalledModel(ModelSpec("ant", ()), Path("ant.gguf"), 4000)
    engine = WithSnapshots()
    loaded = ResidentModel(model, engine, FORMATS["phi3"], need=900, snapshots=300, untouched_bytes=500)
    unallocated = []
    for engine.snapshot_bytes in (0.0, 100.0, 600.0):  # the last exceeds the limit: snapshots wait for the disk
        unallocated.append(loaded.unallocated_bytes)
    assert unallocated == [500, 400, 200]


async def test_no_model_is_refused_for_its_snapshots(machine: Machine) -> None:
    machine.memory = 5_000_000
    async with pool_of(machine, kv_ram_mb=2048) as engines:
        assert await visit(engines, "ant") == "ant"
        assert (machine.started, machine.snapshots) == ([("ant", 4000)], {"ant": 0})


async def test_snapshots_have_no_more_than_the_setting_says(machine: Machine) -> None:
    async with pool_of(machine, kv_ram_mb=1) as engines:
        await visit(engines, "ant")
        assert machine.snapshots == {"ant": 1 << 20}


async def test_a_model_in_use_is_waited_for_and_gets_no_new_users(machine: Machine) -> None:
    async with pool_of(machine) as engines, AsyncExitStack() as using:
        await using.enter_async_context(engines.use("ant"))
        large = asyncio.create_task(visit(engines, "cow"))
        await eventually(lambda: (ant := engines._cache.get("ant")) and ant.evicting)
        late = asyncio.create_task(visit(engines, "ant"))  # else new users could keep it in memory for ever
        await settle()
        assert (machine.closed, large.done(), late.done()) == ([], False, False)
        await using.aclose()
        assert (await large, await late) == ("cow", "ant")
    assert machine.starts == ["ant", "cow", "ant"]
    assert machine.closed == ["ant", "cow", "ant"]


async def test_the_context_is_halved_if_memory_is_short_and_a_refusal_has_the_numbers(machine: Machine) -> None:
    async with pool_of(machine) as engines:
        machine.memory = 10_500_000
        async with engines.use("cow") as lease:
            assert lease.engine.context_length == 2048
        await engines.unload()
        machine.memory = 9_000_000
        with pytest.raises(ModelUnavailable, match=r"cow\.gguf needs 10 MB .* 2048 tokens, 9 MB are free"):
            await visit(engines, "cow")
        machine.memory = 13_000_000  # nothing was started, so no load failed: it may be tried at once
        assert await visit(engines, "cow") == "cow"
    assert [context for _, context in machine.started] == [2048, 4000]


async def test_memory_that_a_model_has_not_touched_yet_is_not_planned_twice(
    machine: Machine, monkeypatch: pytest.MonkeyPatch
) -> None:
    set_free_memory(monkeypatch, lambda: machine.memory)  # weights are mapped: all memory looks free
    async with pool_of(machine) as engines:
        await visit(engines, "ant")
        await visit(engines, "bee")
        assert resident(engines) == ["ant", "bee"]
        await visit(engines, "cow")
        assert resident(engines) == ["cow"]


async def test_a_model_on_a_gpu_replaces_the_one_before(machine: Machine, tmp_path: Path) -> None:
    settings = settings_in(tmp_path, models_dir=machine.folder, n_gpu_layers=-1)
    engines = machine.pool(settings)
    assert [await visit(engines, name) for name in ("ant", "bee")] == ["ant", "bee"]
    assert machine.closed == ["ant"]
    await engines.unload()


steps = st.lists(
    st.tuples(st.sampled_from(["ant", "bee", "cow"]), st.sampled_from(["use", "hold", "cancel", "fail"])),
    max_size=12,
)


@given(steps)
@examples(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
async def test_any_order_of_users_stays_within_the_memory_and_leaks_nothing(
    machine: Machine, steps: list[tuple[str, str]]
) -> None:
    machine.failing.clear()
    engines = machine.pool(settings_in(machine.folder.parent, models_dir=machine.folder))
    users: list[asyncio.Task[str]] = []
    for name, step in steps:
        if step == "fail":
            machine.failing[name] = "broken"
        task = asyncio.create_task(visit(engines, name) if step != "hold" else _stay(engines, name))
        users.append(task)
        await asyncio.sleep(0)
        if step == "cancel":
            task.cancel()
    async with asyncio.timeout(TIMEOUT_S):
        results = await asyncio.gather(*users, return_exceptions=True)
        for (name, _), result in zip(steps, results, strict=True):
            assert result == name or isinstance(result, ModelError | asyncio.CancelledError)
        machine.failing.clear()
        for name in {name for name, _ in steps}:
            (machine.folder / f"{name}.gguf").write_bytes(b"x" * len(machine.started))
            assert await visit(engines, name) == name
        await engines.unload()
    assert machine.used == 0


async def _stay(engines: EnginePool, name: str) -> str:
    async with engines.use(name) as lease:
        await asyncio.sleep(0.002)
        return lease.engine.name
