"""The pairs that are mined from a package."""

import io
import tarfile
from pathlib import Path

from indexer.training.mine import Pair, mine, pairs_of, paragraph

PYTHON = '''class Reader:
    """Reads records from a stream of bytes."""

    def read_record(self, limit):
        """Returns the next record of the stream.

        Args:
            limit: how many bytes at most
        """
        data = self.stream.read(limit)
        return decode(data)

    def skip_broken_records(self):
        # a broken record begins with two zero bytes
        while self.peek() == b"":
            # go on after its length field
            self.advance()
        return self
'''
RUST = """/// Opens the socket and waits for a peer.
pub fn listen(port: u16) -> Socket {
    let socket = bind(port);
    socket.accept()
}
"""


def mined(*files: tuple[str, str]) -> list[Pair]:
    return list(pairs_of(files))


def test_documentation_is_paired_with_its_definition_without_it() -> None:
    pair = next(pair for pair in mined(("io/reader.py", PYTHON)) if "read_record" in pair.code.split("\n")[0])
    assert pair == Pair(
        "doc",
        "Returns the next record of the stream.",
        "io/reader.py Reader.read_record\n    def read_record(self, limit):\n"
        "        data = self.stream.read(limit)\n        return decode(data)",
    )


def test_comments_are_paired_with_the_code_without_them() -> None:
    found = {pair.kind: pair for pair in mined(("io/reader.py", PYTHON)) if "skip" in pair.code or pair.kind == "name"}
    assert found["comment"].query == "a broken record begins with two zero bytes go on after its length field"
    assert "#" not in found["comment"].code
    assert found["name"].query == "skip broken records"
    assert found["name"].code.startswith("io\n    def (self):\n")


def test_other_languages() -> None:
    code = "net.rs listen\npub fn listen(port: u16) -> Socket {\n    let socket = bind(port);\n    socket.accept()\n}"
    assert mined(("net.rs", RUST)) == [Pair("doc", "Opens the socket and waits for a peer.", code)]


def test_a_header_documents_the_definition_elsewhere() -> None:
    header = "/* Frees all pages of the pool. */\nvoid pool_free(struct pool *pool);\n"
    source = "void pool_free(struct pool *pool)\n{\n    free(pool->pages);\n}\n"
    assert mined(("pool.h", header), ("pool.c", source)) == [
        Pair("doc", "Frees all pages of the pool.", f"pool.c pool_free\n{source.strip()}")
    ]


def test_manuals_and_tests_are_paired_with_the_definition_they_name() -> None:
    manual = "Fixed a bug where `Reader.read_record` lost the last bytes of a record.\n\nThanks to all.\n"
    test = "def test_read_record_at_end():\n    assert Reader(b'').read_record(5) is None\n"
    files = ("io/reader.py", PYTHON), ("CHANGES.rst", manual), ("tests/test_reader.py", test)
    query = {pair.kind: pair.query for pair in mined(*files) if "read_record" in pair.code.split("\n")[0]}
    assert query["mention"] == "Fixed a bug where Reader.read_record lost the last bytes of a record."
    assert query["test"] == f"test_read_record_at_end\n{test.strip()}"


def test_copies_and_generated_code_give_no_pairs() -> None:
    generated = "# Automatically generated, do not edit\n" + PYTHON
    assert mined(("pip/_vendor/requests/a.py", PYTHON), ("third_party/fmt/a.rs", RUST), ("a.py", generated)) == []


def test_prose_ends_where_markup_begins() -> None:
    assert paragraph("Sends the `request`\nto a <b>host</b>.\n:param host: where") == "Sends the request to a host."
    assert paragraph("Copyright 2020 by its many authors") == ""
    assert paragraph("x = y(1) + 2 % z") == ""


def test_an_archive_is_read_below_its_top_folder(tmp_path: Path) -> None:
    with tarfile.open(tmp_path / "net-1.0.tar.gz", "w:gz") as tar:
        member = tarfile.TarInfo("net-1.0/src/net.rs")
        member.size = len(RUST)
        tar.addfile(member, io.BytesIO(RUST.encode()))
    assert [pair.code.split("\n")[0] for pair in mine(tmp_path / "net-1.0.tar.gz")] == ["src/net.rs listen"]


def test_a_file_says_what_its_longest_definitions_are_for() -> None:
    text = f'#!/usr/bin/env python\n# Copyright 2020 by A\n"""Framing of binary records."""\n\n{PYTHON}'
    found = [pair for pair in mined(("io/reader.py", text)) if pair.kind == "module"]
    assert [(pair.query, pair.code.split("\n")[0]) for pair in found] == [
        ("Framing of binary records.", "io/reader.py Reader"),
        ("Framing of binary records.", "io/reader.py Reader.skip_broken_records"),
    ]
    assert not [pair for pair in mined(("io/reader.py", f"x = 1\n# Not a purpose\n{PYTHON}")) if pair.kind == "module"]


def test_headings_are_paired_with_what_stands_below_them() -> None:
    below = "A pool keeps a few connections open and gives them to whoever asks first, then waits.\n"
    manual = f"# Manual\n\n## Reusing open connections\n\n{below}\nClosing a pool\n--------------\n{below}"
    assert mined(("doc/pools.md", manual)) == [
        Pair("section", "Reusing open connections", f"doc/pools.md\n{below.strip()}"),
        Pair("section", "Closing a pool", f"doc/pools.md\n{below.strip()}"),
    ]
    assert mined(("CHANGELOG.md", manual)) == []
