"""The prefix tree against a simple model: lists of tokens, each with its cell."""

from hypothesis import given
from hypothesis import strategies as st

from models.llama.kv.prefix_tree import PrefixTree, common_prefix

SEQUENCES = range(4)
tokens = st.lists(st.integers(0, 2), max_size=6)
steps = st.lists(
    st.one_of(
        st.tuples(st.just("append"), st.sampled_from(SEQUENCES), tokens),
        st.tuples(st.just("cut"), st.sampled_from(SEQUENCES), st.integers(0, 12)),
        st.tuples(st.just("fork"), st.sampled_from(SEQUENCES), st.sampled_from(SEQUENCES), st.integers(0, 12)),
    ),
    max_size=30,
)


@given(steps)
def test_the_tree_matches_a_model_of_the_cells(steps: list[tuple[object, ...]]) -> None:
    tree = PrefixTree()
    expected: dict[int, list[tuple[int, int]]] = {sequence: [] for sequence in SEQUENCES}  # (token, its cell)
    cells = iter(range(10_000))
    for step in steps:
        match step:
            case ("append", int(sequence), list(more)):
                tree.append(sequence, more)
                expected[sequence] += [(token, next(cells)) for token in more]
            case ("cut", int(sequence), int(length)):
                tree.cut(sequence, length)
                del expected[sequence][length:]
            case ("fork", int(source), int(sequence), int(length)) if not expected[sequence]:
                length = min(length, len(expected[source]))
                tree.fork(source, sequence, length)
                expected[sequence] = expected[source][:length]
        assert [tree.tokens(sequence) for sequence in SEQUENCES] == [[t for t, _ in expected[s]] for s in SEQUENCES]
        assert tree.cells == len({cell for pairs in expected.values() for _, cell in pairs})
        assert tree.cells_of({0, 2}) == len({cell for s in (0, 2) for _, cell in expected[s]})


@given(steps, tokens)
def test_the_longest_prefix_is_found_with_the_sequences_that_hold_it(
    steps: list[tuple[object, ...]], wanted: list[int]
) -> None:
    tree = PrefixTree()
    for step in steps:
        match step:
            case ("append", int(sequence), list(more)):
                tree.append(sequence, more)
            case ("cut", int(sequence), int(length)):
                tree.cut(sequence, length)
            case ("fork", int(source), int(sequence), int(length)) if sequence not in tree:
                tree.fork(source, sequence, min(length, tree.length(source)))
    length, holders = tree.longest(wanted)
    assert length == max(common_prefix(tree.tokens(sequence), wanted) for sequence in SEQUENCES)
    assert all(tree.tokens(sequence)[:length] == wanted[:length] for sequence in holders)
    assert holders or not length


@given(tokens, tokens, st.integers(0, 3))
def test_common_prefix_counts_equal_tokens(cells: list[int], wanted: list[int], start: int) -> None:
    count = 0
    while count < min(len(cells), len(wanted) - start) and cells[count] == wanted[start + count]:
        count += 1
    assert common_prefix(cells, wanted, start) == max(0, count)


def test_one_of_several_forks_leaves_the_others() -> None:
    tree = PrefixTree()
    tree.append(0, [1, 2, 3, 4])
    tree.fork(0, 1, 2)
    tree.append(1, [9])
    assert tree.cells == 5
    tree.cut(0, 0)
    assert (tree.tokens(1), tree.cells) == ([1, 2, 9], 3)
    assert tree.longest([1, 2, 3, 4]) == (2, {1})
