"""The training set and the held-out set share nothing."""

from indexer.training.dataset import Example, dataset, questions
from indexer.training.mine import Pair

LONG = "answer = compute_the_answer(of, the, question, and, wait, for_it)"


def test_held_out_code_is_in_no_other_package() -> None:
    held_out = Pair("doc", "Computes an answer", f"a.py f\n{LONG}")
    copied = Pair("doc", "Another text", f"b.py g\n{LONG.replace(' ', '  ')}")
    own = Pair("doc", "Waits for it", f"b.py h\n{LONG} + 1")
    data = dataset([("held-out", True, [held_out]), ("free", False, [copied, own])])
    assert data.held_out == [Example("doc", "Computes an answer", 0, "held-out")]
    assert data.train == [Example("doc", "Waits for it", 1, "free")]
    assert data.codes == [held_out.code, own.code]


def test_a_query_is_in_once_and_a_code_may_have_several_queries() -> None:
    code = f"a.py f\n{LONG}"
    pairs = [
        Pair("doc", "Opens it.", code),
        Pair("mention", "opens IT", code),
        Pair("long", "Opens it, then waits", code),
    ]
    data = dataset([("free", False, pairs)])
    assert {example.query.lower().strip(".") for example in data.train} == {"opens it", "opens it, then waits"}
    assert data.codes == [code]


def test_a_package_gives_at_most_150_questions() -> None:
    pairs = [Pair("doc", f"Text {n} of many", f"a.py f\n{LONG} + {n}") for n in range(400)]
    found = questions(dataset([("large", True, pairs), ("small", True, [Pair("doc", "Own text", f"b.py f\n{LONG}")])]))
    assert sorted(example.package for example in found) == ["large"] * 150 + ["small"]
