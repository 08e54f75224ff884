"""The form of the answer that a question gets."""

import pytest

from prompts.task import CHANGE, EXPLAIN, FACT, answer_instruction


@pytest.mark.parametrize(
    ("question", "form"),
    [
        ("What is the default timeout?", FACT),
        ("How many redirects are followed at most?", FACT),
        ("What license is this project under?", FACT),
        ("Which Python versions are supported?", FACT),
        ("How do I run the tests?", FACT),
        ("What are the dependencies?", FACT),
        ("Is the cache shared between processes?", FACT),
        ("Where are sessions expired?", FACT),
        ("How does the prompt builder keep within the context window?", EXPLAIN),
        ("Why is the index rebuilt?", EXPLAIN),
        ("What does this project do?", EXPLAIN),
        ("explain more", EXPLAIN),
        ("Which of the two caches wins when both hold the key and one of them is stale by now?", EXPLAIN),
        ("Please write a test for the parser", CHANGE),
        ("Can you explain the parser?", EXPLAIN),
        ("Where is the session stored and why?", EXPLAIN),
        ("Which class parses citations and how?", EXPLAIN),
        ("Is there a cache and how does it work?", EXPLAIN),
        ("rename detection - how does it work?", EXPLAIN),
        ("Complete example of the API?", EXPLAIN),
        ("Let's refactor the store", CHANGE),
        ("Can you add a test?", CHANGE),
        ("Fix the race in Store.read", CHANGE),
    ],
)
def test_forms(question: str, form: str) -> None:
    assert answer_instruction(question) == form
