"""Packing: what is worth most first, never over its room, and only lines that are in the file."""

from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from indexer.types import Hit
from prompts.pack import MIN_LINES_TO_CUT, pack
from prompts.snippets import Piece, Place, place
from tests.prompts.harness import hit

BODY = ["    connect(host)", "", "    for row in rows:", "        total += row", "    log(total)", "    return total"]


def cost(piece: Piece) -> int:
    return len(piece.hit.text.split())


def long(n: int, lines: list[str], score: float = 1.0, signature: str = "") -> Hit:
    """A hit of these lines, which begin at line 10 * n of their file."""
    first = 10 * n
    text, last = "\n".join(lines), first + len(lines) - 1
    return replace(hit(n), text=text, start_line=first, end_line=last, score=score, signature=signature)


def places(pieces: list[Piece]) -> list[tuple[int, int, int]]:
    return [(piece.hit.chunk_id, piece.hit.start_line, piece.hit.end_line) for piece in pieces]


def packed(hits: list[Hit], question: str, room: int, shown: tuple[Place, ...] = ()) -> list[tuple[int, int, int]]:
    return places(pack(hits, question, room, cost, shown))


def test_all_is_whole_where_there_is_room() -> None:
    hits = [long(n, ["w"] * 20, 1 / n) for n in (1, 2, 3)]
    assert pack(hits, "?", 60, cost) == [Piece(one) for one in hits]
    assert pack([], "?", 60, cost) == []


def test_excerpts_of_the_best_come_before_the_rest_of_any() -> None:
    hits = [long(n, ["w"] * 20, score) for n, score in ((1, 1.0), (2, 0.9), (3, 0.1))]
    assert packed(hits, "?", 24) == [(1, 10, 21), (2, 20, 31)]
    assert packed(hits, "?", 40) == [(1, 10, 29), (2, 20, 39)]  # the third is worth less than their rest


def test_an_excerpt_is_where_the_question_is() -> None:
    lines = [
        "def sync(host):",
        *["    pass"] * 12,
        "    total = reconnect(host)",
        *["    pass"] * 3,
        "    return total",
    ]
    [piece] = pack([long(1, lines)], "what is the total after reconnecting?", 20, cost)
    assert piece.is_excerpt
    assert (piece.hit.start_line, piece.hit.end_line) == (17, 27)
    assert piece.hit.text == "\n".join(lines[7:18])
    assert piece.hit.doc == ""  # it is not among these lines


def test_of_what_fits_in_no_other_way_the_signature_is_shown() -> None:
    lines = [
        "@cached",
        "def load(path):",
        '    """Reads a file.',
        "",
        "    At length.",
        '    """',
        *["    a b c d e f"] * 30,
    ]
    whole = replace(long(1, lines, signature="def load(path)"), doc="Reads a file.\n\nAt length.")
    [piece] = pack([whole], "?", 40, cost)
    assert (piece.hit.start_line, piece.hit.end_line, piece.is_excerpt) == (10, 12, True)
    assert piece.hit.text == '@cached\ndef load(path):\n    """Reads a file.'


def test_what_is_no_text_of_lines_and_what_is_short_is_never_cut() -> None:
    sliced = replace(long(1, ["w " * 50]), end_line=40)
    short = long(2, ["w w"] * (MIN_LINES_TO_CUT - 1))
    assert packed([sliced, short], "?", 13) == []
    assert packed([sliced, short], "?", 14) == [(2, 20, 26)]


def test_what_was_shown_before_is_taken_as_it_was() -> None:
    whole = long(1, [f"w{n}" for n in range(20)])
    assert packed([whole], "?", 1, (place(whole),)) == []
    assert packed([whole], "?", 20, (place(whole),)) == [(1, 10, 29)]
    half = (whole.path, 15, 25, whole.sha)
    assert packed([whole], "w0 w1", 19, (half,)) == [(1, 15, 25)]
    assert packed([whole], "w0 w1", 19, ((whole.path, 15, 20, whole.sha),)) == [(1, 10, 21)]  # too little of it


def test_hits_without_a_score_that_tells_go_by_their_order() -> None:
    hits = [long(n, ["w"] * 20, 0.0) for n in (1, 2, 3)]
    assert packed(hits, "?", 12) == [(1, 10, 21)]


texts = st.lists(st.sampled_from(["", "    w", "    send(w) # w w", "def f(w):", *BODY]), min_size=1, max_size=30)
worlds = st.lists(st.tuples(texts, st.floats(0, 20), st.booleans()), max_size=8)


def hits_of(world: list[tuple[list[str], float, bool]]) -> list[Hit]:
    return [long(n, lines, score, "def f(w)" if signed else "") for n, (lines, score, signed) in enumerate(world, 1)]


@given(world=worlds, room=st.integers(0, 200), question=st.sampled_from(["", "who sends the total?", "return rows"]))
def test_pieces_are_lines_of_their_hits_within_the_room(
    world: list[tuple[list[str], float, bool]], room: int, question: str
) -> None:
    hits = hits_of(world)
    pieces = pack(hits, question, room, cost)
    assert sum(map(cost, pieces)) <= room
    ranks = [piece.hit.chunk_id for piece in pieces]
    assert ranks == sorted(set(ranks))
    for piece in pieces:
        whole = hits[piece.hit.chunk_id - 1]
        lines = whole.text.split("\n")[piece.hit.start_line - whole.start_line :]
        shown = piece.hit.text.split("\n")
        assert shown == lines[: len(shown)]
        assert piece.hit.end_line == piece.hit.start_line + len(shown) - 1
        assert piece.is_excerpt == (len(shown) < len(whole.text.split("\n")))


@given(world=worlds, room=st.integers(0, 200), more=st.integers(1, 40))
def test_more_room_never_shows_less(world: list[tuple[list[str], float, bool]], room: int, more: int) -> None:
    hits = hits_of(world)
    tight, ample = pack(hits, "who sends?", room, cost), pack(hits, "who sends?", room + more, cost)
    assert sum(map(cost, tight)) <= sum(map(cost, ample))
