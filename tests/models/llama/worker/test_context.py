"""Cancel inside llama.cpp itself, and the effect of copying, cutting and saving cells on the next token."""

from collections.abc import Iterator

import pytest

from models.llama.bindings import library
from models.llama.kernels import EXTRA_BUFFERS, FLASH_ATTENTION
from models.llama.worker.context import Cancel, ContextOptions, LlamaContext
from models.llama.worker.vocabulary import Vocabulary
from tests.proved_kernels import proved_kernels
from tests.tiny_gguf import PHI3

pytestmark = pytest.mark.process


class _Late(Cancel):
    """Set, but only llama.cpp's own check sees it, as when it is set during an evaluation."""

    def __bool__(self) -> bool:
        return False


@pytest.fixture
def context() -> Iterator[LlamaContext]:
    kernels = proved_kernels(PHI3.path)
    vocabulary = Vocabulary.load(PHI3.path, extra_buffers=EXTRA_BUFFERS in kernels)
    flash = FLASH_ATTENTION in kernels
    found = LlamaContext(
        vocabulary.model, ContextOptions(256, 1, sequences=4, rows=32, outputs=8, flash_attention=flash)
    )
    yield found
    found.close()
    vocabulary.close()


def evaluate(context: LlamaContext, sequence: int, begin: int, *tokens: int) -> list[float]:
    """The logits after the last of these tokens."""
    last = len(tokens) - 1
    assert context.evaluate([(sequence, begin + n, token, n == last) for n, token in enumerate(tokens)])
    return list(library().llama_get_logits_ith(context.pointer, last)[:1000])


def test_an_aborted_evaluation_adds_nothing(context: LlamaContext) -> None:
    before = evaluate(context, 0, 0, 1, 2, 3)
    late = _Late()
    context.cancel, normal = late, context.cancel
    normal.set()
    assert not context.evaluate([(0, 3, 4, False), (0, 4, 5, True), (1, 0, 6, True)])
    normal.clear()
    assert context.cut(0, 2)
    assert evaluate(context, 0, 2, 3) == pytest.approx(before, abs=1e-4)


def test_a_cancel_that_is_set_before_evaluates_nothing(context: LlamaContext) -> None:
    context.cancel.set()
    assert not context.evaluate([(0, 0, 1, True)])


def test_a_forked_sequence_continues_like_its_source(context: LlamaContext) -> None:
    evaluate(context, 0, 0, 1, 2, 3)
    context.copy(0, 1, 2)
    assert evaluate(context, 1, 2, 9, 7) != evaluate(context, 0, 3, 7)
    context.cut(1, 2)
    assert evaluate(context, 1, 2, 3, 7) == pytest.approx(evaluate(context, 2, 0, 1, 2, 3, 7), abs=1e-4)


def test_a_restored_state_continues_like_the_saved_one(context: LlamaContext) -> None:
    evaluate(context, 0, 0, *range(10, 30))
    state = context.save(0, 0, 20)
    context.cut(0, 0)
    assert context.restore(3, state, 0, 20)
    assert evaluate(context, 3, 20, 5) == pytest.approx(evaluate(context, 1, 0, *range(10, 30), 5), abs=1e-4)


def test_a_part_of_a_state_is_appended_to_a_sequence(context: LlamaContext) -> None:
    evaluate(context, 0, 0, *range(10, 30))
    state = context.save(0, 8, 20)
    assert len(state) < 0.7 * len(context.save(0, 0, 20))
    context.copy(0, 1, 10)
    context.cut(0, 0)
    assert context.restore(1, state, 10, 18)  # of what it is of, what is missing and what is wanted
    assert evaluate(context, 1, 18, 5) == pytest.approx(evaluate(context, 2, 0, *range(10, 28), 5), abs=1e-4)


def test_a_truncated_state_is_refused_and_adds_nothing(context: LlamaContext) -> None:
    before = evaluate(context, 0, 0, 1, 2, 3)
    state = context.save(0, 0, 3)
    assert not context.restore(1, state[:100], 0, 3)
    context.cut(0, 2)
    assert not context.restore(0, state[:100], 2, 3)
    assert evaluate(context, 0, 2, 3) == pytest.approx(before, abs=1e-4)
