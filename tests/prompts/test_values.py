"""Values in sentences: what counts as one, and when another text holds the same."""

import pytest

from prompts.values import numbers_in, stated_values


@pytest.mark.parametrize(
    ("sentence", "found"),
    [
        ("The default is 5 seconds.", ["5 seconds"]),
        ("It allows 1,000 files and 1_000 fields.", ["1,000", "1_000"]),
        ("Version 4.13.2 needs Python 3.9.", ["4.13.2", "3.9"]),
        ("At most 4 MiB, or 1MB a part.", ["4 MiB", "1MB"]),
        ('The setting is `"weak"`.', ['`"weak"`']),
        ("It is utf-8 by sha256, `x[1]`, HTTP/1.1 and base64.", []),
        ("As step 2 says, line 42 of piece 3.", []),
        ("See src/app.py:12-30 and #7.", []),
        ("It never ends.", []),
        ("At 10:30, 0.5-1.5B, 10–20 or 1.5–2.5.", []),
        ("See RFC 7231: HTTP 404, status code 404, phase 2 on Windows 10.", []),
        ("For example, 100 tokens of 400.", []),
        ('Such a name is e.g. `"cart"`.', []),
    ],
)
def test_what_a_sentence_states(sentence: str, found: list[str]) -> None:
    values = stated_values(sentence)
    assert [value.text for value in values] == found
    assert [sentence[value.start : value.end] for value in values] == found


@pytest.mark.parametrize(
    ("sentence", "code", "stands"),
    [
        ("5 seconds", "timeout: float = 5.0", True),
        ("5", "retries = five", True),
        ("5", "retries = 50", False),
        ("4 MiB", "LIMIT = 4_194_304", True),
        ("4 MiB", "LIMIT = 4 * 1024 * 1024", True),
        ("4 MiB", "LIMIT = 4 << 20", True),
        ("1 MB", "LIMIT = 10**6", True),
        ("3 MiB", "LIMIT = 4 << 20", False),
        ("14 days", "max_age = 14 * 24 * 60 * 60", True),
        ("2 weeks", "max_age = 14 * 24 * 60 * 60", True),
        ("300 ms", "PAUSE_S = 0.3", True),
        ("1,000", "max_files: int = 1000", True),
        ("3", "max_files: int = 1000", False),
        ("31", "MODE = 0x1F", True),
        ("5", "MODE = 0b1_01", True),
        ("5.2.1", '"version": "5.2.1"', True),
        ("4.13.2", '"version": "5.2.1"', False),
        ("1.15", "go 1.15", True),
        ("1.15", "go 1.15.3", True),
        ("1.1", "go 1.15", False),
        ("3.9", 'requires-python = ">=3.9"', True),
        ('`"weak"`', "this.set('etag', 'weak')", True),
        ('`"strong"`', "this.set('etag', 'weak')", False),
    ],
)
def test_the_same_value_in_another_notation(sentence: str, code: str, stands: bool) -> None:
    (value,) = stated_values(sentence)
    assert value.stands_in(code, numbers_in(code)) is stands


def test_a_constant_of_no_sane_size_is_no_number() -> None:
    assert numbers_in("x = 9 ** 9999999 + 2 ** 10").amounts == {9.0, 2.0, 9999999.0, 10.0, 1024.0}
    assert numbers_in("1000000 ** 64 * 0x_").amounts == {1000000.0, 64.0, 0.0}
    assert numbers_in("1" * 5000).versions == {"1" * 5000}


def test_names_of_the_world_count_where_they_are_asked_for() -> None:
    sentence = "The project is under the MIT license, as Node says. See [1]."
    (licence, name) = stated_values(sentence, proper=True)
    assert (licence.text, name.text) == ("MIT", "Node")
    assert licence.stands_in("license: mit", numbers_in("")) is True
    assert licence.stands_in("license: BSD-3-Clause", numbers_in("")) is False
    assert stated_values(sentence) == []
