"""Answers come from the files on disk, with secrets masked."""

from pathlib import Path

import pytest

from indexer.files.secrets.masking import Redacted, redact
from indexer.navigation.working_tree import WorkingTree
from tests.indexer.harness import World, put
from tests.indexer.navigation.harness import TREE, ask, lines_of

pytestmark = pytest.mark.process


def test_the_lines_are_those_on_disk_now(tmp_path: Path) -> None:
    world = World(tmp_path, {path: TREE[path] for path in ("shop/price.py", "shop/till.py")})
    world.refresh()
    put(world.root, "shop/price.py", "# new\n\n" + TREE["shop/price.py"].replace("tax=RATE", "tax=RATE, to=0"))
    put(world.root, "shop/till.py", TREE["shop/till.py"].replace("        # price(items) would be wrong\n", ""))
    found = ask(world.store, "where is price defined?")
    assert found is not None
    assert [(location.line, location.text) for location in found.locations] == [
        (6, "def price(item, *, tax=RATE, to=0)")
    ]
    assert [(hit.start_line, hit.end_line, hit.chunk_id, hit.fresh) for hit in found.hits] == [(6, 8, 0, True)]
    assert lines_of(ask(world.store, "who calls price?")) == [
        ("shop/price.py:16", "Money.show"),
        ("shop/till.py:8", "Till.total"),
        ("shop/till.py:11", "Till.each"),
    ]
    (world.root / "shop/price.py").unlink()
    assert ask(world.store, "where is price defined?") is None


def test_a_file_that_is_as_it_was_indexed_is_not_masked_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    tree = TREE | {"a.py": "\n\nx = 1\n\n\n# end", "b.txt": "one\n\n\ntwo\n", "c.sh": "#!/bin/sh\ngo() {\n  :\n}\n"}
    world = World(tmp_path, tree)
    world.refresh()
    put(world.root, "lib/pool.h", "int pool_take(long n);\n")
    masked: list[str] = []

    def counted(text: str) -> Redacted:
        masked.append(text)
        return redact(text)

    monkeypatch.setattr("indexer.files.scan.redact", counted)
    with world.store.read() as snapshot:
        files = WorkingTree(world.root, snapshot)
        found = {path: files.source(path) for path in tree}
    texts = {path: source.text for path, source in found.items() if source}
    assert texts == tree | {"a.py": "\n\nx = 1\n\n\n# end\n", "lib/pool.h": "int pool_take(long n);\n"}
    assert masked == ["int pool_take(long n);\n"]
    assert {path: source.language for path, source in found.items() if source}["c.sh"] == "bash"


def test_a_secret_on_the_line_is_not_shown(tmp_path: Path) -> None:
    token = "ghp_" + "a1B2" * 9
    world = World(tmp_path, {"a.py": f"def log_in(t):\n    ...\n\n\nlog_in('{token}')\n"})
    world.refresh()
    found = ask(world.store, "who calls log_in?")
    assert found is not None
    assert [location.text for location in found.locations] == ["log_in('[secret removed]')"]
