"""Commits and the candidates of a report: on numbers that can be checked by hand, and in a search."""

from pathlib import Path

import pytest

from indexer.embedding.base import HashEmbedder
from indexer.search.cochange import cochange_scores
from indexer.search.searcher import Searcher
from indexer.storage.codebases import Codebases
from indexer.storage.store import Store
from indexer.update.refresh import refresh
from tests.indexer.repository import commit, git

pytestmark = pytest.mark.process

REPORT = "The total of an order is wrong when it is sent abroad. " * 5


def test_a_file_gains_by_what_changed_with_it_and_by_how_lately_it_changed() -> None:
    gained = cochange_scores({"a": 4.0, "b": 1.0, "c": 1.0}, {0: ["a", "b"], 200: ["a"], 400: ["c"]})
    # Two thirds of a's score go through the last commit, to b alone; all of b's through its only commit, to a. The
    # commit of c counts a quarter.
    assert gained == pytest.approx({"a": (1 / 4 + 1) / 2, "b": (2 / 3 + 1) / 2, "c": 1 / 4 / 2})


def test_without_commits_nothing_is_gained() -> None:
    assert cochange_scores({"a": 1.0}, {}) == {}


def test_the_files_of_a_commit_share_its_flow() -> None:
    gained = cochange_scores({"a": 2.0, "b": 0.0, "c": 0.0}, {0: ["a", "b", "c"]})
    assert gained == pytest.approx({"a": 1 / 2, "b": (1 / 2 + 1) / 2, "c": (1 / 2 + 1) / 2})


@pytest.fixture
def shop(tmp_path: Path) -> Store:
    """Three files that match a report equally; `tax.py` changed last, with the best one."""
    root = tmp_path / "shop"
    root.mkdir()
    git(root, "init")
    template = "def {name}(order):\n    return order.total\n"
    files = {f"{name}.py": template.format(name=name) for name in ("duty", "freight", "tax")}
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
    plain = searcher.search("where is the total of an order")
    assert plain
    assert [hit.why.graph for hit in plain if hit.path == "tax.py"] == [0.0]


def test_a_new_commit_is_indexed_by_the_next_refresh_without_indexing_files_again(shop: Store) -> None:
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


def test_a_commit_of_very_many_files_is_ignored(shop: Store) -> None:
    commit(shop.root, "Licence", {f"f{n}.py": f"x = {n}\n" for n in range(30)} | {"tax.py": "# free\n"})
    refresh(shop, HashEmbedder())
    with shop.read() as snapshot:
        assert snapshot.commits_of(["f0.py", "tax.py"]) == {3: ["tax.py"], 4: ["tax.py"]}


def test_if_git_fails_the_commits_in_the_index_stay(shop: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    commit(shop.root, "More", {"tax.py": "# more\n"})
    monkeypatch.setattr("indexer.update.refresh.changed_paths", lambda *_: None)
    refresh(shop, HashEmbedder())
    with shop.read() as snapshot:
        assert snapshot.commits_of(["tax.py"]) == {2: ["tax.py"], 3: ["tax.py"]}
    monkeypatch.undo()
    refresh(shop, HashEmbedder())
    with shop.read() as snapshot:
        assert snapshot.commits_of(["tax.py"]) == {0: ["tax.py"], 3: ["tax.py"], 4: ["tax.py"]}


def test_a_refresh_of_some_files_does_not_read_commits(shop: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    commit(shop.root, "More", {"tax.py": "# more\n"})
    monkeypatch.setattr("indexer.update.refresh.changed_paths", lambda *_: pytest.fail("git was called"))
    assert refresh(shop, HashEmbedder(), only=["tax.py"]).changed == 1
