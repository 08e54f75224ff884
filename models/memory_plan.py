"""Which loaded models make room for another, and with how long a context it is loaded. Pure arithmetic over bytes."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

FLOOR = 2048  # tokens: a shorter context holds no code beside the question
SHARE = 4  # a model's snapshots may have a fourth of what it leaves free: models matter more


@dataclass(frozen=True, slots=True)
class ModelMemory:
    """The memory of a loaded model."""

    name: str
    need: int  # bytes that come back when it goes
    in_use: bool
    last_used: float  # any clock


@dataclass(frozen=True, slots=True)
class MemoryPlan:
    """What a load takes."""

    leaving: tuple[str, ...]  # models that go, in this order; those in use last
    context: int  # tokens


def plan(need: Callable[[int], int], want: int, room: int, held: Sequence[ModelMemory]) -> MemoryPlan | None:
    """The longest context of `want`, its half, ... that fits at all, and the fewest models that have to go for it.

    `need` gives the bytes of a context, `room` is what is free now. Idle models go before those in use, among both
    the least recently used first. None where not even the shortest context fits without them all.
    """
    at_most = room + sum(model.need for model in held)
    for context in contexts(want):
        if (bytes_needed := need(context)) <= at_most:
            return MemoryPlan(_leaving(bytes_needed - room, held), context)
    return None


def snapshots(want: int, left: int) -> int:
    """Bytes of memory for a model's snapshots: what is wanted, as far as what is `left` beside the model allows."""
    return min(want, max(0, left) // SHARE)


def contexts(want: int) -> Iterator[int]:
    """`want` tokens, half of it, and so on down to the floor."""
    yield want
    while want > FLOOR:
        want = max(want // 2, FLOOR)
        yield want


def _leaving(missing: int, held: Sequence[ModelMemory]) -> tuple[str, ...]:
    going: list[ModelMemory] = []
    for model in sorted(held, key=lambda model: (model.in_use, model.last_used)):
        if missing > 0:
            going.append(model)
            missing -= model.need
    for model in reversed(going[:-1]):  # a small one that went first may not be needed beside a large one
        if missing + model.need <= 0:
            going.remove(model)
            missing += model.need
    return tuple(model.name for model in going)
