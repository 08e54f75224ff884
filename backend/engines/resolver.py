"""Which installed model a name means, and which models `auto` tries for a question.

Knows the catalogue, the settings and the models folder; not what is in memory.
"""

import importlib.util
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from backend.config import Settings
from backend.engines.remote import REMOTE, RemoteServer
from backend.engines.resident_models import InstalledModel
from models import router
from models.errors import ModelUnavailable
from models.llama.bindings import INSTALL
from models.proposal import none_installed, not_installed
from models.registry import Registry
from models.types import ModelSpec

AUTO, EXTRACTIVE = "auto", "extractive"


class ModelResolver:
    """Finds models by name and by tier."""

    def __init__(self, registry: Registry, settings: Settings, remote: RemoteServer | None) -> None:
        self._registry, self._settings, self._remote = registry, settings, remote

    @property
    def own_model(self) -> str:
        """The name of the server's own model: MODEL_NAME, or the default of the catalogue if that is not set."""
        return self._settings.model_name or self._registry.default()

    def is_remote(self, name: str) -> bool:
        """Whether the name means the server behind ENGINE_URL."""
        return self._remote is not None and name in (REMOTE, self._remote.name)

    def resolve(self, name: str) -> InstalledModel | None:
        """The model file that a name means; "" means the server's own model. None if the name needs no file.

        None too if the server's own model is not installed. Any other name that cannot be used raises `UnknownModel`
        or `ModelUnavailable`.
        """
        is_own = not name or name == self.own_model
        name = name or self.own_model
        if name in (AUTO, EXTRACTIVE) or self.is_remote(name):
            return None
        spec = (self._spec_of_file(name) if is_own else None) or self._registry.spec(
            name
        )  # only the owner names a file
        path = self._registry.locate(spec)
        if path is not None and _has_llama_cpp():
            return self._installed(spec, path)
        if is_own:
            return None
        raise ModelUnavailable(self.missing_message(name, path))

    def routes(self, score: int, is_loaded: Callable[[str], bool]) -> list[tuple[str, InstalledModel | None]]:
        """What `auto` tries for a score of 1 to 10, in order: tiers and their models, loaded ones first, then the
        largest. None stands for the remote server.
        """
        installed = self._registry.installed() if _has_llama_cpp() else []
        installed.sort(key=lambda state: (not is_loaded(state.spec.name), -state.size_bytes))
        tiers: dict[str, list[InstalledModel | None]] = {}
        for state in installed:
            assert state.path is not None
            tier = router.model_tier(state.spec.tier, state.size_bytes)
            tiers.setdefault(tier, []).append(self._installed(state.spec, state.path))
        if self._remote is not None:
            tiers["remote"] = [None]
        return [(tier, model) for tier in router.fallback_order(router.tier_for(score), tiers) for model in tiers[tier]]

    def missing_message(self, name: str, path: Path | None = None) -> str:
        """Why the model cannot be used, and what to do. With `path`, its file is installed."""
        if path is not None or not _has_llama_cpp():
            return f"Local models need llama-cpp-python, which is not installed: {INSTALL}."
        if name == AUTO or (not self._settings.model_name and name == self.own_model):
            return none_installed(self._registry.spec)
        if name not in self._registry.names() or not (spec := self._registry.spec(name)).sources:
            return f"Model {name} is not installed: put its GGUF into {self._settings.models_dir}."
        return not_installed(spec, self._registry.spec)

    def _spec_of_file(self, name: str) -> ModelSpec | None:
        """The model of a file; None where the name is no path of one."""
        with suppress(RuntimeError):  # `~` and a user who does not exist
            path = Path(name).expanduser()
            if path.suffix == ".gguf" or path.is_absolute():
                return self._registry.spec_for_path(path)
        return None

    def _installed(self, spec: ModelSpec, path: Path) -> InstalledModel:
        settings = self._settings
        layers = spec.gpu_layers if settings.n_gpu_layers is None else settings.n_gpu_layers
        context = settings.context_length or spec.context_length
        return InstalledModel(spec, path, context, settings.kv_type, settings.kv_ram_mb << 20, on_gpu=layers != 0)


def _has_llama_cpp() -> bool:
    return importlib.util.find_spec("llama_cpp") is not None
