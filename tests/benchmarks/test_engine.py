"""The benchmark of the engine: its model, its times, its table, and a quick run."""

import asyncio
import re
import subprocess
import sys
from pathlib import Path

import pytest

from benchmarks.document import DOCS, replace_section
from benchmarks.engine.clients import TimedAnswer
from benchmarks.engine.lantern_only import forecasts
from benchmarks.engine.processes import family, resident_bytes
from benchmarks.engine.run import BEGIN, END, real
from benchmarks.engine.table import LOCKED, OURS, RAW, ROWS, SERVER, SOCKET, side_by_side
from benchmarks.engine.workload import QUICK, Workload
from models.gguf.header import read_header
from models.llama.engine import LlamaEngine
from models.llama.options import LlamaOptions
from models.types import ModelSpec, Prompt, Sampling, Segment
from tests.shapes import SHAPES, made
from tests.tiny_gguf import PHI3

ENGINES = f"^({re.escape(LOCKED)}|{re.escape(SERVER)}|{re.escape(SOCKET)})$"  # /v1 has the client of llama-server


async def test_a_shape_generates_words_that_become_the_same_tokens_again() -> None:
    header = read_header(made(SHAPES["tiny"]))
    assert (header.n_layers, header.n_embd, header.n_ff, header.n_head_kv, header.n_vocab) == (4, 256, 512, 4, 32064)
    options = LlamaOptions(context_length=256, threads=1)
    engine = await LlamaEngine.start(ModelSpec("tiny", ()), SHAPES["tiny"].path, options)
    prompt = Prompt((Segment("<|user|>\nHi<|end|>\n<|assistant|>\n", True),), "Hi")
    deltas = [delta.text async for delta in engine.stream(prompt, Sampling(max_tokens=100, temperature=1.0))]
    text = "".join(deltas).strip()
    again, nothing = [await asyncio.to_thread(engine.tokenize, segments) for segments in ((Segment(text, False),), ())]
    await engine.close()
    assert re.fullmatch("( ?[a-z]{2,}){100}", text)
    assert len(set(text.split())) > 50
    assert len(again) - len(nothing) == 100


def test_a_workload_has_its_size_and_can_be_repeated() -> None:
    load = Workload.of(made(SHAPES["tiny"]), QUICK)
    first, second = load.code(60), load.code(60)
    assert first != second
    again = load.again()
    assert (again.code(60), again.code(60)) == (first, second)
    counted = len(load.llama.tokenize(load.system().encode(), add_bos=False))
    assert counted == pytest.approx(QUICK.system, abs=2)


def test_times_of_an_answer() -> None:
    answer = TimedAnswer(sent=1.0, times=[3.0, 3.5, 5.0], tokens=5, ended=5.5)
    assert (answer.first_s, answer.rate) == (2.0, 2.0)
    assert answer.longest_gap_s(3.2, 5.2) == 1.5
    assert answer.longest_gap_s(3.2, 4.9) == pytest.approx(1.4)  # no text until the end
    assert answer.longest_gap_s(3.2, 9.0) == 1.5  # it had ended before


def test_the_error_of_a_forecast_is_a_share_of_the_wait() -> None:
    answers = [TimedAnswer(sent=0.0, times=[10.0], forecast=forecast) for forecast in (9.0, 13.0, None)]
    assert forecasts(answers) == {"waits": 3, "median error": pytest.approx(0.2), "within 20 %": pytest.approx(1 / 3)}
    assert forecasts(answers[2:]) == {}


