"""What commits say of a report's candidates, on numbers that can be checked by hand, and in a search."""

from pathlib import Path

import pytest

from indexer.embedding.base import HashEmbedder
from indexer.search.cochange import cochange_scores
from indexer.search.searcher import Searcher
from indexer.storage.codebases import Codebases
from indexer.storage.store import Store
from indexer.update.refresh import refresh
from tests.indexer.repository import commit, git

REPORT = "The total of an order is wrong when it is sent abroad. " * 5


def test_a_file_gains_by_what_changed_with_it_and_by_how_lately_it_changed() -> None:
    gained = cochange_scores({"a": 4.0, "b": 1.0, "c": 1.0}, {0: ["a", "b"], 200: ["a"], 400: ["c"]})
    # a goes two thirds of its way by the last commit, to b alone; b by its only one, to a; of c a quarter is left.
    assert gained == pytest.approx({"a": (1 / 4 + 1) / 2, "b": (2 / 3 + 1) / 2, "c": 1 / 4 / 2})


def test_what_no_commit_changed_gains_nothing() -> None:
    assert cochange_scores({"a": 1.0}, {}) == {}


def test_files_share_what_comes_through_one_commit() -> None:
    gained = cochange_scores({"a": 2.0, "b": 0.0, "c": 0.0}, {0: ["a", "b", "c"]})
    assert gained == pytest.approx({"a": 1 / 2, "b": (1 / 2 + 1) / 2, "c": (1 / 2 + 1) / 2})


@pytest.fixture
def shop(tmp_path: Path) -> Store:
    """Three files alike to a report; `tax.py` changed with the best one, last of all."""
    root = tmp_path / "shop"
    root.mkdir()
    git(root, "init")
    alike = "def {name}(order):\n    return order.total\n"
    files = {f"{name}.py": alike.format(name=name) for name in ("duty", "freight", "tax")}
    commit(root, "Begin", files | {"order.py": "def total(order):\n    return sum(order)\n"})
    again = {"tax.py": files["tax.py"] + "\n\nX = 1\n", "order.py": "def total(order):\n    return sum(order or ())\n"}
    commit(root, "Total of an empty order", again)
    for n in range(2):
        commit(root, f"Readme {n}", {"README.md": f"# Shop {n}\n"})
    store = Codebases(tmp_path / "indexes").open(root)
    refresh(store, HashEmbedder())
    return store


def test_a_report_finds_what_changed_with_its_best_file_and_a_question_does_not(shop: Store) -> None:
    searcher = Searcher(shop, HashEmbedder())
    hits = {hit.path: hit for hit in searcher.search(REPORT)}
    assert hits["tax.py"].why.graph > hits["duty.py"].why.graph > 0.0
    asked = searcher.search("where is the total of an order")
    assert asked
    assert [hit.why.graph for hit in asked if hit.path == "tax.py"] == [0.0]


def test_a_new_commit_is_known_after_the_next_look_and_asks_for_no_file_again(shop: Store) -> None:
    with shop.read() as snapshot:
        assert snapshot.commits_of(["tax.py", "duty.py"]) == {2: ["tax.py"], 3: ["duty.py", "tax.py"]}
    (shop.root / "README.md").write_text("# Closed\n")
    refresh(shop, HashEmbedder())
    git(shop.root, "commit", "-am", "Closed")
    assert refresh(shop, HashEmbedder()).changed == 0
    with shop.read() as snapshot:
        assert snapshot.commits_of(["tax.py"]) == {3: ["tax.py"], 4: ["tax.py"]}
        before = snapshot.version
    refresh(shop, HashEmbedder())
    with shop.read() as snapshot:
        assert snapshot.version == before


def test_a_commit_of_very_many_files_says_nothing(shop: Store) -> None:
    commit(shop.root, "Licence", {f"f{n}.py": f"x = {n}\n" for n in range(30)} | {"tax.py": "# free\n"})
    refresh(shop, HashEmbedder())
    with shop.read() as snapshot:
        assert snapshot.commits_of(["f0.py", "tax.py"]) == {3: ["tax.py"], 4: ["tax.py"]}


def test_what_git_cannot_tell_leaves_what_is_known(shop: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    commit(shop.root, "More", {"tax.py": "# more\n"})
    monkeypatch.setattr("indexer.update.refresh.commits", lambda root: None)
    refresh(shop, HashEmbedder())
    with shop.read() as snapshot:
        assert snapshot.commits_of(["tax.py"]) == {2: ["tax.py"], 3: ["tax.py"]}
    monkeypatch.undo()
    refresh(shop, HashEmbedder())
    with shop.read() as snapshot:
        assert snapshot.commits_of(["tax.py"]) == {0: ["tax.py"], 3: ["tax.py"], 4: ["tax.py"]}


def test_a_look_at_some_files_asks_git_for_no_commits(shop: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    commit(shop.root, "More", {"tax.py": "# more\n"})
    monkeypatch.setattr("indexer.update.refresh.commits", lambda root: pytest.fail("git was asked"))
    assert refresh(shop, HashEmbedder(), only=["tax.py"]).changed == 1
