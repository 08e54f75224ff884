"""The benchmark of answers: its questions, its figures, its peer, and a quick run."""

import asyncio
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from benchmarks.answers import questions
from benchmarks.answers.configurations import ALL, BUDGETS, MODELS, Configuration, budget
from benchmarks.answers.figures import cited, id_recall, identifiers, invented, rouge_l, summary, vocabulary
from benchmarks.answers.plain import plain_prompt, plain_server
from benchmarks.answers.questions import Address, Docstrings, Question, Scripted
from benchmarks.answers.run import BEGIN, END, answers_folder, table
from benchmarks.document import DOCS, replace_section
from tests.e2e.harness import serving
from tests.indexer.repository import shop
from tests.models.remote.harness import Call, fake_server, honest

REFERENCE = "`Cart.total` calls `sum` in shop/cart.py, then applies discount_rate."
NAMES = vocabulary([("shop/cart.py", "class Cart:\n def total(self): return sum(self.discount_rate)")])
# The shared benchmark's script as far as we rely on it: a line of JSON for each answer, a line for each failure.
SCRIPT = """import argparse, json
parser = argparse.ArgumentParser()
for name in ("data", "packs", "url", "token", "n", "body", "out"):
    parser.add_argument("--" + name, required=True)
given = parser.parse_args()
row = {"id_recall": 0.5, "file_hit": None, "first_s": 1.0, "words": int(given.n), "prompt": json.loads(given.body)["a"]}
open(given.out, "w").write(json.dumps(row) + "\\n")
print("FAILED x", given.url)
print("n 1 failed 1 model m")
"""


@pytest.fixture(scope="module")
def lantern(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Address]:
    with serving(tmp_path_factory.mktemp("data"), MODEL_NAME="extractive") as served:
        yield Address(served.url, served.token)


def test_identifiers_are_words_that_look_like_code() -> None:
    prose = "In `Cart.total(x)` and snake_case, camelCase, SOME_NAME or `ab`, not src/one_two.py."
    found = identifiers(f"{prose}\n```\nfenced_one\n```")
    assert found == {"Cart", "total", "snake_case", "camelCase", "SOME_NAME"}


def test_the_metrics_of_an_answer() -> None:
    assert id_recall("`total` it is, with discount_rate", REFERENCE, NAMES) == 0.5  # of Cart, total, sum, discount_rate
    assert id_recall("x", "no names", NAMES) is None
    assert invented("`Cart` and `Basket` and make_up", NAMES) == pytest.approx(2 / 3)
    assert invented("nothing named", NAMES) == 0.0
    assert rouge_l("The cat sat down", "the cat then sat") == pytest.approx(3 / 4)
    assert rouge_l("", "the cat") == 0.0
    assert cited("It sums up all the prices [1]. It then takes the discount off. Short one.") == 0.5
    assert cited("See what cart.py does with it.") == 1.0
    assert cited("") == 0.0


def test_the_mean_is_of_those_answers_that_have_the_figure() -> None:
    rows = [{"id_recall": None, "first_s": float(n), "file_hit": n == 1} for n in range(1, 21)] + [{"id_recall": 0.25}]
    assert summary(rows) == {"id_recall": 0.25, "first_s": 10.5, "file_hit": 0.05, "first_p95": 19.0}
    assert summary([{}]) == {}


def test_docstrings_that_became_questions_are_blank_in_the_copy(tmp_path: Path) -> None:
    docstrings = Docstrings.of(shop(tmp_path / "shop"), tmp_path / "copy", 2, str)
    sums = Question(
        "Where is this done, and how does it work? Sums up what the cart costs.", "Discounts count.", "shop/cart.py"
    )
    assert sums in docstrings.questions
    assert len(docstrings.questions) == 2
    assert "Discounts count" not in (docstrings.root / "shop/cart.py").read_text()
    assert {"Cart", "total", "sendReceipt"} <= docstrings.names


def test_a_question_that_fails_is_counted(lantern: Address, tmp_path: Path) -> None:
    log: list[str] = []
    docstrings = Docstrings(shop(tmp_path / "shop"), (Question("a?", "b", "c.py"),), frozenset(), log.append)
    rows = docstrings.ask(lantern, {"model": "nobody"}, tmp_path / "out")
    assert rows == [{}]
    assert log[0].startswith("  FAILED a?: ")
    row = Configuration("m", "w")
    assert list(table([(row, [{}, {"cited": 0.5, "words": 3, "first_s": 0.25}])]))[-1] == (
        "| m | w | 1, 1 failed | - | - | - | - | 50.0 | - | 0.25 | 0.25 | - | 3 | - |"
    )


