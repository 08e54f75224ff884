"""A malformed setting stops the start with its name, and a key is never printed."""

import pytest

from backend.config import BadSetting, load_settings


@pytest.mark.parametrize("url", ["localhost:8080", "ftp://host", "http://", "https://user:pw@host/v1"])
def test_an_engine_url_that_is_none_is_refused(url: str) -> None:
    with pytest.raises(BadSetting, match=r"^ENGINE_URL: .*http://HOST:PORT") as refused:
        load_settings(engine_url=url)
    assert "pw" not in str(refused.value)


def test_the_key_of_the_engine_is_not_shown() -> None:
    settings = load_settings(engine_url="http://127.0.0.1:8080", engine_api_key="secret")
    assert settings.engine_api_key.get_secret_value() == "secret"
    assert "secret" not in repr(settings)
