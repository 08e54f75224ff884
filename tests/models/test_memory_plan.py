"""Which models are evicted for which: properties of every plan, and a few cases worked out by hand."""

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from models.memory_plan import MIN_CONTEXT, MemoryPlan, ModelMemory, contexts, plan

WEIGHTS = 1000


def need(context: int) -> int:
    return WEIGHTS + context


loaded_models = st.lists(
    st.builds(ModelMemory, st.just(""), st.integers(0, 20_000), st.booleans(), st.integers(0, 50)), max_size=6
).map(lambda models: [ModelMemory(f"m{n}", m.need, m.in_use, m.last_used) for n, m in enumerate(models)])


@given(st.integers(1, 40_000), st.integers(-5_000, 40_000), loaded_models)
def test_a_plan_evicts_as_little_as_possible_for_the_longest_context(
    want: int, room: int, loaded: list[ModelMemory]
) -> None:
    result = plan(need, want, room, loaded)
    available = room + sum(model.need for model in loaded)
    possible = [context for context in contexts(want) if need(context) <= available]
    if result is None:
        assert not possible
        return
    assert result.context == max(possible)
    evicted = [next(model for model in loaded if model.name == name) for name in result.to_evict]
    freed = sum(model.need for model in evicted)
    assert room + freed >= need(result.context)
    for model in evicted:  # none is evicted needlessly
        assert room + freed - model.need < need(result.context)
    idle = [model for model in loaded if not model.in_use]
    if any(model.in_use for model in evicted):  # one in use is evicted only if all idle ones do not suffice
        assert room + sum(model.need for model in idle) < need(result.context)
    assert [model.in_use for model in evicted] == sorted(model.in_use for model in evicted)


@given(st.integers(1, 1 << 20))
def test_contexts_halve_down_to_the_floor(want: int) -> None:
    ladder = list(contexts(want))
    assert ladder[0] == want
    assert min(ladder) == min(want, MIN_CONTEXT)
    assert all(after in (before // 2, MIN_CONTEXT) for before, after in pairwise(ladder))


def test_the_least_recently_used_model_is_evicted_first() -> None:
    old, young, busy = (
        ModelMemory("old", 5000, False, 1),
        ModelMemory("young", 5000, False, 2),
        ModelMemory("busy", 5000, True, 0),
    )
    loaded = [busy, young, old]
    assert plan(need, 4000, 5000, loaded) == MemoryPlan((), 4000)
    assert plan(need, 4000, 4999, loaded) == MemoryPlan(("old",), 4000)
    assert plan(need, 8000, 0, loaded) == MemoryPlan(("old", "young"), 8000)
    assert plan(need, 10_000, 0, loaded) == MemoryPlan(("old", "young", "busy"), 10_000)


def test_a_small_model_stays_if_a_large_one_frees_enough() -> None:
    small, large = ModelMemory("small", 100, False, 1), ModelMemory("large", 9000, False, 2)
    assert plan(need, 4000, 0, [small, large]) == MemoryPlan(("large",), 4000)


def test_the_context_is_halved_before_a_load_is_refused() -> None:
    assert plan(need, 16_384, 6000, []) == MemoryPlan((), 4096)
    assert plan(need, 16_384, 3048, []) == MemoryPlan((), 2048)
    assert plan(need, 16_384, 3047, []) is None
    assert plan(need, 512, 1512, []) == MemoryPlan((), 512)
    assert plan(need, 512, 1511, []) is None