def test_the_shared_benchmark_runs_its_own_script(tmp_path: Path) -> None:
    (tmp_path / questions.BENCH_SCRIPT).write_text(SCRIPT)
    log: list[str] = []
    rows = Scripted(tmp_path, 7, log.append).ask(Address("http://x", "t"), {"a": 9}, tmp_path / "out")
    assert rows == [{"id_recall": 0.5, "file_hit": None, "first_s": 1.0, "words": 7, "prompt": 9}, {}]
    assert log == ["  FAILED x http://x"]


async def test_the_peer_has_lanterns_routes_and_gets_the_code_that_lantern_finds(
    lantern: Address, tmp_path: Path
) -> None:
    async with fake_server(honest) as peer:
        with plain_server(lantern, peer.url) as address:
            root = str(shop(tmp_path / "shop"))
            codebase = await asyncio.to_thread(address.post, "/index", {"path": root, "wait": True})
            request = {"query": "What does the cart cost?", "codebase": codebase["codebase"], "first_token_s": 0}
            answer = await asyncio.to_thread(address.post, "/chat/query", request)
            preview = await asyncio.to_thread(lantern.post, "/chat/preview", request)
    message = peer.bodies[0]["messages"][0]["content"]
    assert message == plain_prompt("What does the cart cost?", preview["snippets"])
    assert "shop/cart.py, lines " in message
    assert "whole = sum(prices)" in message
    assert answer["response"].startswith("word0 word1 ")
    assert [source["path"] for source in answer["sources"]] == [snippet["path"] for snippet in preview["snippets"]]
    assert answer["usage"]["prompt"] > 10
    assert answer["timings"]["prefill"] > 0


async def test_a_peer_that_fails_is_a_failed_answer(lantern: Address, tmp_path: Path) -> None:
    async def refuses(call: Call) -> None:
        await call.answer(500, {"error": "no"})

    docstrings = Docstrings(shop(tmp_path / "shop"), (Question("a?", "b", "c.py"),), frozenset(), str)
    async with fake_server(refuses) as peer:
        with plain_server(lantern, peer.url) as address:
            assert await asyncio.to_thread(docstrings.ask, address, {}, tmp_path / "out") == [{}]


def test_every_configuration_is_a_row_and_unknown_fields_are_named() -> None:
    assert len({row.name for row in ALL}) == len(ALL) == 1 + len(MODELS) * (len(BUDGETS) + 4)
    assert budget(2000, "m").unknown == ""
    assert Configuration("m", "w", {"retrieval": "off", "no_such_field": 1}).unknown == "no_such_field"


def test_only_its_own_section_is_written_and_answers_are_stored(tmp_path: Path) -> None:
    assert replace_section(f"a\n{BEGIN}\nold\n{END}\nb\n", "new", BEGIN, END) == f"a\n{BEGIN}\nnew\n{END}\nb\n"
    with answers_folder(tmp_path / "answers") as folder:
        assert folder.is_dir()
    assert folder.is_dir()
    with answers_folder(None) as folder:
        assert folder.is_dir()
    assert not folder.exists()


def test_the_quick_benchmark_prints_its_table() -> None:
    command = [sys.executable, "-m", "benchmarks.answers.run", "--quick"]
    done = subprocess.run(command, cwd=DOCS.parents[1], capture_output=True, text=True, timeout=240)
    assert done.returncode == 0, done.stderr
    rows = [line.strip("| ").split(" | ") for line in done.stdout.splitlines() if line.startswith("| ")]
    row = dict(zip(rows[0], rows[-1], strict=True))
    assert (row["engine"], row["n"], row["invented"]) == ("extractive", "2", "0.0")
    assert (row["file_hit"], row["cited"], row["grounding"]) == ("100.0", "100.0", "100.0")
    assert float(row["whole answer, s"]) >= float(row["first text, s"]) > 0
    assert re.search(r"^Measured \d{4}-\d\d-\d\d at commit \w+\+?, ", done.stdout, re.MULTILINE)
