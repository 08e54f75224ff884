"""The table of token vectors: its values, and its errors if a file is missing or damaged."""

import shutil
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
from tokenizers import Tokenizer

from indexer.embedding.static import MANIFEST, OWN_TABLE, TOKENIZER, WEIGHTS, StaticEmbedder
from indexer.errors import EmbedderUnavailable
from indexer.training.static import write
from indexer.training.vocabulary import tokenizer_of


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    rows = [[0, 0], [1, 0], [0, 2], [3, 4]]  # unknown, read, file, socket
    write(tmp_path, tokenizer_of(["read", "file", "socket"]), np.array(rows, np.float32))
    return tmp_path


def test_a_vector_is_the_direction_of_its_tokens_sum(folder: Path) -> None:
    embedder = StaticEmbedder(folder)
    rows = embedder.embed_documents(["readFile", "socket", "read_FILE(Socket)"])
    expected = [[1 / 5**0.5, 2 / 5**0.5], [0.6, 0.8], [4 / 52**0.5, 6 / 52**0.5]]
    np.testing.assert_allclose(rows, expected, atol=1e-6)
    np.testing.assert_array_equal(embedder.embed_query("socket"), rows[1])
    assert (embedder.dim, str(rows.dtype)) == (2, "float32")


def test_text_without_known_tokens_is_the_zero_vector(folder: Path) -> None:
    embedder = StaticEmbedder(folder)
    assert embedder.embed_documents(["", " \n", "->", "zebra", "読む"]).tolist() == [[0, 0]] * 5
    assert embedder.embed_documents([]).shape == (0, 2)


@pytest.mark.parametrize("name", [WEIGHTS, TOKENIZER])
def test_a_damaged_file_is_refused(folder: Path, name: str) -> None:
    data = bytearray((folder / name).read_bytes())
    data[-3] ^= 1
    (folder / name).write_bytes(data)
    with pytest.raises(EmbedderUnavailable, match=f"{name} is damaged"):
        StaticEmbedder(folder)


@pytest.mark.parametrize("name", [WEIGHTS, TOKENIZER, MANIFEST])
def test_a_missing_file_is_named(folder: Path, name: str) -> None:
    (folder / name).unlink()
    with pytest.raises(EmbedderUnavailable, match=f"{name} cannot be read"):
        StaticEmbedder(folder)


def test_the_id_follows_the_bytes(folder: Path, tmp_path_factory: pytest.TempPathFactory) -> None:
    other = tmp_path_factory.mktemp("other")
    write(other, tokenizer_of(["read", "file", "socket"]), np.eye(4, 2, dtype=np.float32))
    copy = shutil.copytree(folder, tmp_path_factory.mktemp("copies") / "same")
    ids = [StaticEmbedder(path).model_id for path in (folder, copy, other)]
    assert ids[0] == ids[1] != ids[2]


def test_our_own_table() -> None:
    own = StaticEmbedder()
    assert (own.model_id, own.dim) == ("static@3b2a362edb19", 256)
    assert sum(file.stat().st_size for file in OWN_TABLE.iterdir()) <= 16_000_000
    np.testing.assert_allclose(own.embed_query("parseHTTPResponse")[:4], [-0.0581, -0.0319, 0.0118, -0.0439], atol=2e-4)
    query = own.embed_query("split a url into host, port and path")
    answer, other = own.embed_documents(
        [
            "def parse_address(link):\n    return urlsplit(link).netloc",
            "def draw(canvas, color):\n    canvas.fill(color)",
        ]
    )
    assert query @ answer > 0.1 > query @ other


def test_threads_share_one_table() -> None:
    own = StaticEmbedder()
    texts = [f"def read_{number}(file): return file.read({number})" for number in range(300)]
    with ThreadPoolExecutor(8) as pool:
        results = list(pool.map(own.embed_documents, [texts] * 16))
    assert all(np.array_equal(rows, results[0]) for rows in results)


def test_looking_up_words_gives_the_tokens_that_the_tokenizer_gives() -> None:
    """In the sources of this repository, and in texts that are rare there."""
    texts = [path.read_text("utf-8") for path in Path(__file__).parents[3].glob("indexer/**/*.py")]
    texts += [
        "",
        "HTTPError2xx __a_B1cD",
        "x" * 50 + "Y" * 41,
        "größeDer Δx readFile",
        "a\u00a0b",
        "0x1F_ffUL 1e-9\r\t",
    ]
    embedder = StaticEmbedder()
    tokenizer = Tokenizer.from_str((OWN_TABLE / TOKENIZER).read_text("utf-8"))
    expected = [encoding.ids for encoding in tokenizer.encode_batch(texts, add_special_tokens=False)]
    assert embedder._words is not None  # the cache of words is what is tested
    assert embedder._tokens(texts) == expected
