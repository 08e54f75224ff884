from pathlib import Path

import pytest

from tests.models.llama.kv.harness import written


@pytest.fixture
def file(tmp_path: Path) -> Path:
    written(tmp_path)
    (path,) = tmp_path.glob("*.kv")
    return path
