"""Hostile folders: huge, endless, full of pipes, links, devices and names that a terminal would obey."""

import contextlib
import os
import socket
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

from benchmarks.campaign.server import Server, serving, write
from benchmarks.campaign.trial import Trial
from benchmarks.campaign.watch import unharmed

_FILES = {"z.py": "def beacon():\n    return 7\n"}
_MARK = "hidden-value-of-the-campaign"
_LARGE_S, _REFUSED_S = 300.0, 5.0


def _pipes_as_ignore_files(root: Path) -> None:
    for name in (".gitignore", ".lanternignore"):
        os.mkfifo(root / name)


def _pipe_as_ignore_file_below(root: Path) -> None:
    (root / "below").mkdir()
    os.mkfifo(root / "below" / ".gitignore")


def _pipes_in_git(root: Path) -> None:
    (root / ".git" / "info").mkdir(parents=True)
    for name in ("config", "HEAD", "info/exclude"):
        os.mkfifo(root / ".git" / name)


def _device_as_ignore_file(root: Path) -> None:
    (root / ".gitignore").symlink_to("/dev/zero")
    (root / ".lanternignore").symlink_to("/dev/zero")


def _special_files(root: Path) -> None:
    os.mkfifo(root / "pipe.py")
    with socket.socket(socket.AF_UNIX) as bound, contextlib.chdir(root):  # the path of a socket is short
        bound.bind("socket.py")
    for name, target in {"zero.py": "/dev/zero", "tty.py": "/dev/tty", "mem.py": "/proc/self/mem"}.items():
        (root / name).symlink_to(target)


def _links(root: Path) -> None:
    write(root, {".env": f"CAMPAIGN_MARK={_MARK}\n"})
    (root / "settings.py").symlink_to(".env")
    write(root.parent / "elsewhere", {"notes.txt": f"beacon {_MARK}\n"})
    (root / "elsewhere").symlink_to(root.parent / "elsewhere")
    (root / "loop").symlink_to(".")
    (root / "itself.py").symlink_to("itself.py")


def _hostile_names(root: Path) -> None:
    names = (
        "\x1b]0;title\x07.py", "\x1b[2J.py", "a\nb.py", "a\rb.py", "a\tb.py", "\u202eyp.a", "\x9b31m.py", " .py",
        "a'b\"c.py", "$(reboot).py", "`reboot`.py", "a" * 252 + ".py", "é.py", "e\u0301.py", "*.py",
        "-rf.py", "[a].py", "{a}.py", "#.py", "!.py", "\\.py", "%s%n.py", "con.py", "..py", "<script>.py",
    )  # fmt: skip
    write(root, {name: f"def f{n}():\n    return {n}\n" for n, name in enumerate(names)})
    for raw in (b"\xff\xfe.py", b"\xed\xa0\x80.py", b"\x80" * 200 + b".py"):
        Path(os.fsdecode(os.fsencode(root) + b"/" + raw)).write_text("x = 1\n")


def _deep_folders(root: Path) -> None:
    folder = os.open(root, os.O_RDONLY)
    for _ in range(400):  # 4,400 characters: more than a path may have
        os.mkdir("d" * 10, dir_fd=folder)
        inner = os.open("d" * 10, os.O_RDONLY, dir_fd=folder)
        os.close(folder)
        folder = inner
    os.close(folder)


def _strange_times(root: Path) -> None:
    for name, when in {"future.py": 10_413_792_000, "past.py": -10_000_000_000, "zero.py": 0}.items():
        write(root, {name: "x = 1\n"})
        os.utime(root / name, (when, when))


def _own_repositories_inside(root: Path) -> None:
    for name in ("worktree", "module"):
        write(root / name, {"z.py": _FILES["z.py"]})
    write(root, {"worktree/.git": "gitdir: /nowhere\n", "module/.git/HEAD": "ref: refs/heads/main\n"})


def _unreadable(root: Path) -> None:
    write(root, {"closed/a.py": "x = 1\n", "closed.py": "x = 1\n"})
    (root / "closed").chmod(0)
    (root / "closed.py").chmod(0)


