"""Tokens with an issuer's format, each of them where several follow each other; hashes of passwords."""

import json
from pathlib import Path

import pytest

from indexer.files.secrets import renew, rules
from indexer.files.secrets.linear import compiled
from indexer.files.secrets.masking import MARK, mask
from tests.indexer.files.secrets.planted import ALNUM, HEX, TOKENS, URL_SAFE, Source

SOURCE = Source(24)


@pytest.mark.parametrize(
    "value",
    [
        "$2" + "y$10$" + SOURCE.text(ALNUM, 53),
        "$6" + f"${SOURCE.text(ALNUM, 12)}${SOURCE.text(ALNUM, 86)}",
        "$apr" + f"1${SOURCE.text(ALNUM, 8)}${SOURCE.text(ALNUM, 22)}",
        "$argon2" + f"id$v=19$m=65536,t=3,p=4${SOURCE.text(ALNUM, 22)}${SOURCE.text(ALNUM, 43)}",
        "SCRAM-" + f"SHA-256$4096:{SOURCE.text(ALNUM, 24)}${SOURCE.text(ALNUM, 44)}:{SOURCE.text(ALNUM, 44)}",
    ],
)
def test_the_hash_of_a_password_is_masked(value: str) -> None:
    assert mask(f"admin: '{value}' #") == f"admin: '{MARK}' #"


def test_tokens_that_are_known_by_their_middle_are_masked_one_after_the_other() -> None:
    tokens = [SOURCE.text(ALNUM, 3) + "8" + "Q~" + SOURCE.text(URL_SAFE, 34) for _ in range(3)]
    assert mask("\n".join(tokens)) == "\n".join([MARK] * 3)


def test_the_sign_begins_where_the_first_rule_matches() -> None:
    """Wherever `any` finds something, and nowhere else: without the sign, a text is not searched."""
    engine, tokens = rules._engine(), [token(SOURCE) for token in TOKENS.values()]
    texts = [f"{before}{token}{after}".encode() for token in tokens for before, after in (("", ""), ("=(%0A", "`;"))]
    texts += [text[:-9] for text in texts]
    found = [engine.any(text, 0, len(text))[0][0] for text in texts]
    assert [rules._sign()(text, 0, len(text))[0][0] for text in texts] == found
    assert sum(start >= 0 for start in found) > len(tokens)


def test_code_without_tokens_is_not_searched_by_all_rules() -> None:
    rules._engine.cache_clear()
    assert mask("def token_of(key):\n    return table[key]\n") == "def token_of(key):\n    return table[key]\n"
    assert rules._engine.cache_info().currsize == 0


def test_two_tokens_on_a_line_are_masked() -> None:
    assert mask(f"{TOKENS['github'](SOURCE)} {TOKENS['npm'](SOURCE)}") == f"{MARK} {MARK}"


@pytest.mark.parametrize(
    "value",
    [
        "AK" + "IAIOSFODNN7EXAMPLQ",
        "AS" + "IA" + "ABAB" * 4,
        "gh" + "p_" + "a1B2" * 9,
        "npm" + "_" + "abcdefghijkl" * 3,
        "h" + "f_" + "testtoken1" * 3 + "abcd",
        "gl" + "pat-" + "your-secret-token-12",
        "sk" + "_live_" + "0123456789" * 3,
    ],
)
def test_an_unmistakable_format_is_masked_however_little_random_it_is(value: str) -> None:
    assert mask(f"use {value}.") == f"use {MARK}."


@pytest.mark.parametrize(
    "value",
    [
        "AK" + "IAIOSFODNN7EXAMPLE",
        "AK" + "IAI44QH8DHBEXAMPLE",
        "gh" + "p_" + "x" * 36,
        "sk" + "_live_" + "X" * 24,
        "AS" + "IA" + "A" * 16,
    ],
)
def test_a_documented_example_of_an_unmistakable_format_stays(value: str) -> None:
    assert mask(f"use {value}.") == f"use {value}."


@pytest.mark.parametrize("name", ["sonar_login", "sonar.token", "SONAR_TOKEN"])
def test_of_a_rule_with_more_groups_the_secret_is_masked_and_not_a_name(name: str) -> None:
    token = SOURCE.text(HEX, 40)
    assert mask(f'{name}: "{token}"') == f'{name}: "{MARK}"'


def test_in_every_rule_the_first_group_that_matches_is_the_secret() -> None:
    rules = json.loads(Path(renew.__file__).with_name("gitleaks.json").read_text("utf-8"))
    assert {name: compiled(regex).groups for name, regex in rules.items() if compiled(regex).groups > 1} == {
        "atlassian-api-token": 2,  # of two alternatives
        "dropbox-long-lived-api-token": 2,  # these three have a group around the whole token
        "heroku-api-key-v2": 2,
        "lob-api-key": 2,
    }
    assert [name for name, regex in rules.items() if "(?P<" in regex] == []


@pytest.mark.parametrize(
    ("regex", "secret", "result"),
    [
        (r"a(b)(?:c)([(]\()(d)", 2, r"a(?:b)(?:c)([(]\()(?:d)"),
        (r"(?P<x>a)(b)", 0, r"(?:a)(b)"),
        (r"(a|(b))", 0, r"(a|(b))"),
        (r"[])(](?i)(a)", 1, r"[])(](?i)(a)"),
    ],
)
def test_renewed_rules_have_no_group_but_that_of_the_secret(regex: str, secret: int, result: str) -> None:
    assert renew.with_one_secret(regex, secret) == result
