"""The off-topic baseline: the best scores in a codebase of questions that have nothing to do with any codebase.

A question that scores no better has no answer there. Does not know how scores are computed or what is done with hits.
"""

import json
import math
from collections.abc import Collection, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Self

from indexer.parsing.identifiers import TERMS, content_words, split
from indexer.storage.bm25 import max_score
from indexer.storage.snapshot import Snapshot

# Everyday questions about food, sports, places, law, gardens, arts, history, nature, health and travel.
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
# Words of questions to any codebase. A question of these alone is never off topic, however badly it matches.
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

# Thresholds in standard deviations, measured on 11 codebases with 382 questions on them and 40 unseen off-topic ones
# (docs/benchmarks.md). The first is of the re-ranking model's cosines, the others of the sum of both other scores.
_RERANK_Z = 3.6
_FIRST_STAGE_Z = 1.75  # if the candidates were not re-ranked
_SURE_FIRST_STAGE_Z = 7.0  # counts whatever the re-ranking model says
_CHUNKS_CHANGED = 0.2  # share of the chunks from which on a baseline is out of date
_LEAST_DEVIATION = 0.02  # for scores that are nearly constant, as in a codebase of three chunks


@dataclass(frozen=True, slots=True)
class ScoreEvidence:
    """The best scores of one question in one codebase; 0 if nothing was found."""

    static: float  # cosine
    words: float  # BM25, as a share of the most that the question's terms could bring


@dataclass(frozen=True, slots=True)
class OffTopicBaseline:
    """The evidence of each question of `OFF_TOPIC` in one codebase. The fields are as stored in the index."""

    recipe: str  # of what it was measured with
    chunks: int  # in the index at that time
    static: tuple[float, ...]
    words: tuple[float, ...]

    @classmethod
    def measure(cls, model: str, chunks: int, evidence: Sequence[ScoreEvidence]) -> Self:
        static, words = [item.static for item in evidence], [round(item.words, 4) for item in evidence]
        return cls(_recipe(model), chunks, tuple(static), tuple(words))

    @classmethod
    def load(cls, text: str, model: str, chunks: int) -> Self | None:
        """The baseline that `text` holds, if it is of this model and of about as many chunks."""
        try:
            fields = json.loads(text)
            baseline = cls(fields["recipe"], fields["chunks"], tuple(fields["static"]), tuple(fields["words"]))
        except (ValueError, TypeError, KeyError):
            return None
        is_current = abs(baseline.chunks - chunks) <= _CHUNKS_CHANGED * baseline.chunks
        return baseline if baseline.recipe == _recipe(model) and is_current else None

    def dump(self) -> str:
        return json.dumps(asdict(self))

    def covers(self, evidence: ScoreEvidence, *, reranked: bool) -> bool:
        """Whether off-topic questions score as well. `reranked`: the re-ranking model found nothing close either."""
        z = z_score(evidence.static, self.static) + z_score(evidence.words, self.words)
        return z <= (_SURE_FIRST_STAGE_Z if reranked else _FIRST_STAGE_Z)


def is_close(cosines: Mapping[int, float], off_topic: Sequence[float]) -> bool:
    """Whether the best cosine of the re-ranking model is far above those of `OFF_TOPIC` with the same candidates."""
    return bool(cosines) and z_score(max(cosines.values()), off_topic) > _RERANK_Z


def is_general(question: str) -> bool:
    """Whether it could be asked of any codebase: "how do I run the tests?"."""
    return _GENERAL.issuperset(split(" ".join(content_words(question))))


def z_score(score: float, baseline: Sequence[float]) -> float:
    """How far `score` lies above the mean of the baseline, in its standard deviations."""
    mean = sum(baseline) / len(baseline)
    variance = sum((other - mean) ** 2 for other in baseline) / len(baseline)  # `statistics` takes 50 times as long
    return (score - mean) / max(_LEAST_DEVIATION, math.sqrt(variance))


def bm25_share(best: float, terms: Collection[str], snapshot: Snapshot) -> float:
    """The best BM25 of a question, as a share of what a chunk would have that consists of all its terms and no others.

    A term that occurs nowhere counts as the rarest: a question about lasagna finds nothing by its other words.
    """
    chunks, frequency = snapshot.chunks, snapshot.frequency(list(terms))
    possible = sum(max_score(chunks, frequency.get(term, 0)) for term in terms)
    return best / possible if possible else 0.0


def _recipe(model: str) -> str:
    return f"{model}, terms {TERMS}, {len(OFF_TOPIC)} questions"