def _binary_ignore_file(root: Path) -> None:
    (root / ".gitignore").write_bytes(bytes(range(256)) * 500)
    (root / ".gitattributes").write_bytes(b"* filter=a diff=b\n" * 20_000)


def _growing(root: Path) -> None:
    write(root, {f"m{n}.py": f"x = {n}\n" for n in range(50)})
    (root / "sparse.py").touch()
    os.truncate(root / "sparse.py", 1 << 40)


_SHAPES: tuple[Callable[[Path], None], ...] = (
    _pipes_as_ignore_files, _pipe_as_ignore_file_below, _device_as_ignore_file, _links, _hostile_names, _special_files,
    _pipes_in_git, _deep_folders, _strange_times, _own_repositories_inside, _unreadable,
    _binary_ignore_file, _growing,
)  # fmt: skip
_REFUSED = (
    "/proc",
    "/sys",
    "/dev",
    "/proc/self/root/proc",
    "/dev/zero",
    "/nowhere/at/all",
    "\x1b[2J",
    "",
    "/proc/self/fd",
)


def hostile(trial: Trial) -> None:
    """Each folder is indexed but for its hostile part, or refused; roots that are not folders of files are refused."""
    with serving(trial.folder / "data") as server:
        for make in _SHAPES[: trial.count]:
            label = make.__name__.strip("_").replace("_", " ")
            root = write(trial.folder / label.replace(" ", "-") / "code", _FILES)
            make(root)
            unharmed(trial, server, label, partial(_indexed, server, root))
        for path in _REFUSED[: trial.count]:
            unharmed(trial, server, f"{path!r} as a root", partial(_refused, trial, server, path))


def _indexed(server: Server, root: Path) -> None:
    job = server.index(root)
    assert job["state"] == "done", f"the job {job['state']}"
    hits = server.post("/search", {"query": "beacon", "codebase": job["codebase"]}).json()["hits"]
    assert [hit["path"] for hit in hits if hit["path"].endswith("z.py")] == ["z.py"], (
        "the healthy file is not found once"
    )
    hidden = server.post("/search", {"query": f"{_MARK} CAMPAIGN_MARK", "codebase": job["codebase"]}).text
    assert f"={_MARK}" not in hidden, "the content of a hidden file is in the index"
    assert f"beacon {_MARK}" not in hidden, "a file outside the codebase is in the index"
    answer = server.ask("where is beacon?", codebase=job["codebase"])
    assert "z.py" in answer["response"], f"the answer: {answer['response'][:100]!r}"


def _refused(trial: Trial, server: Server, path: str) -> None:
    start = time.perf_counter()
    reply = server.post("/index", {"path": path, "wait": True, "watch": False}, timeout=20.0)
    took = time.perf_counter() - start
    assert 400 <= reply.status_code < 500, f"POST /index {path!r}: {reply.status_code}"
    assert took < _REFUSED_S, f"the refusal took {took:.1f} s"


def large(trial: Trial) -> None:
    """A tree of so many files, while questions are asked; every file is in the index."""
    files = {f"d{n // 300}/m{n}.py": f"def beacon_{n}():\n    return {n}\n" for n in range(trial.count)}
    root = write(trial.folder / "code", files)
    trial.cases += trial.count - 1
    with serving(trial.folder / "data") as server:
        unharmed(trial, server, f"{trial.count} files", partial(_all_indexed, server, root, trial.count))


def _all_indexed(server: Server, root: Path, count: int) -> None:
    job = server.post("/index", {"path": str(root), "watch": False}).json()
    deadline = time.monotonic() + _LARGE_S
    while (job := server.get(f"/index/jobs/{job['job_id']}"))["state"] in ("queued", "running"):
        assert time.monotonic() < deadline, f"the job is {job['state']} after {_LARGE_S:.0f} s: {job['done']} files"
        server.ask("where is beacon_7?", codebase=job["codebase"])
        time.sleep(0.2)
    assert (job["state"], job["report"]["files"]) == ("done", count), f"{job}"
    answer = server.ask(f"where is beacon_{count - 1}?", codebase=job["codebase"])
    assert f"m{count - 1}.py" in answer["response"], "the last file is not found"
