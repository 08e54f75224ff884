"""A malformed setting stops the start with its name, and a key is never printed."""

import re

import pytest

from backend.config import BadSetting, load_settings


@pytest.mark.parametrize(
    "url",
    [
        "localhost:8080",
        "ftp://host",
        "http://",
        "https://user:pw@host/v1",
        "http://[::1",
        "http://host:port",
        "http://host:70000",
    ],
)
def test_an_engine_url_that_is_none_is_refused(url: str) -> None:
    with pytest.raises(BadSetting) as refused:
        load_settings(engine_url=url)
    assert str(refused.value) == (
        "ENGINE_URL: give http://HOST:PORT or https://...; put a key into ENGINE_API_KEY "
        "(environment or .env; see .env.example)"
    )


def test_every_malformed_setting_is_named_and_no_other(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PORT", "x")
    monkeypatch.setenv("GRACE_MS", "-1")
    with pytest.raises(BadSetting) as refused:
        load_settings()
    assert re.findall(r"([A-Z_]+): ", str(refused.value)) == ["PORT", "GRACE_MS"]


def test_the_key_of_the_engine_is_not_shown() -> None:
    settings = load_settings(engine_url="http://127.0.0.1:8080", engine_api_key="secret")
    assert settings.engine_api_key.get_secret_value() == "secret"
    assert "secret" not in repr(settings)
