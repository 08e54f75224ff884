"""One server process with two real models, for all tests of this folder."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.e2e.harness import serving
from tests.real.harness import SETTINGS, Real, lay_out
from tests.real.models import LARGE, NAMES, cache_dir, found


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Skips tests that need a real model where one is missing; one line of the summary gives the reason."""
    needing = [item for item in items if "models" in getattr(item, "fixturenames", ())]
    problems = [model.problem for model in map(found, NAMES) if model.path is None] if needing else []
    if problems:
        reason = f"no real model: {'; '.join(problems)} (`make test-models` fetches what is missing)"
        for item in needing:
            item.add_marker(pytest.mark.skip(reason=reason))


@pytest.fixture(scope="session")
def models() -> dict[str, Path]:
    """The model files by name."""
    return {model.name: model.path for model in map(found, NAMES) if model.path is not None}


@pytest.fixture(params=NAMES)
def name(request: pytest.FixtureRequest) -> str:
    """Each of the models."""
    return str(request.param)


@pytest.fixture(scope="session")
def real(models: dict[str, Path], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Real]:
    folder = tmp_path_factory.mktemp("real")
    root = lay_out(folder / "code")
    with serving(folder / "data", MODEL_NAME=LARGE, MODELS_DIR=cache_dir(), **SETTINGS) as served:
        job = served.post("/index", {"path": str(root), "wait": True})
        yield Real(served, folder / "data", root, job["codebase"])
