"""Which engine answers: the model a client names, the server's own, one by the question's difficulty (`auto`), or the
extractive one where none is installed. Which models are in memory is the business of `residents`.
"""

import asyncio
import importlib.util
import logging
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from backend.config import Settings
from backend.engines.loader import kv_folder, llama, start_engine
from backend.engines.remote import REMOTE, Remote
from backend.engines.resident_models import Model, ModelCache, Start, Watch
from backend.extractive.engine import ExtractiveEngine
from backend.metrics import Metrics
from models import router
from models.errors import ModelError, ModelUnavailable, Unsupported
from models.llama.engine import LlamaEngine
from models.proposal import none_installed, not_installed
from models.registry import Registry
from models.router import RoutingFeatures
from models.types import Engine, ModelSpec, ModelState, Sampling
from prompts.formats import FORMATS, ChatFormat

log = logging.getLogger(__name__)

AUTO, EXTRACTIVE = "auto", "extractive"
NOTHING_ASKED = RoutingFeatures()


@dataclass(frozen=True, slots=True)
class Ready:
    """An engine with what a prompt for it needs."""

    engine: Engine
    chat: ChatFormat
    sampling: Sampling
    system: str = ""  # "": the built-in one
    notice: str = ""  # what the user should know about this choice


class EnginePool:
    """Hands out engines by name."""

    def __init__(
        self,
        registry: Registry,
        settings: Settings,
        metrics: Metrics | None = None,
        *,
        start: Start | None = None,
        remote: Remote | None = None,
    ) -> None:
        self._registry, self._settings, self._metrics = registry, settings, metrics or Metrics()
        self._remote, self._extractive = remote, ExtractiveEngine()
        self._residents = ModelCache(start or start_engine(llama(settings)), self._metrics)
        self._preloads: set[asyncio.Task[None]] = set()

    @property
    def own(self) -> str:
        """The server's own model: MODEL_NAME, or what an unset one means now."""
        return self._settings.model_name or self._registry.default()

    def resolve(self, name: str) -> tuple[ModelSpec, Path] | None:
        """The entry and file behind a name, None where that is no file. "" is the server's own model.

        Raises `UnknownModel` or `ModelUnavailable`: only the server's own model may be silently absent.
        """
        own = not name or name == self.own
        name = name or self.own
        if name in (AUTO, EXTRACTIVE) or self._is_remote(name):
            return None
        as_path = Path(name).expanduser()
        named_by_owner = own and (as_path.suffix == ".gguf" or as_path.is_absolute())
        spec = self._registry.spec_for_path(as_path) if named_by_owner else self._registry.spec(name)
        path = self._registry.locate(spec)
        if path is not None and importlib.util.find_spec("llama_cpp") is not None:
            return spec, path
        if own:
            return None
        raise ModelUnavailable(self._missing(name, path))

    def should_fall_back(self, name: str, engine: str, error: ModelError, failed: dict[str, str]) -> bool:
        """Whether another engine may answer, because the question decides which does and `engine` broke before its
        first word: then it joins `failed`, which `use` wants to know. "" is no engine's name. What a local engine
        refuses to do the others would, too.
        """
        if isinstance(error, Unsupported) and not self._is_remote(engine):
            return False
        if (name or self._settings.model_name) != AUTO or engine in ("", *failed):
            return False
        failed[engine] = str(error)
        return True

    def is_ready(self, name: str) -> bool:
        """Whether no question for this name waits for a model to be loaded, as far as that is known beforehand."""
        found = self.resolve(name)
        return found is None or self._residents.state(found[0].name) == "loaded"

    async def is_loaded(self, name: str) -> bool:
        """Whether a model of that name is in memory; a load under way is waited for. Raises what `resolve` raises."""
        found = self.resolve(name)
        if found is None:
            return False
        await self._residents.settled(found[0].name)
        return self._residents.state(found[0].name) == "loaded"

    @asynccontextmanager
    async def use(
        self,
        name: str,
        asked: RoutingFeatures = NOTHING_ASKED,
        watch: Watch | None = None,
        failed: Mapping[str, str] | None = None,
    ) -> AsyncIterator[Ready]:
        """The engine for a model name, loaded, and kept loaded until the block ends.

        `asked` counts only where the name is `auto`; `failed` are then the engines that this question need not be
        given again, with the reason. `watch` is told how far a load is.
        """
        async with AsyncExitStack() as held:
            yield await self._choose(name or self.own, asked, watch, failed or {}, held)

    def process_metrics(self) -> dict[str, dict[str, float]]:
        """The numbers that the processes of local models report, by model and name."""
        return self._residents.process_metrics()

    def news(self, engine: Engine) -> str:
        """What the user should be told of that engine, once; "" the second time."""
        return engine.news() if isinstance(engine, LlamaEngine) else ""

    def preload(self, name: str = "") -> None:
        """Begins to load a model that will be asked soon. An error is left to the question that meets it."""
        task = asyncio.create_task(self._preload(name or self.own))
        self._preloads.add(task)
        task.add_done_callback(self._preloads.discard)

    async def forget(self) -> None:
        """What was said has been deleted: nothing that models keep of it may stay, in memory or on disk."""
        await self._residents.forget()
        for path in kv_folder(self._settings).glob("*.kv"):
            path.unlink(missing_ok=True)

    async def unload(self) -> None:
        """Gives the memory of all models back, and the connection to a remote one."""
        for task in self._preloads:
            task.cancel()
        await self._residents.unload()
        if self._remote is not None:
            await self._remote.close()

    async def _preload(self, name: str) -> None:
        try:
            found = next((model for _, model in self._routes(1)), None) if name == AUTO else self.resolve(name)
            if isinstance(found, tuple):
                await self._residents.preload(self._model(*found))
        except ModelError as error:
            log.info("%s is not loaded ahead: %s", name, error)

    async def _choose(
        self, name: str, asked: RoutingFeatures, watch: Watch | None, failed: Mapping[str, str], held: AsyncExitStack
    ) -> Ready:
        if name == AUTO:
            return await self._routed(asked, watch, failed, held)
        if self._is_remote(name):
            return await self._connected(held)
        found = self.resolve(name)
        return self._without_model(name) if found is None else await self._loaded(found, watch, held)

    async def _loaded(self, found: tuple[ModelSpec, Path], watch: Watch | None, held: AsyncExitStack) -> Ready:
        resident = await held.enter_async_context(self._residents.use(self._model(*found), watch))
        spec = resident.model.spec
        return Ready(resident.engine, resident.chat, spec.sampling, spec.system_prompt)

    async def _routed(
        self, asked: RoutingFeatures, watch: Watch | None, failed: Mapping[str, str], held: AsyncExitStack
    ) -> Ready:
        """The first that can answer, from the tier of the question's score on."""
        points = router.score(asked)
        reasons = dict(failed)
        for tier, found in self._routes(points):
            name = found[0].name if found else self._remote.name if self._remote else ""
            if name in failed:
                continue
            try:
                ready = await self._loaded(found, watch, held) if found else await self._connected(held, routed=True)
            except ModelError as error:
                reasons[name] = str(error)
                continue
            self._metrics.routed(tier, ready.engine.name, tier != router.tier(points) or bool(reasons))
            told = "; ".join(f"{other} could not answer: {why}" for other, why in reasons.items())
            return replace(ready, notice=told)
        self._metrics.routed(EXTRACTIVE, EXTRACTIVE, True)
        ready = self._without_model(AUTO)
        return replace(ready, notice="; ".join(reasons.values())) if reasons else ready

    def _routes(self, points: int) -> list[tuple[str, tuple[ModelSpec, Path] | None]]:
        """What to try for a score, in order: tiers and their models, loaded ones first, then the largest.

        None stands for the remote engine.
        """
        here = self._registry.installed() if importlib.util.find_spec("llama_cpp") is not None else []
        here.sort(key=lambda state: (self._residents.get(state.spec.name) is None, -state.size_bytes))
        tiers: dict[str, list[tuple[ModelSpec, Path] | None]] = {}
        for state in here:
            assert state.path is not None
            tiers.setdefault(router.tier_of(state.spec.tier, state.size_bytes), []).append((state.spec, state.path))
        if self._remote is not None:
            tiers["remote"] = [None]
        return [(tier, found) for tier in router.order(router.tier(points), tiers) for found in tiers[tier]]

    def _is_remote(self, name: str) -> bool:
        return self._remote is not None and name in (REMOTE, self._remote.name)

    async def _connected(self, held: AsyncExitStack, routed: bool = False) -> Ready:
        assert self._remote is not None
        if routed and (refusal := self._remote.refusal()):
            raise ModelUnavailable(refusal)
        return Ready(await held.enter_async_context(self._remote.use()), FORMATS["plain"], Sampling())

    @property
    def current(self) -> dict[str, Any]:
        """The server's own model and whether it is in memory."""
        name = self.own
        if name == AUTO or self._is_remote(name):
            return {"name": name, "state": "loaded" if self._metrics.resident or self._remote else "installed"}
        try:
            found = self.resolve("")
        except ModelError as error:
            return {"name": name, "state": "unavailable", "problem": str(error)}
        if found is None:
            return {"name": EXTRACTIVE, "state": "loaded"}
        return {"name": found[0].name, "state": self._residents.state(found[0].name) or "installed"}

    def states(self) -> list[dict[str, Any]]:
        """The catalogue with what is here: state is `missing`, `damaged`, `installed`, `loading` or `loaded`."""
        always = [self._always(EXTRACTIVE, self._extractive.context_length)]
        if self._remote is not None:
            reached = "loaded" if self._remote.context_length else "installed"
            always.append(self._always(REMOTE, self._remote.context_length) | {"state": reached})
        routes = self._routes(1)
        if len({tier for tier, _ in routes}) > 1 or self.own == AUTO:
            smallest = [found[0].context_length for _, found in routes if found]
            always.append(self._always(AUTO, min(smallest, default=self._extractive.context_length)))
        return always + [self._listed(state) for state in self._registry.states()]

    def _listed(self, state: ModelState) -> dict[str, Any]:
        name, resident = state.spec.name, self._residents.get(state.spec.name)
        here = "missing" if state.path is None else "damaged" if state.problem else "installed"
        told = {
            "id": name,
            "state": self._residents.state(name) or here,
            "context": self._settings.context_length or state.spec.context_length,
            "size_bytes": state.size_bytes or state.spec.size_bytes,
            "default": name == self.own,
        }
        if resident is not None:  # memory may have been short of a longer context
            told |= {"context": resident.engine.context_length, "resident_bytes": resident.need}
        return told

    def _always(self, name: str, context: int) -> dict[str, Any]:
        default = self.own == name
        return {"id": name, "state": "loaded", "context": context, "size_bytes": 0, "default": default}

    def _model(self, spec: ModelSpec, path: Path) -> Model:
        settings = self._settings
        layers = spec.gpu_layers if settings.n_gpu_layers is None else settings.n_gpu_layers
        context = settings.context_length or spec.context_length
        return Model(spec, path, context, settings.kv_type, settings.kv_ram_mb << 20, on_gpu=layers != 0)

    def _without_model(self, name: str) -> Ready:
        notice = "" if name == EXTRACTIVE else self._missing(name, None)
        return Ready(self._extractive, FORMATS["plain"], Sampling(), notice=notice)

    def _missing(self, name: str, path: Path | None) -> str:
        if path is not None or importlib.util.find_spec("llama_cpp") is None:
            return "llama-cpp-python is not installed: install a C++ compiler and run `make setup`."
        if name == AUTO or (not self._settings.model_name and name == self.own):
            return none_installed(self._registry.spec)
        if name not in self._registry.names() or not (spec := self._registry.spec(name)).sources:
            return f"Model {name} is not installed: put its GGUF into {self._settings.models_dir}."
        return not_installed(spec, self._registry.spec)
