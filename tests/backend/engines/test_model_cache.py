"""Loads are shared, not repeated at once after a failure, and started ahead; their progress is reported."""

import asyncio

import pytest

from backend.metrics import Metrics
from models.backoff import Backoff
from models.errors import ModelUnavailable
from tests.backend.engines.harness import Machine, machine, pool_of, resident, settle, visit
from tests.processes import eventually

pytestmark = pytest.mark.process

__all__ = ["machine"]


async def test_users_of_a_model_share_one_load(machine: Machine) -> None:
    machine.gates["ant"] = asyncio.Event()
    async with pool_of(machine) as engines:
        visits = [asyncio.create_task(visit(engines, "ant")) for _ in range(5)]
        await eventually(lambda: machine.started)
        assert next(s["state"] for s in engines.states() if s["id"] == "ant") == "loading"
        machine.gates["ant"].set()
        assert await asyncio.gather(*visits) == ["ant"] * 5
    assert machine.started == [("ant", 4000)]


async def test_a_user_who_goes_away_leaves_the_load_to_the_next(machine: Machine) -> None:
    machine.gates["ant"] = asyncio.Event()
    async with pool_of(machine) as engines:
        leaver = asyncio.create_task(visit(engines, "ant"))
        await eventually(lambda: machine.started)
        leaver.cancel()
        with pytest.raises(asyncio.CancelledError):
            await leaver
        machine.gates["ant"].set()
        assert await visit(engines, "ant") == "ant"
        await visit(engines, "cow")  # the one who left does not count as a user
        assert machine.closed == ["ant"]
    assert machine.starts == ["ant", "cow"]


async def test_the_old_model_serves_while_the_new_one_is_loaded(machine: Machine) -> None:
    machine.gates["bee"] = asyncio.Event()
    async with pool_of(machine) as engines:
        await visit(engines, "ant")
        loading = asyncio.create_task(visit(engines, "bee"))
        await eventually(lambda: "bee" in machine.starts)
        assert await visit(engines, "ant") == "ant"
        machine.gates["bee"].set()
        assert await loading == "bee"
    assert machine.started == [("ant", 4000), ("bee", 4000)]


async def test_a_load_that_fails_leaves_the_old_model_in_memory_if_both_fit(machine: Machine) -> None:
    machine.failing["bee"] = "bee.gguf is damaged"
    async with pool_of(machine) as engines:
        await visit(engines, "ant")
        with pytest.raises(ModelUnavailable, match=r"bee\.gguf is damaged\. ant stays loaded"):
            await visit(engines, "bee")
        assert (resident(engines), machine.closed) == (["ant"], [])
        machine.failing["cow"] = "cow.gguf is damaged"  # too large to be loaded beside the old one
        with pytest.raises(ModelUnavailable, match=r"cow\.gguf is damaged\. ant was unloaded to make room for it"):
            await visit(engines, "cow")
        assert await visit(engines, "ant") == "ant"


async def test_a_failed_load_is_not_repeated_at_once_unless_the_file_changed(machine: Machine) -> None:
    metrics = Metrics()
    machine.failing["ant"] = "ant.gguf is damaged"
    async with pool_of(machine, metrics) as engines:
        engines._cache._backoff = Backoff(lambda: 0.0)  # no time passes
        first, second = (
            r"^ant\.gguf is damaged$",
            r"^ant\.gguf is damaged; it failed just now and is tried again in 2 s",
        )
        for message in (first, second):
            with pytest.raises(ModelUnavailable, match=message):
                await visit(engines, "ant")
        assert (machine.starts, metrics.load_failures) == (["ant"], 1)
        del machine.failing["ant"]
        (machine.folder / "ant.gguf").write_bytes(b"downloaded again")
        assert await visit(engines, "ant") == "ant"


async def test_a_model_is_loaded_ahead_but_evicts_none_that_is_in_use(machine: Machine) -> None:
    async with pool_of(machine) as engines:
        engines.preload("ant")
        engines.preload("nope")  # the error is for the question that names it
        await eventually(lambda: resident(engines) == ["ant"])
        async with engines.use("ant"):
            engines.preload("cow")
            await settle()
            assert (resident(engines), machine.starts) == (["ant"], ["ant"])
        engines.preload("cow")
        await eventually(lambda: resident(engines) == ["cow"])


async def test_unloading_cancels_a_load_and_who_waits_gets_an_error(machine: Machine) -> None:
    machine.gates["ant"] = asyncio.Event()
    async with pool_of(machine) as engines:
        waiting = asyncio.create_task(visit(engines, "ant"))
        engines.preload("bee")
        await eventually(lambda: machine.started and engines._cache.state("bee") == "loading")
        await engines.unload()
        with pytest.raises(ModelUnavailable, match="ant was unloaded while it was being loaded"):
            await waiting
    assert machine.cancelled == ["ant"]


async def test_the_listener_of_a_load_gets_its_progress(machine: Machine) -> None:
    progress: list[tuple[int, int, int | None]] = []
    async with (
        pool_of(machine) as engines,
        engines.use("ant", listener=lambda done, total, eta_ms: progress.append((done, total, eta_ms))),
    ):
        assert [(done, total) for done, total, _ in progress] == [(25, 100)]
        assert progress[0][2] is not None
