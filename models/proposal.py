"""Which model of the catalogue this machine is proposed, by its memory, and how that is said. Knows no files."""

from collections.abc import Callable

from models.gguf.reader import human_bytes
from models.hardware import memory_limit
from models.types import ModelSpec

# From the smallest on; each answers better, and more slowly, than the one before.
TIERS = ("smollm2-135m", "qwen2.5-coder-0.5b", "qwen2.5-coder-1.5b", "phi3-mini", "llama3.1-8b")
DEFAULT = "qwen2.5-coder-1.5b"  # the largest that is proposed: two cores answer in half a minute with it
_SHARE = 2  # a model may take half of the memory: editors, browsers and compilers want the rest


def fits(spec: ModelSpec) -> bool:
    """Whether this machine can hold a model beside other programs; what needs an unknown amount, it can."""
    return spec.memory_bytes * _SHARE <= memory_limit()


def proposed(spec_of: Callable[[str], ModelSpec]) -> ModelSpec | None:
    """The largest tier up to the default that fits; None where not even the smallest does."""
    return _largest(spec_of, TIERS[: TIERS.index(DEFAULT) + 1])


def order(spec: ModelSpec) -> str:
    """How to get a model: `lantern models pull NAME` (1.1 GB, Apache-2.0)."""
    facts = (human_bytes(spec.size_bytes) if spec.size_bytes else "", spec.licence)
    told = ", ".join(fact for fact in facts if fact)
    return f"`lantern models pull {spec.name}`" + (f" ({told})" if told else "")


def advice(spec_of: Callable[[str], ModelSpec]) -> str:
    """What this machine can hold and what it is proposed, in words."""
    best, most = proposed(spec_of), _largest(spec_of, TIERS)
    memory = human_bytes(memory_limit())
    if best is None or most is None:
        need = human_bytes(spec_of(TIERS[0]).memory_bytes)
        return f"{memory} of memory here is too little: half of it may go to a model, and {TIERS[0]} needs {need}"
    also = "" if most == best else f"; {most.name} fits, too, and answers better but more slowly"
    return f"{memory} of memory here, half of it for a model: {order(best)} is proposed{also}"


def none_installed(spec_of: Callable[[str], ModelSpec]) -> str:
    """Said where a model would have answered."""
    best = proposed(spec_of)
    return f"No model is installed: {order(best)} adds one." if best else f"No model: {advice(spec_of)}."


def not_installed(spec: ModelSpec, spec_of: Callable[[str], ModelSpec]) -> str:
    """Said where this one would have answered."""
    told = f"Model {spec.name} is not installed: {order(spec)} adds it."
    if fits(spec):
        return told
    return f"{told} It needs {human_bytes(spec.memory_bytes)} of memory. {advice(spec_of)}."


def _largest(spec_of: Callable[[str], ModelSpec], names: tuple[str, ...]) -> ModelSpec | None:
    return next((spec for spec in map(spec_of, reversed(names)) if fits(spec)), None)
