"""Secret values are masked, everything else and the line numbers stay."""

import asyncio
import json
from importlib.util import find_spec
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from indexer.files.secrets.masking import MARK, Redacted, mask, redact
from tests.indexer.files.secrets.harmless import HARMLESS
from tests.indexer.files.secrets.planted import ALNUM, HEX, TOKENS, Source, planted, private_key

ROOT = Path(__file__).parents[4]
PLANTED = list(planted())
# Dependencies of Lantern or of these, 2.5 MB in all.
PACKAGES = (
    "h11",
    "httpcore",
    "httpx",
    "jinja2",
    "mako",
    "prometheus_client",
    "pydantic_settings",
    "starlette",
    "uvicorn",
    "watchfiles",
)


def leaks(value: str, masked: str) -> bool:
    """Whether ten characters of the value in a row are still there, or all of a shorter one."""
    length = min(10, len(value))
    return any(value[at : at + length] in masked for at in range(len(value) - length + 1))


def test_of_three_hundred_planted_secrets_at_most_three_stay() -> None:
    missed = [(kind, text) for kind, text, value in PLANTED if leaks(value, mask(text))]
    assert len(PLANTED) >= 300
    assert len({kind for kind, _, _ in PLANTED}) >= 60
    assert len(missed) <= 3, missed


def test_only_the_value_is_masked() -> None:
    forms = {
        'DB_PASSWORD="{}" # x': "Xk29vLq8wP1",
        "url: postgres://app:{}@db/x": "Xk29vLq8",
        "a = '{}', 1": "gh" + "p_" + Source(1).text(ALNUM, 36),
    }
    for form, value in forms.items():
        assert mask(form.format(value)) == form.format(MARK)


@pytest.mark.parametrize("text", HARMLESS)
def test_harmless_texts_stay(text: str) -> None:
    assert mask(text) == text


def test_there_are_sixty_harmless_texts() -> None:
    assert len(HARMLESS) >= 60


def test_the_lines_of_what_was_masked_are_told() -> None:
    text = f"a\npassword = 'Xk29vLq8wP1'\nb\n{TOKENS['github'](Source(2))} {TOKENS['npm'](Source(3))}\n"
    assert redact(text).lines == (2, 4, 4)
    assert redact("é\nno secret").lines == ()


@pytest.mark.parametrize("kind", ["RSA", "EC", "OPENSSH", "ENCRYPTED"])
@pytest.mark.parametrize("lines", [1, 40, 1000])
def test_a_private_key_of_any_length_is_masked_with_and_without_an_end(kind: str, lines: int) -> None:
    key, body = private_key(kind, lines)
    for text in (key + "\n-----END" + f" {kind} PRIVATE KEY-----\nafter", key + "\n\ndef after():\n", key):
        masked = mask(text)
        assert masked.count("\n") == text.count("\n")
        assert not any(line in masked for line in body)
        assert ("after" in masked) == ("after" in text)


def test_the_head_of_a_key_in_code_masks_nothing_after_it() -> None:
    text = f'if text == "{BEGIN}"\n)\nelse:\n    pass\n'
    assert mask(text) == text


def test_a_private_key_on_one_line_in_json_is_masked() -> None:
    key, body = private_key("RSA", 5)
    text = '{"private_key": "' + key.replace("\n", "\\n") + '\\n", "client_email": "a@b.io"}'
    assert not any(line in mask(text) for line in body)
    assert mask(text).endswith('"client_email": "a@b.io"}')


def test_a_private_key_in_the_cell_of_a_notebook_is_masked() -> None:
    key, body = private_key("RSA", 5)
    text = json.dumps({"source": [f"{line}\n" for line in ('key = """' + key).split("\n")], "outputs": []})
    assert not any(line in mask(text) for line in body)
    assert mask(text).endswith('"outputs": []}')


@pytest.mark.parametrize("line", ["[secrets]", "# removed]", "[secret", f"Comment: {MARK}", f"# {MARK}"])
def test_a_private_key_with_a_part_of_a_mark_in_it_is_masked(line: str) -> None:
    key, body = private_key("RSA", 4)
    head, *rest = key.split("\n")
    is_before_body = line.startswith("Comment")
    text = "\n".join([head, line, "", *rest] if is_before_body else [head, *rest, line, "after = 1"])
    once = mask(text)
    assert not any(part in once for part in body)
    assert once.count("\n") == text.count("\n")
    assert mask(once) == once
    assert once.endswith("after = 1") != is_before_body


