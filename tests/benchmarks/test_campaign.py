"""The frame of the campaign: what a fault does to the table, to the folder of failures and to the exit status."""

from pathlib import Path
from typing import Any

import pytest

from benchmarks.campaign import __main__ as command
from benchmarks.campaign import shapes
from benchmarks.campaign.connections import MANY
from benchmarks.campaign.server import FILES
from benchmarks.campaign.table import FAULTS
from benchmarks.campaign.trial import Fault, Skipped, Trial, attempt
from benchmarks.campaign.watch import FROZEN_S, SERVER_BYTES, WORKER_BYTES, Watch
from benchmarks.campaign.websocket import PING, TEXT, frame
from indexer.files.languages import LANGUAGES


def survives(trial: Trial) -> None:
    for number in range(trial.count):
        with trial.case(f"case {number}"):
            trial.record(0.25 * number)


def fails_once(trial: Trial) -> None:
    for number in range(trial.count):
        with trial.case(f"case {number}", evidence=f"text {number}"):
            if number == 1:
                raise AssertionError("a | reason")


def hangs(trial: Trial) -> None:
    with trial.case("a call"):
        raise TimeoutError


def cannot(trial: Trial) -> None:
    raise Skipped("no right to mount")


def breaks(trial: Trial) -> None:
    raise AssertionError("the server does not start")


def is_wrong(trial: Trial) -> None:
    with trial.case("case"):
        raise KeyError("a defect of the campaign")


def tried(run: Any, folder: Path) -> Trial:
    return attempt(Fault("a fault", "an answer", run, 100, 3), 3, 7, folder / "trial", folder / "keep")


def test_a_row_has_cases_failures_and_the_worst_time(tmp_path: Path) -> None:
    assert tried(survives, tmp_path).row == ("a fault", "3", "0", "0.50 s", "an answer", "")


def test_a_failure_is_counted_and_kept_with_what_reproduces_it(tmp_path: Path) -> None:
    trial = tried(fails_once, tmp_path)
    assert trial.row == ("a fault", "3", "1", "", "an answer", "case 1: a \\| reason")
    (file,) = (tmp_path / "keep").iterdir()
    assert (file.name, file.read_text()) == ("a-fault-001-case-1.txt", "case 1: a | reason\n\ntext 1")


@pytest.mark.parametrize(
    ("run", "cases", "failed", "remark"),
    [
        (hangs, "1", "1", "a call: TimeoutError"),
        (cannot, "0", "0", "skipped: no right to mount"),
        (breaks, "1", "1", "the fault itself: the server does not start"),
    ],
)
def test_what_a_fault_may_raise(run: Any, cases: str, failed: str, remark: str, tmp_path: Path) -> None:
    assert tried(run, tmp_path).row == ("a fault", cases, failed, "", "an answer", remark)


def test_a_defect_of_the_campaign_is_no_failure_of_the_server(tmp_path: Path) -> None:
    with pytest.raises(KeyError):
        tried(is_wrong, tmp_path)


def test_the_same_seed_tries_the_same(tmp_path: Path) -> None:
    def draws(trial: Trial) -> None:
        trial.remark = str(trial.random.random())

    remarks = [
        attempt(Fault(name, "", draws, 1, 1), 1, seed, tmp_path / f"{name}-{seed}-{n}", tmp_path / "keep").remark
        for n, (name, seed) in enumerate([("a", 1), ("a", 1), ("a", 2), ("b", 1)])
    ]
    assert remarks[0] == remarks[1]
    assert len(set(remarks)) == 3


