"""What the campaign sees of a server: a slow answer, a process that is left, a client that is cut off."""

import subprocess
import sys
import time
from pathlib import Path
from textwrap import dedent

import pytest

from benchmarks.campaign.server import Server
from benchmarks.campaign.trial import Fault, Trial, attempt
from benchmarks.campaign.watch import harm, unharmed, watched

pytestmark = [
    pytest.mark.process,
    pytest.mark.skipif(not sys.platform.startswith("linux"), reason="the campaign reads /proc"),
]
# Answers `/health`; where the file `slow` exists, after as many seconds as it says; where `status` exists, with that,
# or not at all if it is 0.
SCRIPT = dedent(
    """
    import http.server, pathlib, sys, time
    slow, status = map(pathlib.Path, sys.argv[1:])
    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            if slow.exists():
                time.sleep(float(slow.read_text()))
            if status.exists() and status.read_text() == "0":
                self.close_connection = True
                return
            self.send_response(int(status.read_text()) if status.exists() else 200)
            self.send_header("Content-Length", "0")
            self.end_headers()
        def log_message(self, *_):
            pass
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    print(server.server_port, flush=True)
    server.serve_forever()
    """
)


@pytest.fixture
def server(tmp_path: Path):  # type: ignore[no-untyped-def]
    """A `Server` whose process is a small one of this test."""
    server = Server(tmp_path / "data")
    name, _, value = server.marker.partition("=")
    command = [sys.executable, "-c", SCRIPT, str(tmp_path / "slow"), str(tmp_path / "status")]
    server.process = subprocess.Popen(command, stdout=subprocess.PIPE, env={name: value})
    assert server.process.stdout is not None
    server.url = f"http://127.0.0.1:{int(server.process.stdout.readline())}"
    yield server
    server.kill()
    server.process.stdout.close()


def trial_of(run: object, tmp_path: Path) -> Trial:
    return attempt(Fault("a fault", "GET /health", run, 1, 1), 1, 0, tmp_path / "trial", tmp_path / "keep")  # type: ignore[arg-type]


def test_a_healthy_server_is_unharmed(server: Server, tmp_path: Path) -> None:
    trial = trial_of(lambda trial: unharmed(trial, server, "a case", lambda: time.sleep(0.3)), tmp_path)
    assert (trial.cases, trial.failed) == (1, 0)
    assert 0 < trial.worst_s < 1


def test_an_answer_that_takes_too_long_is_a_failure(
    server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "slow").write_text("1.5")
    monkeypatch.setattr(Server, "restart_if_broken", lambda _, anyway: "")
    trial = trial_of(lambda trial: unharmed(trial, server, "a case", lambda: time.sleep(1.3)), tmp_path)
    assert trial.failed == 1
    assert trial.reasons[0].startswith("a case: /health took 1.")


def test_an_answer_that_never_comes_counts_and_ends_the_server(
    server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "slow").write_text("60")
    monkeypatch.setattr("benchmarks.campaign.watch._HOPELESS_S", 1.2)
    assert server.process is not None
    with watched(server) as watch:
        assert server.process.wait(timeout=30) == -9
    assert next(watch.problems()) == "the server did not answer for 1 s and was killed"
    assert watch.worst_s > 1


@pytest.mark.parametrize(("status", "told"), [("503", "status 503"), ("0", "Remote end closed connection")])
def test_an_answer_that_is_not_200_is_a_failure(
    status: str, told: str, server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("benchmarks.campaign.watch._ENDS_S", 0.1)
    monkeypatch.setattr(Server, "restart_if_broken", lambda _, anyway: "")

    def refuse_for_a_while() -> None:
        time.sleep(0.2)
        (tmp_path / "status").write_text(status)
        time.sleep(0.5)
        (tmp_path / "status").unlink()

    trial = trial_of(lambda trial: unharmed(trial, server, "a case", refuse_for_a_while), tmp_path)
    assert trial.failed == 1
    assert trial.reasons[0].startswith(f"a case: /health: {told}")


def test_a_server_that_ends_or_is_started_anew_refuses_nothing(server: Server, tmp_path: Path) -> None:
    (tmp_path / "status").write_text("0")
    with watched(server) as watch:
        time.sleep(0.3)
        server.starts += 1  # the first requests were for the server before
        (tmp_path / "status").unlink()
        time.sleep(0.3)
        server.kill()
        time.sleep(0.3)
    assert watch.refusals == []


def test_a_traceback_in_the_log_is_a_failure(server: Server, tmp_path: Path) -> None:
    server.log.write_text("Traceback of an earlier case\n")

    def work() -> None:
        with server.log.open("a") as log:
            log.write("Traceback (most recent call last):\nbuiltins.ValueError: x\nValueError: bad bytes\n")

    trial = trial_of(lambda trial: None, tmp_path)
    assert harm(trial, server, lambda: None) == ""
    assert harm(trial, server, work) == "a traceback in its log: ValueError: bad bytes"


def test_what_a_server_starts_is_found_and_ended(server: Server) -> None:
    name, _, value = server.marker.partition("=")
    child = subprocess.Popen(
        ["sh", "-c", "sleep 100 & until grep -q sleep /proc/$!/comm; do :; done; echo started; wait"],
        stdout=subprocess.PIPE,
        env={name: value, "PATH": "/bin:/usr/bin"},
    )
    assert child.stdout is not None
    child.stdout.readline()
    assert len(server.processes()) == 3
    assert sorted(command.split(b"\0")[0] for command in server.children().values()) == [b"sh", b"sleep"]
    assert len(server.orphans(within_s=0)) == 3
    server.kill()
    child.wait()
    child.stdout.close()
    assert server.orphans(within_s=5) == []
