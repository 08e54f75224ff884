"""The searchers of a server: those used last stay in memory, and any other is made again."""

from pathlib import Path

from backend.indexing import indexes as module
from backend.indexing.embedders import Embedders
from backend.indexing.indexes import Indexes
from backend.indexing.workers import no_workers
from indexer.embedding.base import HashEmbedder
from indexer.update.refresh import refresh
from tests.indexer.harness import lay_out


def test_the_searchers_used_last_stay_and_the_others_are_made_again(tmp_path: Path) -> None:
    indexes = Indexes(tmp_path / "indexes", Embedders(HashEmbedder(), HashEmbedder), no_workers())
    ids = []
    for number in range(module.SEARCHERS + 1):
        store = indexes.store(str(lay_out(tmp_path / f"code{number}", {"a.py": f"def load{number}(): pass\n"})))
        refresh(store, HashEmbedder())
        ids.append(store.id)
    first, second = indexes.searcher(ids[0]), indexes.searcher(ids[1])
    for codebase in [*ids[2:-1], ids[0], ids[-1]]:
        assert indexes.searcher(codebase).find("load").hits[0].path == "a.py"
    assert [bool(indexes.codebases.get(codebase)._database._idle) for codebase in ids] == [True, False, *[True] * 4]
    assert list(indexes._searchers) == [*ids[2:-1], ids[0], ids[-1]]
    assert indexes.searcher(ids[0]) is first
    again = indexes.searcher(ids[1])
    assert again is not second
    assert [hit.symbol for hit in again.find("load1").hits] == ["load1"]
