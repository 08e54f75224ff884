"""What a question finds by chance: the best scores of questions that have nothing to do with any codebase.

A question that finds nothing better has no answer there. Does not know how scores come about or what is done with hits.
"""

import json
import statistics
from collections.abc import Collection, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Self

from indexer.parsing.identifiers import TERMS, content_words, split
from indexer.storage.bm25 import most
from indexer.storage.snapshot import Snapshot

# Everyday questions: about food, sports, places, law, gardens, arts, history, nature, health, travel.
OFF_TOPIC = (
    "How long should I boil an egg so that the yolk stays soft?",
    "What goes well with roast lamb on a Sunday?",
    "How do I keep a sourdough starter alive in winter?",
    "Which spices belong in a chicken curry?",
    "Can I freeze fresh basil?",
    "How much sugar is in a bottle of lemonade?",
    "Who won the football world cup in 1998?",
    "How is the offside rule explained to a child?",
    "Which tennis player has the most grand slam titles?",
    "How many laps does a marathon runner do in a stadium?",
    "What is the capital of Mongolia?",
    "Which river flows through Vienna and Budapest?",
    "How high is Mount Kilimanjaro?",
    "Which countries border Switzerland?",
    "Why is the Dead Sea so salty?",
    "How much notice must a landlord give a tenant?",
    "Can my neighbour force me to cut down a tree?",
    "What is the difference between a will and a trust?",
    "Do I have to pay tax on a gift from my parents?",
    "When should I prune roses?",
    "Why are the leaves of my tomato plants turning yellow?",
    "Which vegetables grow well in the shade?",
    "How do I get rid of moss in the lawn?",
    "Who painted the ceiling of the Sistine Chapel?",
    "When did the Roman Empire fall?",
    "Who wrote the Brothers Karamazov?",
    "Which composer was deaf when he wrote his ninth symphony?",
    "Why did the dinosaurs die out?",
    "How far away is the moon?",
    "What causes thunder and lightning?",
    "How often should a dog be walked?",
    "Why does my cat purr?",
    "How do I treat a sunburn at home?",
    "Is it bad to drink coffee late in the evening?",
    "How much sleep does a teenager need?",
    "What should I wear to a summer wedding?",
    "How do I remove a red wine stain from a carpet?",
    "Where can I find a cheap hotel near the beach?",
    "What is the weather like in Lisbon in April?",
    "Tell me a joke about elephants",
)
# What can be asked of any codebase. A question of such words alone is never off topic, however badly it matches.
_GENERAL = frozenset(
    split(
        "abstraction api app application architecture argument author bug build central check class classes cli"
        " codebase command comment component concept config configuration configure contribute contributor"
        " convention core crash database debug dependencies dependency deploy design develop developer directory doc"
        " document documentation download endpoint entry environment error event example exception exist explain"
        " export fail feature file flag folder function goal handle happen hello help hi idea implement import"
        " important input install installation interface issue key language layer layout library licence license log"
        " logging main maintain module object operation option organise organize output overview package part path"
        " pattern performance platform plugin point process program project public purpose raise read reading"
        " release require requirement responsibility route run safe script security server set setting setup source"
        " stack start state step store structure summarise summarize summary support system task technology test"
        " testing thank thread tool type understand update upgrade usage user variable version workflow write"
    )
)

# Measured on 11 codebases with 382 questions on them and 40 unseen off-topic ones, see docs/benchmarks.md: where the
# heavy embedder has read the candidates, in deviations of its cosines; else in the sum of those of the two others.
_DENSE = 3.6
_CHEAP = 1.75
_CHEAP_ALONE = 7.0  # so good that it counts whatever the heavy embedder says
_CHANGED = 0.2  # share of the chunks
_LEAST_DEVIATION = 0.02  # of scores that are nearly constant, as in a codebase of three chunks


@dataclass(frozen=True, slots=True)
class ScoreEvidence:
    """The best scores of one question in one codebase; 0 where nothing was found."""

    static: float  # cosine
    words: float  # BM25, as a share of the most that the words of the question could bring


@dataclass(frozen=True, slots=True)
class OffTopicBaseline:
    """The evidence of each of `OFF_TOPIC` in one codebase, and of which state of it."""

    recipe: str
    chunks: int
    static: tuple[float, ...]
    words: tuple[float, ...]

    @classmethod
    def measure(cls, model: str, chunks: int, found: Sequence[ScoreEvidence]) -> Self:
        return cls(
            _recipe(model), chunks, tuple(one.static for one in found), tuple(round(one.words, 4) for one in found)
        )

    @classmethod
    def kept(cls, text: str, model: str, chunks: int) -> Self | None:
        """What `text` keeps, if it is of this model and of about these chunks."""
        try:
            told = json.loads(text)
            found = cls(told["recipe"], told["chunks"], tuple(told["static"]), tuple(told["words"]))
        except (ValueError, TypeError, KeyError):
            return None
        is_of_these = abs(found.chunks - chunks) <= _CHANGED * found.chunks
        return found if found.recipe == _recipe(model) and is_of_these else None

    def text(self) -> str:
        return json.dumps(asdict(self))

    def covers(self, evidence: ScoreEvidence, read: bool) -> bool:
        """Whether off-topic questions find as good; `read`: the heavy embedder has seen nothing better either."""
        better = z_score(evidence.static, self.static) + z_score(evidence.words, self.words)
        return better <= (_CHEAP_ALONE if read else _CHEAP)


def is_close(cosines: Mapping[int, float], by_chance: Sequence[float]) -> bool:
    """Whether the best of the heavy embedder's cosines is beyond those of `OFF_TOPIC` with the same candidates."""
    return bool(cosines) and z_score(max(cosines.values()), by_chance) > _DENSE


def is_general(question: str) -> bool:
    """Whether it could be asked of any codebase: "how do I run the tests?"."""
    return _GENERAL.issuperset(split(" ".join(content_words(question))))


def z_score(score: float, by_chance: Sequence[float]) -> float:
    """How far beyond their mean, in standard deviations."""
    deviation = max(_LEAST_DEVIATION, statistics.pstdev(by_chance))
    return (score - statistics.fmean(by_chance)) / deviation


def share(best: float, terms: Collection[str], snapshot: Snapshot) -> float:
    """The best BM25 of a question, as a share of what a chunk would have that is about nothing but all its terms.

    A term that occurs nowhere counts as the rarest: "lasagna" is what the question is about, and is not found.
    """
    chunks, frequency = snapshot.chunks, snapshot.frequency(list(terms))
    possible = sum(most(chunks, frequency.get(term, 0)) for term in terms)
    return best / possible if possible else 0.0


def _recipe(model: str) -> str:
    return f"{model}, terms {TERMS}, {len(OFF_TOPIC)} questions"
