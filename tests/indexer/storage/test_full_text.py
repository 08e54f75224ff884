"""The full-text index: its terms follow the chunks, its counts stay right, and its ranking."""

import sqlite3
from pathlib import Path

from indexer.parsing.identifiers import split
from tests.indexer.harness import World, put


def test_the_full_text_index_has_exactly_the_terms_of_the_chunks(tmp_path: Path) -> None:
    world = World(tmp_path)
    world.refresh()
    put(world.root, "app/config.py", "def read_settings(path):\n    return open(path)\n")
    (world.root / "web/page.js").unlink()
    world.refresh()
    with world.store.read() as snapshot:
        rows = snapshot.rows(snapshot.chunk_ids()).values()
        for term in ("config", "setting", "render", "read_settings", "load_config"):
            chunks = [r.chunk for r in rows]
            expected = {
                r.id
                for r, c in zip(rows, chunks, strict=True)
                if term in split(f"{c.path} {c.symbol} {c.signature} {c.doc} {c.text}")
            }
            assert {i for i, _ in snapshot.lexical([term], 99)} == expected, term
        assert snapshot.frequency(["render", "read_settings"]) == {"read_settings": 1}
    db = sqlite3.connect(world.database_file)
    db.execute("INSERT INTO terms (terms) VALUES ('integrity-check')")
    db.close()


def test_a_count_is_refreshed_when_it_may_be_off_by_one_percent(tmp_path: Path) -> None:
    def functions(n: int) -> str:
        return "".join(f"def load_{i}():\n    return {i}\n\n\n" for i in range(n))

    def frequency() -> int:
        with world.store.read() as snapshot:
            return snapshot.frequency(["load", "nowhere"])["load"]

    world = World(tmp_path, {"many.py": functions(400)})
    world.refresh()
    assert frequency() == 400
    put(world.root, "few.py", functions(3))
    world.refresh()
    assert frequency() == 400  # three were added: it may be off by 0.75 %
    put(world.root, "few.py", functions(2))
    world.refresh()
    assert frequency() == 402  # five more were added and deleted
    world.store.delete()
    put(world.root, "many.py", functions(1))
    world.refresh()
    assert frequency() == 3


def test_a_cached_count_is_never_above_the_number_of_chunks(tmp_path: Path) -> None:
    world = World(tmp_path, {f"src/m{n}.py": f"def f{n}():\n    return {n}\n" for n in range(200)})
    world.refresh()
    with world.store.read() as snapshot:
        assert snapshot.frequency(["src"]) == {"src": 200}
    (world.root / "src/m7.py").unlink()
    world.refresh()
    with world.store.read() as snapshot:
        assert snapshot.frequency(["src"]) == {"src": 199}
        assert len(snapshot.lexical(["src"], 999)) == 199


def test_words_with_diacritics_are_found_as_written(tmp_path: Path) -> None:
    files = {"a.py": "def f():\n    # Größe der Kiste, café\n    return 1\n", "b.py": "def g():\n    return cafe\n"}
    world = World(tmp_path, files)
    world.refresh()
    with world.store.read() as snapshot:
        for word in ("größe", "café"):
            (found,) = snapshot.lexical(split(word), 9)
            assert snapshot.rows([found[0]])[found[0]].file.path == "a.py"


def test_a_path_weighs_more_than_a_mention(tmp_path: Path) -> None:
    files = {"parser.py": "def run():\n    return 1\n", "other.py": "def go():\n    return parser\n", "c.py": "x = 1\n"}
    world = World(tmp_path, files)
    world.refresh()
    with world.store.read() as snapshot:
        (first, high), (second, low) = snapshot.lexical(["parser"], 9)
        assert [snapshot.rows([i])[i].file.path for i in (first, second)] == ["parser.py", "other.py"]
    assert high > low > 0


def test_a_search_in_some_files_scans_the_full_text_once(tmp_path: Path) -> None:
    world = World(tmp_path, {"many.py": "".join(f"def load_{n}():\n    return {n}\n\n\n" for n in range(600))})
    world.refresh()
    with world.store.read() as snapshot:
        ids = sorted(snapshot.chunk_ids())
        statements: list[str] = []
        snapshot._db.set_trace_callback(statements.append)
        assert len(snapshot.lexical(["load"], 999, ids)) == 600
        snapshot._db.set_trace_callback(None)
        [query] = [statement for statement in statements if statement.startswith("SELECT rowid")]
        plan = [row[3] for row in snapshot._db.execute(f"EXPLAIN QUERY PLAN {query}")]
    # "INDEX 0:=M4" would look up each id in the full text: 20 times as slow.
    assert plan[0] == "SCAN terms VIRTUAL TABLE INDEX 0:M4"


def test_names_with_two_of_the_words_are_found_among_many_with_one(tmp_path: Path) -> None:
    one = "".join(f"def load_{n}():\n    return {n}\n\n\n" for n in range(50))
    world = World(tmp_path, {"many.py": one, "two.py": "def load_config(path, file):\n    return read(close(path))\n"})
    world.refresh()
    with world.store.read() as snapshot:
        for others in ([], ["path", "file", "read", "clos", "return"]):  # few terms, and too many for pairs
            assert "load_config" in [name for _, name in snapshot.named_like(["load", "config", *others], 5)]
        assert snapshot.named_like(["load", "nowhere"], 5) == []
