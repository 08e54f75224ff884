"""Proposes a model of the catalogue for the memory of this machine, and words the proposal. Knows no files."""

from collections.abc import Callable

from models.gguf.reader import human_bytes
from models.hardware import memory_limit, physical_cores
from models.types import ModelSpec

# From small to large; each answers better and more slowly than the one before.
TIERS = ("smollm2-135m", "qwen2.5-coder-0.5b", "qwen2.5-coder-1.5b", "phi3-mini", "llama3.1-8b")
DEFAULT = "qwen2.5-coder-1.5b"  # the largest that is proposed: two cores answer in half a minute with it
# A token takes a fixed time and that of reading all weights: bytes that one core reads in a second, and how many cores
# help. On two cores, 0.5 GB make 16 tokens a second and 2.4 GB make 5 (docs/benchmarks.md).
_TOKEN_S, _CORE_BYTES_PER_S, _CORES = 0.015, 6.5e9, 6
_ANSWER_TOKENS = 250  # of an answer of usual length
_SHARE = 2  # a model may take half of the memory: editors, browsers and compilers want the rest


def fits(spec: ModelSpec) -> bool:
    """Whether a model fits beside other programs; a model of unknown need fits."""
    return spec.memory_bytes * _SHARE <= memory_limit()


def proposed(spec_of: Callable[[str], ModelSpec]) -> ModelSpec | None:
    """The largest tier up to DEFAULT that fits; None if not even the smallest does."""
    return _largest(spec_of, TIERS[: TIERS.index(DEFAULT) + 1])


def expectation(spec: ModelSpec, size_bytes: int, measured: float = 0.0) -> str:
    """What this machine makes of a model, in one sentence. `measured`: tokens a second, if it has run here."""
    need, have = spec.memory_bytes, memory_limit()
    if need > have:
        return f"Too large: it needs {human_bytes(need)} of memory, this machine has {human_bytes(have)}."
    memory = "Fits in memory" if fits(spec) else f"Takes {human_bytes(need)} of {human_bytes(have)} of memory"
    if not need:
        memory = "Its need of memory is not known"
    rate = measured or _guessed_rate(size_bytes)
    if not rate:
        return f"{memory}."
    about = "" if measured else "about "
    seconds = _ANSWER_TOKENS / rate
    length = f"{seconds:.0f} s" if seconds < 90 else f"{seconds / 60:.0f} minutes"
    return f"{memory}; {about}{_rounded(rate)} tokens a second, so an answer is written in {length}."


def _guessed_rate(size_bytes: int) -> float:
    """Tokens a second of a model with so many bytes of weights; 0 if they are not known."""
    if not size_bytes:
        return 0.0
    return 1 / (_TOKEN_S + size_bytes / (min(physical_cores(), _CORES) * _CORE_BYTES_PER_S))


def _rounded(rate: float) -> str:
    return f"{rate:.0f}" if rate >= 2 else f"{rate:.1f}"


def pull_command(spec: ModelSpec) -> str:
    """How to get a model: `lantern models pull NAME` (1.1 GB, Apache-2.0)."""
    facts = (human_bytes(spec.size_bytes) if spec.size_bytes else "", spec.licence)
    details = ", ".join(fact for fact in facts if fact)
    return f"`lantern models pull {spec.name}`" + (f" ({details})" if details else "")


def advice(spec_of: Callable[[str], ModelSpec]) -> str:
    """The memory of this machine and the proposed model, in words."""
    best, most = proposed(spec_of), _largest(spec_of, TIERS)
    memory = human_bytes(memory_limit())
    if best is None or most is None:
        need = human_bytes(spec_of(TIERS[0]).memory_bytes)
        return f"{memory} of memory here is too little: half of it may go to a model, and {TIERS[0]} needs {need}"
    also = "" if most == best else f"; {most.name} fits, too, and answers better but more slowly"
    return f"{memory} of memory here, half of it for a model: {pull_command(best)} is proposed{also}"


def none_installed(spec_of: Callable[[str], ModelSpec]) -> str:
    """The notice if no model is installed."""
    best = proposed(spec_of)
    return f"No model is installed: {pull_command(best)} adds one." if best else f"No model: {advice(spec_of)}."


def not_installed(spec: ModelSpec, spec_of: Callable[[str], ModelSpec]) -> str:
    """The notice if this model is not installed."""
    notice = f"Model {spec.name} is not installed: {pull_command(spec)} adds it."
    if fits(spec):
        return notice
    return f"{notice} It needs {human_bytes(spec.memory_bytes)} of memory. {advice(spec_of)}."


def _largest(spec_of: Callable[[str], ModelSpec], names: tuple[str, ...]) -> ModelSpec | None:
    return next((spec for spec in map(spec_of, reversed(names)) if fits(spec)), None)