@pytest.mark.parametrize(("faults", "status"), [([survives], 0), ([survives, fails_once], 1), ([cannot], 0)])
def test_the_command_ends_with_1_if_anything_failed(
    faults: list[Any], status: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    table = tuple(Fault(run.__name__, "an answer", run, 100, 3) for run in faults)
    monkeypatch.setattr(command, "FAULTS", table)
    monkeypatch.setattr("sys.argv", ["campaign", "--quick", "--keep", str(tmp_path / "keep"), "--seed", "5"])
    monkeypatch.setattr("signal.signal", lambda *_: None)
    monkeypatch.setattr("sys.platform", "linux")
    with pytest.raises(SystemExit) as ended:
        command.main()
    assert ended.value.code == status
    printed = capsys.readouterr().out
    assert [line.split(" | ")[0].strip("| ") for line in printed.splitlines()[2 : 2 + len(table)]] == [
        fault.name for fault in table
    ]
    assert "seed 5:" in printed


def test_only_and_scale_choose_what_is_tried(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    table = tuple(Fault(name, "", survives, 100, 4) for name in ("frames", "kills", "kills of jobs"))
    monkeypatch.setattr(command, "FAULTS", table)
    trials = command.campaign("kills", seed=0, scale=0.5, quick=False, keep=tmp_path)
    assert [(trial.name, trial.cases) for trial in trials] == [("kills", 50), ("kills of jobs", 50)]
    assert [trial.cases for trial in command.campaign("^kills$", 0, 0.01, True, tmp_path)] == [1]


def test_limits_of_what_a_watch_has_seen() -> None:
    watch = Watch.__new__(Watch)
    watch.killed, watch.refusals, watch._asked, watch._worst_s = "", [], None, FROZEN_S
    watch.server_bytes, watch.worker_bytes = SERVER_BYTES, WORKER_BYTES
    assert list(watch.problems()) == []
    watch._worst_s, watch.server_bytes, watch.worker_bytes = FROZEN_S + 0.1, SERVER_BYTES + 1, WORKER_BYTES + 1
    assert list(watch.problems()) == ["/health took 1.1 s", "the server had 600 MB", "a worker had 1000 MB"]


def test_the_campaign_is_as_large_as_promised() -> None:
    full = {fault.name: fault.full for fault in FAULTS}
    promised = {
        "schemathesis on OpenAPI": 5000,
        "damaged WebSocket frames": 50_000,
        "vanishing clients": 200,
        "questions at once": 300,
        "kill -9": 200,
        "flipped bytes in DATA_DIR": 500,
        "questions in a row": 2000,
        "a large tree": 30_000,
    }
    assert full.items() >= promised.items()
    idle = next(fault for fault in FAULTS if fault.name == "idle connections")
    assert idle.full >= MANY > idle.quick > FILES
    assert all(1 <= fault.quick <= fault.full for fault in FAULTS)


def test_at_least_thirty_shapes_for_every_grammar_in_every_size() -> None:
    grammars = {row.grammar for row in LANGUAGES if row.grammar}
    assert {grammar for _, grammar, _ in shapes.EVERY_BOMB} == grammars
    assert len(shapes.EVERY_BOMB) >= 30 * len(grammars) * 3
    assert set(shapes.KNOWN) - {("tabbed list", "markdown", 50_000)} <= set(shapes.EVERY_BOMB)
    assert len(shapes.QUESTION_SHAPES) >= 30


@pytest.mark.parametrize("shape", shapes.PARSER_SHAPES)
def test_a_bomb_is_about_as_large_as_asked_and_always_the_same(shape: str) -> None:
    for size in (6_000, 30_000):
        text = shapes.bomb(shape, "python", size).text
        assert 0.8 * size <= len(text) <= 1.2 * size
        assert text == shapes.bomb(shape, "python", size).text


def test_a_frame_on_the_wire() -> None:
    assert frame(b"hi") == b"\x81\x82\0\0\0\0hi"
    assert frame(b"hi", PING, fin=False, masked=False) == b"\x09\x02hi"
    assert frame(b"a" * 300, TEXT)[:4] == b"\x81\xfe\x01\x2c"
    assert frame(b"a" * 70_000)[:10] == b"\x81\xff" + (70_000).to_bytes(8, "big")
