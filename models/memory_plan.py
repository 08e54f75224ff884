"""Plans a load: which loaded models to evict and how long a context fits. Pure arithmetic over bytes."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

MIN_CONTEXT = 2048  # tokens: a shorter context has no room for code beside the question
SNAPSHOT_SHARE = 4  # snapshots may take a fourth of the memory that a model leaves free: models matter more


@dataclass(frozen=True, slots=True)
class ModelMemory:
    """The memory of a loaded model."""

    name: str
    need: int  # bytes that are freed when it is evicted
    in_use: bool
    last_used: float  # any clock


@dataclass(frozen=True, slots=True)
class MemoryPlan:
    """How a model is loaded."""

    to_evict: tuple[str, ...]  # models to evict, in this order; those in use last
    context: int  # tokens


def plan(
    bytes_for: Callable[[int], int], max_context: int, free_bytes: int, loaded: Sequence[ModelMemory]
) -> MemoryPlan | None:
    """The longest context of `max_context`, its half, ... that can fit, and the fewest models to evict for it.

    `bytes_for`: the bytes that a context of so many tokens needs. Idle models are evicted before those in use, in both
    groups the least recently used first. None where not even the shortest context fits without them all.
    """
    available = free_bytes + sum(model.need for model in loaded)
    for context in contexts(max_context):
        if (bytes_needed := bytes_for(context)) <= available:
            return MemoryPlan(_models_to_evict(bytes_needed - free_bytes, loaded), context)
    return None


def snapshot_bytes(want: int, left: int) -> int:
    """Bytes of memory for a model's snapshots: `want`, limited by a share of what is `left` beside the model."""
    return min(want, max(0, left) // SNAPSHOT_SHARE)


def contexts(longest: int) -> Iterator[int]:
    """`longest` tokens, half of it, and so on down to MIN_CONTEXT."""
    context = longest
    yield context
    while context > MIN_CONTEXT:
        context = max(context // 2, MIN_CONTEXT)
        yield context


def _models_to_evict(missing: int, loaded: Sequence[ModelMemory]) -> tuple[str, ...]:
    evicted: list[ModelMemory] = []
    for model in sorted(loaded, key=lambda model: (model.in_use, model.last_used)):
        if missing > 0:
            evicted.append(model)
            missing -= model.need
    for model in reversed(evicted[:-1]):  # a small one that was chosen first may be unnecessary after a large one
        if missing + model.need <= 0:
            evicted.remove(model)
            missing += model.need
    return tuple(model.name for model in evicted)
