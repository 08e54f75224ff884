"""Who asks: the shared benchmark's own script, or questions that are made of this repository's docstrings.

Both ask a server with a REST face of Lantern's, each question in a conversation of its own, one after the other.
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
_PATIENCE_S = 3600.0
_MADE = 12  # docstrings that are looked at for each question: few say more than one sentence and name code
_SENTENCE_END = re.compile(r"(?<=[.!?])\s+")

Say = Callable[[str], object]


@dataclass(frozen=True, slots=True)
class Address:
    """A server that answers."""

    url: str
    token: str

    def post(self, path: str, body: dict[str, Any]) -> Any:
        headers = {"Authorization": f"Bearer {self.token}"}
        answer = httpx.post(self.url + path, json=body, headers=headers, timeout=_PATIENCE_S, trust_env=False)
        answer.raise_for_status()
        return answer.json()


class Questions(Protocol):
    """A set of questions with reference answers."""

    @property
    def what(self) -> str:
        """What is asked, for the document."""
        ...

    def ask(self, server: Address, body: dict[str, Any], out: Path) -> list[Row]:
        """The figures of every answer, none where there was none; `body` goes with each question, the answers into
        `out`, a line of JSON each.
        """
        ...


@dataclass(frozen=True, slots=True)
class Scripted:
    """The benchmark of other repositories, where its folder is at hand."""

    bench: Path
    n: int
    say: Say

    @property
    def what(self) -> str:
        return f"`{BENCH_SCRIPT}` over `{BENCH_DATA}`: questions about other repositories, with reference answers"

    def ask(self, server: Address, body: dict[str, Any], out: Path) -> list[Row]:
        given: dict[str, object] = {
            "--data": self.bench / BENCH_DATA,
            "--packs": self.bench / "packs",
            "--url": server.url,
            "--token": server.token,
            "--n": self.n,
            "--body": json.dumps(body),
            "--out": out,
        }
        words = [sys.executable, "-u", self.bench / BENCH_SCRIPT, *(word for pair in given.items() for word in pair)]
        failed = 0
        with subprocess.Popen([str(word) for word in words], stdout=subprocess.PIPE, text=True) as process:
            assert process.stdout is not None
            for line in process.stdout:
                if line.startswith("FAILED"):
                    failed += 1
                    self.say(f"  {line.rstrip()}")
        assert process.returncode == 0, "the benchmark's script failed"
        return [*map(json.loads, out.read_text("utf-8").splitlines()), *({} for _ in range(failed))]


@dataclass(frozen=True, slots=True)
class Question:
    """What a docstring was made into: its first sentence asks, what else it says, if anything, is the reference."""

    text: str
    reference: str
    path: str


@dataclass(frozen=True, slots=True)
class Docstrings:
    """Questions about a codebase whose docstrings they were; there they are blank."""

    root: Path
    questions: tuple[Question, ...]
    known: frozenset[str]
    say: Say

    @classmethod
    def of(cls, root: Path, copy: Path, n: int, say: Say) -> "Docstrings":
        """At most `n` questions about `root`, which is copied without the docstrings that are asked for."""
        questions = tuple(_questions(root, copy, n))
        paths = sorted(path for path in copy.rglob("*") if path.is_file())
        files = [(path.relative_to(copy).as_posix(), path.read_text("utf-8")) for path in paths]
        return cls(copy, questions, frozenset(vocabulary(files)), say)

    @property
    def what(self) -> str:
        return "questions from this repository's own docstrings, which are blanked; what else they say is the reference"

    def ask(self, server: Address, body: dict[str, Any], out: Path) -> list[Row]:
        codebase = server.post("/index", {"path": str(self.root), "wait": True})["codebase"]
        rows: list[Row] = []
        with out.open("w", encoding="utf-8") as file:
            for question in self.questions:
                began = time.perf_counter()
                try:
                    answer = server.post("/chat/query", {"query": question.text, "codebase": codebase} | body)
                except httpx.HTTPError as error:
                    self.say(f"  FAILED {question.text}: {error}")
                    rows.append({})
                    continue
                rows.append(self._checked(question, answer) | {"total_s": time.perf_counter() - began})
                file.write(json.dumps(rows[-1] | {"query": question.text, "answer": answer["response"]}) + "\n")
        return rows

    def _checked(self, question: Question, answer: dict[str, Any]) -> Row:
        text, times = answer["response"], answer["timings"]
        return {
            "id_recall": id_recall(text, question.reference, self.known),
            "invented": invented(text, self.known),
            "rouge_l": rouge_l(text, question.reference),
            "file_hit": any(source["path"] == question.path for source in answer["sources"]),
            "cited": cited(text),
            "grounding": answer.get("grounding"),
            "first_s": sum(times.get(name) or 0 for name in ("queue", "retrieve", "prefill")) / 1000,
            "words": len(text.split()),
            "prompt": answer["usage"]["prompt"],
        }


def _questions(root: Path, copy: Path, n: int) -> list[Question]:
    """Those first whose reference says more than the question and names code."""
    made = []
    for case in (case for case in build(root, copy, _MADE * n) if case.kind == DOCSTRING):
        gold = case.functions[0]
        definitions = parse((root / gold.path).read_text("utf-8"), language_of(gold.path).name)
        documented = next(item.symbol.doc for item in definitions if item.symbol.qualified == gold.symbol)
        rest = " ".join(_SENTENCE_END.split(documented, maxsplit=1)[1:]).strip()
        asked = f"Where is this done, and how does it work? {case.question}"
        made.append(Question(asked, rest or documented, gold.path))
    return sorted(made, key=lambda question: not identifiers(question.reference))[:n]
