"""A log that a killed server left, and that is damaged: what SQLite silently leaves out of it is told."""

import shutil
import sqlite3
from pathlib import Path

import pytest

from backend.db.database import Database
from backend.db.wal import committed_frames

FRAME = 24 + 4096


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """A database, in the log of which are ten transactions that are in its file, and then five new ones."""
    Database(f"sqlite:///{tmp_path / 'open.db'}").migrate()
    db = sqlite3.connect(tmp_path / "open.db", isolation_level=None)
    db.execute("CREATE TABLE t (text TEXT)")
    for _ in range(10):
        db.execute("INSERT INTO t VALUES (?)", ("x" * 5000,))
    assert db.execute("PRAGMA wal_checkpoint(RESTART)").fetchone()[0] == 0
    for _ in range(5):
        db.execute("INSERT INTO t VALUES ('y')")
    for name in ("open.db", "open.db-wal"):
        shutil.copy(tmp_path / name, tmp_path / name.replace("open", "lantern"))
    db.close()
    return tmp_path / "lantern.db"


def damage(file: Path, at: int, data: bytes) -> None:
    with Path(f"{file}-wal").open("r+b") as log:
        log.seek(at)
        log.write(data)


def warnings_at_start(file: Path, caplog: pytest.LogCaptureFixture) -> list[str]:
    Database(f"sqlite:///{file}").migrate()
    return [record.getMessage() for record in caplog.records if record.levelname == "WARNING"]


def rows(file: Path) -> int:
    with sqlite3.connect(file) as db:
        return int(db.execute("SELECT count(*) FROM t").fetchone()[0])


def test_a_sound_log_is_not_damaged(file: Path, caplog: pytest.LogCaptureFixture) -> None:
    assert committed_frames(Path(f"{file}-wal")) == 5  # and not the rest of the log before
    assert (warnings_at_start(file, caplog), rows(file)) == ([], 15)


@pytest.mark.parametrize(
    ("at", "left"),
    [(32 + 3 * FRAME + 1000, 13), (32 + 24 + 9, 10), (32 + 8, 10), (16, 10), (0, 10), (24, 10), (8, 10)],
    ids=["fourth frame", "first frame", "its salt", "salt", "magic number", "checksum", "page size"],
)
def test_a_damaged_frame_or_header_is_told(file: Path, caplog: pytest.LogCaptureFixture, at: int, left: int) -> None:
    damage(file, at, b"\xa5\x5a\xff")
    assert warnings_at_start(file, caplog) == [
        f"the log of the database {file} is damaged: what was stored last before a crash is lost"
    ]
    assert rows(file) == left


def test_a_kill_between_a_new_header_and_its_first_frame_lost_nothing(
    file: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """SQLite writes the header of a log that it begins again, waits for the disk, and only then writes frames."""
    log = Path(f"{file}-wal")
    before = log.read_bytes()
    db = sqlite3.connect(file, isolation_level=None)
    assert db.execute("PRAGMA wal_checkpoint(RESTART)").fetchone()[0] == 0
    db.execute("INSERT INTO t VALUES ('z')")
    header = log.read_bytes()[:32]
    db.close()
    log.write_bytes(header + before[32:])
    assert header != before[:32]
    assert (warnings_at_start(file, caplog), rows(file)) == ([], 16)


@pytest.mark.parametrize("content", [b"", b"\0" * 20, b"\xff" * 4000, b"\0" * 9000])
def test_what_is_no_log_has_no_frames(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "a-wal").write_bytes(content)
    assert committed_frames(tmp_path / "a-wal") == 0
    assert committed_frames(tmp_path / "none") == 0
