"""Cancel inside llama.cpp itself: the evaluation stops between two nodes of its graph."""

from models.llama.context import Cancel, Context
from models.llama.vocabulary import Vocabulary
from models.types import Sampling
from tests.tiny_gguf import PHI3


class _Late(Cancel):
    """Set, but only llama.cpp's own check sees it: as when it is set in the middle of an evaluation."""

    def __bool__(self) -> bool:
        return False


def test_an_evaluation_that_is_cut_short_adds_nothing() -> None:
    vocabulary = Vocabulary.load(PHI3.path)
    context = Context(vocabulary.model, 256, threads=1)
    assert context.evaluate([1, 2, 3], Cancel())
    with context.chooser(Sampling(temperature=0)) as choose:
        before = choose()
    late = _Late()
    late.set()
    assert not context.evaluate([4, 5], late)
    assert context.held == [1, 2, 3]
    assert context.keep_common([1, 2, 3]) == 2
    assert context.evaluate([3], Cancel())
    with context.chooser(Sampling(temperature=0)) as choose:
        assert choose() == before
    context.close()
    vocabulary.close()


def test_the_cache_keeps_the_common_beginning_but_for_the_last_token() -> None:
    vocabulary = Vocabulary.load(PHI3.path)
    context = Context(vocabulary.model, 256, threads=1)
    context.evaluate([1, 10, 11, 12], Cancel())
    assert context.keep_common([1, 10, 99, 12]) == 2
    assert context.held == [1, 10]
    assert context.keep_common([1, 10]) == 1
    assert context.keep_common([7]) == 0
    context.close()
    vocabulary.close()
