"""The download of the real models of the tests, with small files in their place."""

import hashlib
from pathlib import Path
from unittest.mock import patch

import pytest

from models.download.pull import PullCallbacks
from models.errors import DownloadFailed
from models.registry import Registry
from models.types import ModelSpec
from tests.real import models
from tests.real.models import SMALL, Fetched, fetch, main

pytestmark = pytest.mark.process

BYTES = b"GGUF, as far as this test goes"
SPEC = ModelSpec(SMALL, ("small.gguf",), sha256=hashlib.sha256(BYTES).hexdigest())


@pytest.fixture(autouse=True)
def _catalogue(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Registry, "spec", lambda _self, _name: SPEC)


def test_a_file_with_the_right_bytes_is_used_as_it_is(tmp_path: Path) -> None:
    (tmp_path / "small.gguf").write_bytes(BYTES)
    with patch.object(models, "pull", side_effect=AssertionError("it is here")):
        assert fetch(SMALL, tmp_path) == Fetched(SMALL, tmp_path / "small.gguf")


def test_a_file_with_other_bytes_is_neither_used_nor_replaced(tmp_path: Path) -> None:
    (tmp_path / "small.gguf").write_bytes(b"other")
    with patch.object(models, "pull", side_effect=AssertionError("it is in the way")):
        model = fetch(SMALL, tmp_path)
    assert model.path is None
    assert f"{tmp_path / 'small.gguf'} is not {SMALL}" in model.problem
    assert "remove it" in model.problem


def test_a_missing_model_is_downloaded_with_progress(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    def pulled(spec: ModelSpec, folder: Path, callbacks: PullCallbacks) -> None:
        for done in range(0, 101):
            callbacks.on_progress(done, 100)
        (folder / spec.filenames[0]).write_bytes(BYTES)

    with patch.object(models, "pull", side_effect=pulled):
        assert fetch(SMALL, tmp_path) == Fetched(SMALL, tmp_path / "small.gguf")
    output = capsys.readouterr().err.splitlines()
    assert output[-1] == f"  {SMALL}: 100 B of 100 B"
    assert 15 < len(output) <= 20


def test_a_failed_download_is_reported_and_is_no_failure(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MODELS_CACHE", str(tmp_path))
    with patch.object(models, "pull", side_effect=DownloadFailed("nobody answers")):
        main()
    output = capsys.readouterr().err
    assert f"{SMALL} cannot be fetched: nobody answers. Tests that need it are skipped.\n" in output
    assert models.cache_dir() == tmp_path
