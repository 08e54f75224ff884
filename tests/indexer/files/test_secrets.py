"""Secret values are masked; ordinary code and line numbers stay the same."""

import asyncio
import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from indexer.files.secrets import MARK, mask

# Assembled at run time, so that a secret scanner does not find them in this file.
BODY = "aB3dE6gH9jK2mN5pQ8sT1vW4yZ7bC0eF3hJ6"
SECRETS = {
    "aws": "AKIA" + "IOSFODNN7QWERTYU",
    "github": "ghp" + "_" + BODY,
    "gitlab": "glpat" + "-" + BODY[:20],
    "slack": "xoxb" + "-123456789012-" + BODY[:12],
    "google": "AIza" + "SyA" + BODY[:32],
    "stripe": "sk_live" + "_" + BODY[:24],
    "openai": "sk-" + "proj-" + BODY,
    "anthropic": "sk-" + "ant-" + BODY,
    "npm": "npm" + "_" + BODY,
    "pypi": "pypi" + "-AgE" + BODY + BODY,
    "jwt": "eyJ" + BODY[:12] + ".eyJ" + BODY[:12] + "." + BODY[:20],
}


@pytest.mark.parametrize("name", SECRETS)
def test_tokens_of_known_issuers(name: str) -> None:
    assert mask(f"call('{SECRETS[name]}')  # {name}") == f"call('{MARK}')  # {name}"


@pytest.mark.parametrize(
    ("text", "masked"),
    [
        ('password = "kJ8#mQ2$vL9xWp"', f'password = "{MARK}"'),
        ("'api_key': '9f8a7b6c5d4e3f2a1b0c9d8e7f6a5b4c',", f"'api_key': '{MARK}',"),
        ('cfg["token"] = "Zx81kQpL0vN7bM3c"', f'cfg["token"] = "{MARK}"'),
        ("postgres://app:Xk29vLq8@db/x", f"postgres://app:{MARK}@db/x"),
    ],
)
def test_assigned_values_and_urls(text: str, masked: str) -> None:
    assert mask(text) == masked


@pytest.mark.parametrize(
    "text",
    [
        "password = get_password()",
        "password: str",
        'password = "changeme"',
        'token = "my_access_token_name_v2"',
        'api_key = "YOUR_API_KEY_0123456789"',
        'secret = f"{name}-{version}-0123456"',
        "http://user:pass@example.com/",
        "https://host:8080/a@b",
        'token = "application/x-www-form-urlencoded"',
        "risk-assessment-of-a-very-long-identifier-name-here",
    ],
)
def test_ordinary_code_stays(text: str) -> None:
    assert mask(text) == text


def test_a_private_key_block_is_blanked_and_its_lines_stay() -> None:
    kind = "RSA PRIVATE" + " KEY"
    block = f"a\n-----BEGIN {kind}-----\n{BODY}\n{BODY}\n-----END {kind}-----\nb"
    assert mask(block) == f"a\n-----BEGIN {kind}-----{MARK}\n\n\n-----END {kind}-----\nb"


@pytest.mark.parametrize("package", [asyncio, json], ids=["asyncio", "json"])
def test_the_standard_library_has_no_secrets(package: object) -> None:
    for file in Path(str(package.__file__)).parent.glob("*.py"):  # type: ignore[attr-defined]
        text = file.read_text("utf-8")
        assert mask(text) == text, file.name


def test_this_repository_has_no_secrets() -> None:
    packages = Path(__file__).parents[3]
    for file in [f for name in ("indexer", "prompts", "models") for f in (packages / name).rglob("*.py")]:
        text = file.read_text("utf-8")
        assert mask(text) == text, file.name


LINES = st.lists(
    st.one_of(
        st.text(alphabet="ab\"'=:/@\\ \tK9-_.", max_size=40),
        st.sampled_from(
            [*SECRETS.values(), "-----BEGIN PRIVATE" + " KEY-----", "-----END PRIVATE" + " KEY-----", "x" * 40]
        ),
    ),
    max_size=12,
)


@given(LINES)
def test_the_number_of_lines_never_changes_and_masking_twice_changes_nothing(lines: list[str]) -> None:
    text = "\n".join(lines)
    once = mask(text)
    assert once.count("\n") == text.count("\n")
    assert mask(once) == once