def test_each_row_is_compared_with_its_target_in_the_same_run() -> None:
    raw, faster, theirs = {"cold read": 12.0}, {"cold read": 10.0}, {"follow-up": 2.0}
    ours = {
        "decode": 9.8,
        "decode, of the raw loop": 0.975,
        "follow-up": 1.4,
        "interleaved": 1.6,
        "longest gap, steps": 4.1,
    }
    cells = {
        line.split(" | ")[0][2:]: line.split(" | ")[-2:]
        for line in side_by_side({RAW: raw, OURS: faster, SERVER: theirs, SOCKET: ours})
    }
    assert cells["decode, share of the faster raw loop's just before and after, %"] == ["at least 97", "met |"]
    assert cells["TTFT: follow-up, s"][1] == "met |"
    assert cells["TTFT: follow-up, two conversations alternating, s"][1] == "**missed** |"
    assert cells["TTFT: follow-up after a restart, s"][1] == "not judged |"
    assert cells["longest pause beside a long prompt, steps"][1] == "**missed** |"


def test_memory_is_of_a_process_and_its_descendants() -> None:
    code = "import subprocess, sys; subprocess.run([sys.executable, '-c', 'print(flush=True); input()'])"
    with subprocess.Popen([sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        process.stdout.readline()
        both = family(process.pid)
        assert (len(both), both[0]) == (2, process.pid)
        assert resident_bytes(*both) > resident_bytes(process.pid) > 1_000_000
        process.communicate(b"\n")


def test_the_document_has_one_section_for_it() -> None:
    assert replace_section(f"a\n{BEGIN}\nold\n{END}\n", "new", BEGIN, END) == f"a\n{BEGIN}\nnew\n{END}\n"
    assert DOCS.read_text("utf-8").count(BEGIN) == 1


def test_a_real_model_is_a_path_or_a_name_and_has_a_section_of_its_own(tmp_path: Path) -> None:
    file = tmp_path / "some-model.gguf"
    file.touch()
    model = real(str(file))
    assert (model.path, model.name, model.title) == (file, "some-model", "some-model")
    assert model.begin == "<!-- bench-engine some-model: written by make bench-engine -->"
    assert real(str(PHI3.path)).name == PHI3.model  # by the file name in the catalogue
    with pytest.raises(SystemExit, match="nobody is not installed"):
        real("nobody")


def test_the_quick_benchmark_prints_every_row() -> None:
    command = [sys.executable, "-m", "benchmarks.engine.run", "--quick", "--only", ENGINES]
    done = subprocess.run(command, cwd=DOCS.parents[1], capture_output=True, text=True, timeout=240)
    assert done.returncode == 0, done.stderr
    rows = [line.strip("| ").split(" | ") for line in done.stdout.splitlines() if line.startswith("| ")]
    figures = {row[0]: dict(zip((RAW, OURS, LOCKED, SERVER, SOCKET), row[1:6], strict=False)) for row in rows}
    measured = {name: row for name, row in figures.items() if name in {f"{r.what}, {r.unit}" for r in ROWS}}
    assert len(measured) == len(ROWS)
    cold, cancel = "cold prefill of system prompt and code, s", "cancel during prefill: time to `end`, s"
    assert {name for name, row in measured.items() if row[SOCKET] == "-"} == {cold}
    # It runs llama.cpp's defaults, which some processors cannot.
    is_ended = f"{LOCKED}: its process was ended by SIG" in done.stderr
    assert {name for name, row in measured.items() if row[LOCKED] == "-"} == (
        set(measured) if is_ended else {cold, cancel}
    )
    for name, row in measured.items():  # a fast machine reads a tiny prompt in less than a hundredth of a second
        least = 0.0 if name.endswith(", s") else 0.001
        assert all(float(figure) >= least for figure in row.values() if figure != "-"), name
    assert 20 < float(measured["decode, one stream, tok/s"][RAW]) < 5000
    assert float(measured[cancel][SOCKET]) < 5
    assert 0.01 < float(measured["memory at the end, GB"][RAW]) < 1
    alone = {row[0]: row[1] for row in rows if row[0] not in measured}
    assert re.match(r"\d+% of 1, at worst \d+\.\d s$", alone["TTFT within a budget of 10 s"])
    assert re.match(r"[+-]\d+\.\d%, from \d+ to \d+ MB$", alone["server's RSS, 1 swaps of tiny models"])