@pytest.mark.parametrize("value", ["hunT3r[secret9!", "[secret]hunT3r9!"])
def test_a_password_with_a_part_of_a_mark_in_it_is_masked(value: str) -> None:
    assert mask(f'password = "{value}"') == f'password = "{MARK}"'


@pytest.mark.parametrize("text", [f'password = "{MARK}"', f"password={MARK}]", f"kind: Secret\ndata:\n  a: {MARK}\n"])
def test_a_mark_stays(text: str) -> None:
    assert redact(text) == Redacted(text, ())


def test_the_data_of_a_kubernetes_secret_is_masked_and_no_other_document() -> None:
    text = "kind: Secret\ndata:\n  user: YWRtaW4=\n  blob: Zm9v\nstringData:\n  file: |\n    a: b\ntype: Opaque\n"
    other = "---\nkind: ConfigMap\ndata:\n  user: YWRtaW4=\n"
    masked = f"kind: Secret\ndata:\n  user: {MARK}\n  blob: {MARK}\nstringData:\n  file: |\n    {MARK}\ntype: Opaque\n"
    assert mask(text + other) == masked + other


def test_a_value_of_thousands_of_characters_is_masked() -> None:
    value = Source(4).base64(6000)
    assert mask(f'secret = "{value}"\nx') == f'secret = "{MARK}"\nx'


def test_this_repository_has_one_false_positive_in_two_thousand_lines_at_most() -> None:
    lines = found = 0
    for folder in ("backend", "indexer", "models", "prompts", "docs", "benchmarks"):
        for file in [*(ROOT / folder).rglob("*.py"), *(ROOT / folder).rglob("*.md")]:
            text = file.read_text("utf-8")
            lines += text.count("\n")
            found += len(redact(text).lines)
    assert lines > 20_000
    assert found <= lines / 2000


def test_ten_installed_packages_have_one_false_positive_in_two_thousand_lines_at_most() -> None:
    """All that is masked there is one: published code has no secrets."""
    lines, places = 0, []
    for name in PACKAGES:
        spec = find_spec(name)
        assert spec is not None
        assert spec.origin is not None
        for file in sorted(Path(spec.origin).parent.rglob("*.py")):
            text = file.read_text("utf-8")
            lines += text.count("\n")
            places += [f"{name}/{file.name}:{line}" for line in redact(text).lines]
    assert lines > 50_000
    assert len(places) <= lines / 2000, places


@pytest.mark.parametrize("package", [asyncio, json], ids=["asyncio", "json"])
def test_the_standard_library_has_no_secrets(package: object) -> None:
    for file in Path(str(package.__file__)).parent.glob("*.py"):  # type: ignore[attr-defined]
        text = file.read_text("utf-8")
        assert mask(text) == text, file.name


BEGIN = "-----BEGIN PRIVATE" + " KEY-----"
TOKEN_SAMPLES = [make(Source(n)) for n, make in enumerate(TOKENS.values())]
LINES = st.lists(
    st.one_of(
        st.text(alphabet="ab\"'=:/@\\ \tK9-_.", max_size=40),
        st.sampled_from(
            [
                *(*TOKEN_SAMPLES, BEGIN, "-----END PRIVATE" + " KEY-----", "x" * 40, "password = ", "kind: Secret"),
                *("[secrets]", "[secret", "removed]", MARK, f"Comment: {MARK}", "password = 'hunT3r[secret9!'"),
            ]
        ),
        st.text(alphabet=HEX, min_size=32, max_size=64).map(lambda value: f"api_key: {value}"),
    ),
    max_size=12,
)


@settings(deadline=None)
@given(LINES)
def test_the_number_of_lines_never_changes_and_masking_twice_changes_nothing(lines: list[str]) -> None:
    text = "\n".join(lines)
    once = mask(text)
    assert once.count("\n") == text.count("\n")
    assert mask(once) == once
