"""The prompts of the benchmark: texts with an exact number of tokens, the same for every engine.

The code is this repository's own. Does not know the engines.
"""

from dataclasses import dataclass
from pathlib import Path

from llama_cpp import Llama

from models.llama.bindings import library

ROOT = Path(__file__).parents[2]
FOLLOW_UPS = (
    "And where is it called?",
    "What happens when it fails?",
    "Which test covers that?",
    "How would you make it shorter?",
    "What does it return then?",
    "Is there another way to do the same?",
    "Which of these names would you change?",
    "What would break without the first line?",
)
LONG = "Now count from one to five hundred, every number as a word on a line of its own."


@dataclass(frozen=True, slots=True)
class Sizes:
    """In tokens, except for the counts."""

    system: int = 300
    code: int = 320  # in the first question of a conversation
    others: int = 20  # conversations in between
    other: int = 60  # the code of each
    answer: int = 24
    decode: int = 64  # the answer whose rate is measured
    rounds: int = 3  # of that answer, and of several at once
    rest_s: float = 3.0  # pause between two rows, in which an engine may do work in the background
    running: int = 300  # the answer during which a long prompt is read
    alone: int = 12  # pieces of it that come before
    long: int = 2000
    cancelled: int = 4000
    cancel_after_s: float = 3.0
    budget_turns: int = 8  # turns with a time-to-first-token budget
    package: str = "indexer"  # which those turns are about
    swaps: int = 50


QUICK = Sizes(
    system=60, code=60, others=1, other=20, answer=4, decode=16, rounds=1, rest_s=0, running=120, alone=2, long=300,
    cancelled=800, cancel_after_s=0.02, budget_turns=1, package="indexer/evaluation", swaps=1,
)  # fmt: skip


@dataclass(slots=True)
class Workload:
    """The texts of one run. Each call returns the next one, so every engine has a workload of its own."""

    sizes: Sizes
    tokens: list[int]  # of this repository's code
    llama: Llama
    position: int = 0  # in `tokens`
    n_follow_ups: int = 0

    @classmethod
    def of(cls, model: Path, sizes: Sizes) -> "Workload":
        library()  # redirects the log, which would warn of a vocabulary without a model
        llama = Llama(str(model), vocab_only=True, verbose=False)
        files = sorted(path for name in ("backend", "indexer", "prompts") for path in (ROOT / name).rglob("*.py"))
        text = "\n".join(path.read_text("utf-8") for path in files)
        return cls(sizes, llama.tokenize(text[:200_000].encode(), add_bos=False), llama)

    def system(self) -> str:
        """A system prompt of realistic length."""
        text = (ROOT / "prompts" / "system.md").read_text("utf-8") * 8
        return self._text(self.llama.tokenize(text.encode(), add_bos=False)[: self.sizes.system])

    def _text(self, tokens: list[int]) -> str:
        return bytes(self.llama.detokenize(tokens)).decode("utf-8", "ignore")

    def again(self) -> "Workload":
        """The same workload from its start."""
        return Workload(self.sizes, self.tokens, self.llama)

    def code(self, n_tokens: int) -> str:
        """The next piece of code, and a question about it."""
        piece = self.tokens[self.position : self.position + n_tokens]
        assert len(piece) == n_tokens, "the repository has too little code for this benchmark"
        self.position += n_tokens
        return f"{self._text(piece)}\n\nWhat does this do?"

    def follow_up(self) -> str:
        self.n_follow_ups += 1
        return FOLLOW_UPS[self.n_follow_ups % len(FOLLOW_UPS)]
