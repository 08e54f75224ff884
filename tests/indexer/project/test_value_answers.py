"""Questions for a value asked of an index: the lines that give it, and no others."""

from pathlib import Path

import pytest

from indexer.project.settings import parse_setting_query
from indexer.project.value_answers import find_values
from tests.indexer.project.harness import indexed


def told(folder: Path, question: str) -> list[tuple[str, str]]:
    query = parse_setting_query(question)
    assert query is not None
    with indexed(folder).store.read() as snapshot:
        return [(f"{found.path}:{found.line}", found.text) for found in find_values(query, snapshot)]


@pytest.mark.parametrize(
    ("question", "place", "text"),
    [
        ("What is the default timeout?", "shop/config.py:3", "DEFAULT_TIMEOUT = 30.0"),
        ("How many items may a cart hold?", "shop/config.py:4", "MAX_ITEMS = 200  # in a cart"),
        ("How long does a session live by default?", "shop/session.py:5", "max_age: int | None = 14 * 24 * 60 * 60,"),
        ("What is the name of the session cookie?", "shop/session.py:4", "cookie: str = 'shop_session',"),
        (
            "Which environment variable holds the token?",
            "shop/config.py:7",
            'TOKEN = os.environ.get("SHOP_TOKEN")',
        ),
    ],
)
def test_the_line_that_gives_the_value_comes_first(tmp_path: Path, question: str, place: str, text: str) -> None:
    assert told(tmp_path, question)[0] == (place, text)


@pytest.mark.parametrize("question", ["How many laps does a runner do?", "What is the default colour of the sky?"])
def test_what_no_line_covers_is_not_told(tmp_path: Path, question: str) -> None:
    assert told(tmp_path, question) == []


def test_a_test_tells_no_default(tmp_path: Path) -> None:
    assert "tests/test_config.py:1" not in dict(told(tmp_path, "What is the default timeout?"))
    assert told(tmp_path / "other", "What is the default timeout of the tests?")[0][0] == "tests/test_config.py:1"
