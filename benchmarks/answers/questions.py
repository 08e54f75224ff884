"""The questions of the answers benchmark: the shared benchmark's own script, or this repository's docstrings.

Both query a server with Lantern's REST routes, each question in its own conversation, one after the other.
"""

import json
import re
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import httpx

from benchmarks.answers.figures import Row, cited, id_recall, identifiers, invented, rouge_l, vocabulary
from indexer.evaluation.dataset import DOCSTRING, build
from indexer.files.languages import language_of
from indexer.parsing.definitions import parse

BENCH_SCRIPT, BENCH_DATA = "answers.py", "answers-dev.jsonl"
_TIMEOUT_S = 3600.0
_CANDIDATES = 12  # docstrings for each question: few have more than one sentence and name code
_SENTENCE_END = re.compile(r"(?<=[.!?])\s+")

Log = Callable[[str], object]


@dataclass(frozen=True, slots=True)
class Address:
    """A server that answers."""

    url: str
    token: str

    def post(self, path: str, body: dict[str, Any]) -> Any:
        headers = {"Authorization": f"Bearer {self.token}"}
        answer = httpx.post(self.url + path, json=body, headers=headers, timeout=_TIMEOUT_S, trust_env=False)
        answer.raise_for_status()
        return answer.json()


class Questions(Protocol):
    """A set of questions with reference answers."""

    @property
    def what(self) -> str:
        """A description for the document."""
        ...

    def ask(self, server: Address, body: dict[str, Any], out: Path) -> list[Row]:
        """The figures of every answer; empty for one that failed.

        `body`: fields of every request. `out`: a file for the answers, a line of JSON each.
        """
        ...


@dataclass(frozen=True, slots=True)
class Scripted:
    """The shared benchmark of other repositories."""

    bench: Path
    n: int
    log: Log

    @property
    def what(self) -> str:
        return f"`{BENCH_SCRIPT}` over `{BENCH_DATA}`: questions about other repositories, with reference answers"

    def ask(self, server: Address, body: dict[str, Any], out: Path) -> list[Row]:
        options: dict[str, object] = {
            "--data": self.bench / BENCH_DATA,
            "--packs": self.bench / "packs",
            "--url": server.url,
            "--token": server.token,
            "--n": self.n,
            "--body": json.dumps(body),
            "--out": out,
        }
        flat = (word for option in options.items() for word in option)
        command = [sys.executable, "-u", self.bench / BENCH_SCRIPT, *flat]
        failed = 0
        with subprocess.Popen([str(word) for word in command], stdout=subprocess.PIPE, text=True) as process:
            assert process.stdout is not None
            for line in process.stdout:
                if line.startswith("FAILED"):
                    failed += 1
                    self.log(f"  {line.rstrip()}")
        assert process.returncode == 0, "the benchmark's script failed"
        return [*map(json.loads, out.read_text("utf-8").splitlines()), *({} for _ in range(failed))]


@dataclass(frozen=True, slots=True)
class Question:
    """Made from a docstring: its first sentence is the question, the rest, if any, the reference."""

    text: str
    reference: str
    path: str


@dataclass(frozen=True, slots=True)
class Docstrings:
    """Questions made from docstrings of a codebase, where these are blank."""

    root: Path
    questions: tuple[Question, ...]
    names: frozenset[str]  # in the codebase
    log: Log

    @classmethod
    def of(cls, root: Path, copy: Path, n: int, log: Log) -> "Docstrings":
        """At most `n` questions about `root`, which is copied without the docstrings that became questions."""
        questions = tuple(_questions(root, copy, n))
        paths = sorted(path for path in copy.rglob("*") if path.is_file())
        files = [(path.relative_to(copy).as_posix(), path.read_text("utf-8")) for path in paths]
        return cls(copy, questions, frozenset(vocabulary(files)), log)

    @property
    def what(self) -> str:
        return "questions from this repository's own docstrings, which are blanked; what else they say is the reference"

    def ask(self, server: Address, body: dict[str, Any], out: Path) -> list[Row]:
        codebase = server.post("/index", {"path": str(self.root), "wait": True})["codebase"]
        rows: list[Row] = []
        with out.open("w", encoding="utf-8") as file:
            for question in self.questions:
                start = time.perf_counter()
                try:
                    answer = server.post("/chat/query", {"query": question.text, "codebase": codebase} | body)
                except httpx.HTTPError as error:
                    self.log(f"  FAILED {question.text}: {error}")
                    rows.append({})
                    continue
                rows.append(self._figures(question, answer) | {"total_s": time.perf_counter() - start})
                file.write(json.dumps(rows[-1] | {"query": question.text, "answer": answer["response"]}) + "\n")
        return rows

    def _figures(self, question: Question, answer: dict[str, Any]) -> Row:
        text, times = answer["response"], answer["timings"]
        return {
            "id_recall": id_recall(text, question.reference, self.names),
            "invented": invented(text, self.names),
            "rouge_l": rouge_l(text, question.reference),
            "file_hit": any(source["path"] == question.path for source in answer["sources"]),
            "cited": cited(text),
            "grounding": answer.get("grounding"),
            "first_s": sum(times.get(name) or 0 for name in ("queue", "retrieve", "prefill")) / 1000,
            "words": len(text.split()),
            "prompt": answer["usage"]["prompt"],
        }


def _questions(root: Path, copy: Path, n: int) -> list[Question]:
    """Those first whose reference names code."""
    questions = []
    for case in (case for case in build(root, copy, _CANDIDATES * n) if case.kind == DOCSTRING):
        gold = case.functions[0]
        definitions = parse((root / gold.path).read_text("utf-8"), language_of(gold.path).name)
        documented = next(item.symbol.doc for item in definitions if item.symbol.qualified == gold.symbol)
        rest = " ".join(_SENTENCE_END.split(documented, maxsplit=1)[1:]).strip()
        text = f"Where is this done, and how does it work? {case.question}"
        questions.append(Question(text, rest or documented, gold.path))
    return sorted(questions, key=lambda question: not identifiers(question.reference))[:n]
