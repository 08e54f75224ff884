"""Which model is the server's own if MODEL_NAME is not set, and the message if a model is not installed."""

from pathlib import Path

import pytest

from backend.engines.pool import EnginePool
from models.errors import ModelUnavailable, UnknownModel
from models.registry import Registry
from tests.backend.harness import settings_in

pytestmark = pytest.mark.process


def engines_in(folder: Path, **options: object) -> EnginePool:
    settings = settings_in(folder, **options)
    settings.models_dir.mkdir(exist_ok=True)
    return EnginePool(Registry(settings.models_dir), settings)


def install(folder: Path, name: str, size: int) -> None:
    (folder / "models" / f"{name}.gguf").write_bytes(b"x" * size)


async def notice(engines: EnginePool, name: str = "") -> str:
    async with engines.use(name) as lease:
        assert lease.engine.name == "extractive"
        return lease.notice


async def test_without_model_name_an_installed_model_answers(tmp_path: Path) -> None:
    engines = engines_in(tmp_path)
    assert engines.resolve("") is None
    assert engines.current == {"name": "extractive", "state": "loaded"}
    assert (await notice(engines)).startswith("No model is installed: `lantern models pull ")
    for size, name in enumerate(("smollm2-135m", "qwen2.5-coder-0.5b", "phi3-mini"), 1):
        install(tmp_path, name, size if name != "phi3-mini" else 1)
        model = engines.resolve("")
        assert model is not None
        assert model.spec.name == name
        assert engines.current == {"name": name, "state": "installed"}
        assert [state["id"] for state in engines.states() if state["default"]] == [name]


async def test_model_name_means_no_other_model(tmp_path: Path) -> None:
    named = engines_in(tmp_path, model_name="llama3.1-8b")
    install(tmp_path, "smollm2-135m", 1)
    assert named.resolve("") is None
    assert (await notice(named)).startswith(
        "Model llama3.1-8b is not installed: `lantern models pull llama3.1-8b` (4.92 GB, Llama 3.1 Community License)"
    )
    with pytest.raises(ModelUnavailable, match="Model phi3-mini is not installed: `lantern models pull phi3-mini`"):
        engines_in(tmp_path).resolve("phi3-mini")  # only the server's own model has a stand-in


async def test_the_message_for_a_missing_file_names_the_models_folder(tmp_path: Path) -> None:
    gone = tmp_path / "gone.gguf"
    assert (await notice(engines_in(tmp_path, model_name=str(gone)))) == (
        f"Model {gone} is not installed: put its GGUF into {tmp_path / 'models'}."
    )


async def test_a_path_below_an_unknown_user_is_no_model(tmp_path: Path) -> None:
    for name in ("~nobody-here/x.gguf", "~nobody-here"):
        with pytest.raises(UnknownModel, match="no model is called '~nobody-here"):
            engines_in(tmp_path).resolve(name)
    with pytest.raises(UnknownModel, match="no model is called '~nobody-here/x"):
        engines_in(tmp_path, model_name="~nobody-here/x.gguf").resolve("")
