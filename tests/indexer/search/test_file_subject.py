"""How much of a file's name is in a question."""

import pytest

from indexer.parsing.identifiers import query_terms
from indexer.search.file_subject import subject_share


@pytest.mark.parametrize(
    ("path", "question", "share"),
    [
        ("lib/indifferent_hash.rb", "case-insensitive hash for params", 0.5),
        ("lib/IndifferentHash.rb", "the indifferent hashes", 1.0),
        ("runtime/time/wheel/level.rs", "levels of the timer wheel", 1.0),
        ("runtime/time/wheel/level.rs", "the timer wheel", 0.3 / 2),
        ("src/formatting.py", "how text is formatted", 1.0),
        ("src/index.ts", "the index", 0.0),
        ("select/mod.rs", "select one future", 0.3),
        ("a/b/c.py", "nothing of it", 0.0),
        ("", "anything", 0.0),
    ],
)
def test_the_words_of_a_name_count_and_the_folders_less(path: str, question: str, share: float) -> None:
    assert subject_share(path, frozenset(query_terms(question))) == pytest.approx(share)
