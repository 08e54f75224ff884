"""The small parts, alone: attachments, instance and token, batches of deltas, codes."""

import asyncio
import threading
from collections.abc import AsyncGenerator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from backend.chat.coalesce import BATCH, coalesce
from backend.errors import CODES, ApiError, translate
from backend.indexing.attachments import Attachment, attached_hits
from backend.instance_lock import DataDirLock, DataFolderInUse, find, token
from indexer.errors import IndexStorage
from models.errors import ContextTooLarge, EngineFailed, UnknownModel
from models.types import Delta


def test_a_file_is_read_inside_the_codebase_and_cut_into_pieces(tmp_path: Path) -> None:
    (tmp_path / "a.py").write_text("\n".join(f"line {n}" for n in range(1, 451)))
    hits = attached_hits((Attachment("a.py"),), tmp_path)
    assert [(hit.start_line, hit.end_line) for hit in hits] == [(1, 200), (201, 400), (401, 450)]
    assert hits[1].text.startswith("line 201\n")
    assert hits[2].text.endswith("line 450")
    absolute = attached_hits((Attachment(str(tmp_path / "a.py"), (3, 4)),), tmp_path)
    assert [(hit.path, hit.text, hit.language) for hit in absolute] == [("a.py", "line 3\nline 4", "python")]


def test_unsaved_text_wins_over_the_disk(tmp_path: Path) -> None:
    (tmp_path / "a.py").write_text("saved")
    assert [hit.text for hit in attached_hits((Attachment("a.py", None, "unsaved"),), tmp_path)] == ["unsaved"]


def test_a_missing_range_is_an_error() -> None:
    with pytest.raises(ApiError, match="has 1 lines, none of them in 5-9"):
        attached_hits((Attachment("a.py", (5, 9), "one"),), None)


def test_a_selection_keeps_the_lines_it_was_taken_from() -> None:
    selection = Attachment("a.py", (10, 11), "ten\neleven")
    assert [(h.start_line, h.end_line, h.text) for h in attached_hits((selection,), None)] == [(10, 11, "ten\neleven")]


@pytest.mark.parametrize("path", ["../secret", "/etc/passwd", "missing.py", ".", "link", ".env"])
def test_what_lies_outside_is_not_read(tmp_path: Path, path: str) -> None:
    root = tmp_path / "code"
    root.mkdir()
    (tmp_path / "secret").write_text("s")
    (root / ".env").write_text("PASSWORD=hunter2")
    (root / "link").symlink_to(tmp_path / "secret")
    with pytest.raises(ApiError) as refused:
        attached_hits((Attachment(path),), root)
    assert refused.value.code.name == "bad_params"


def test_a_claim_is_exclusive_found_and_forgotten(tmp_path: Path) -> None:
    assert find(tmp_path) is None
    claim = DataDirLock(tmp_path)
    claim.publish("http://127.0.0.1:1")
    found = find(tmp_path)
    assert found is not None
    assert found.url == "http://127.0.0.1:1"
    with pytest.raises(DataFolderInUse, match=r"http://127\.0\.0\.1:1"):
        DataDirLock(tmp_path)
    claim.release()
    assert find(tmp_path) is None


def test_many_callers_get_one_token(tmp_path: Path) -> None:
    got: list[str] = []
    threads = [threading.Thread(target=lambda: got.append(token(tmp_path / "token"))) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(got) == 8
    assert set(got) == {(tmp_path / "token").read_text().strip()}
    assert [path.name for path in tmp_path.iterdir()] == ["token"]


@given(texts=st.lists(st.text(min_size=1), max_size=100), slow=st.booleans())
async def test_batches_hold_every_delta_once_and_in_order(texts: list[str], slow: bool) -> None:
    async def stream() -> AsyncGenerator[Delta, None]:
        for text in texts:
            yield Delta(text)
        yield Delta(reason="stop")

    got: list[Delta] = []
    async for batch in coalesce(stream()):
        assert 1 <= len(batch) <= BATCH
        got += batch
        if slow:
            await asyncio.sleep(0)
    assert [delta.text for delta in got] == [*texts, ""]
    assert got[-1].reason == "stop"


async def test_a_failing_stream_fails_after_what_it_gave() -> None:
    async def stream() -> AsyncGenerator[Delta, None]:
        yield Delta("a")
        raise EngineFailed("broken")

    got: list[str] = []

    async def consume() -> None:
        async for batch in coalesce(stream()):
            got.extend(delta.text for delta in batch)

    with pytest.raises(EngineFailed, match="broken"):
        await consume()
    assert got == ["a"]


def test_the_codes_are_those_of_the_contract() -> None:
    assert {name: code.rpc for name, code in CODES.items() if name != "interrupted"} == {
        "parse": -32700,
        "invalid": -32600,
        "unknown_method": -32601,
        "bad_params": -32602,
        "internal": -32603,
        "cancelled": -32800,
        "unauthorized": -32000,
        "not_found": -32001,
        "queue_full": -32002,
        "model_unavailable": -32003,
        "context_too_large": -32004,
        "replay_gone": -32005,
        "index_unavailable": -32006,
        "engine_failed": -32007,
        "rate_limited": -32008,
        "storage_full": -32009,
    }
    http = {name: CODES[name].http for name in list(CODES)[6:16]}
    assert list(http.values()) == [401, 404, 429, 503, 413, 410, 503, 502, 429, 507]


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (UnknownModel("x", []), "model_unavailable"),
        (ContextTooLarge(2, 1), "context_too_large"),
        (EngineFailed("x"), "engine_failed"),
        (IndexStorage("x"), "index_unavailable"),
        (OSError(28, "No space left on device"), "storage_full"),
    ],
)
def test_errors_of_the_packages_become_codes(error: Exception, code: str) -> None:
    refusal = translate(error)
    assert refusal is not None
    assert refusal.code.name == code


def test_a_defect_of_ours_is_not_translated() -> None:
    assert translate(KeyError("x")) is None
