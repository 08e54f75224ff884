"""Which engine answers: the model that a client names, the server's own, one that suits the question (`auto`), or the
extractive engine if no model is installed. Knows neither how models are loaded nor how they share the memory.
"""

import asyncio
import logging
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, replace
from typing import Any

from backend.config import Settings
from backend.engines.loader import kv_folder, llama_starter, model_loader
from backend.engines.model_cache import LoadListener, LoadModel, ModelCache
from backend.engines.remote import REMOTE, RemoteServer
from backend.engines.resident_models import InstalledModel
from backend.engines.resolver import AUTO, EXTRACTIVE, ModelResolver
from backend.extractive.engine import ExtractiveEngine
from backend.metrics import Metrics
from models import router
from models.errors import ModelError, ModelUnavailable, Unsupported
from models.proposal import expectation
from models.registry import Registry
from models.router import RoutingFeatures
from models.types import Engine, ModelState, Sampling
from prompts.formats import FORMATS, ChatFormat
from prompts.tools.syntax import BY_ENGINE
from prompts.visible import one_line

log = logging.getLogger(__name__)

NO_FEATURES = RoutingFeatures()
_VIRTUAL = {  # what to expect of an engine without a model file
    EXTRACTIVE: "Answers at once, without a model: quotes the code that answers.",
    AUTO: "Chooses a model for each question.",
    REMOTE: "Another server generates the answers.",
}


@dataclass(frozen=True, slots=True)
class EngineLease:
    """An engine with what a prompt for it needs."""

    engine: Engine
    chat: ChatFormat
    sampling: Sampling
    system: str = ""  # "": the built-in system prompt
    notice: str = ""  # what the user should know about this choice

    @property
    def problem(self) -> str:
        """Why no model can be used, where the extractive engine stands in for one; else ""."""
        return self.notice if self.engine.is_exact else ""


@dataclass(frozen=True, slots=True)
class _Request:
    """What one `use` wants, and the stack that keeps its engine loaded."""

    features: RoutingFeatures
    listener: LoadListener | None
    failed: Mapping[str, str]
    stack: AsyncExitStack


class EnginePool:
    """Hands out engines by name."""

    def __init__(
        self,
        registry: Registry,
        settings: Settings,
        metrics: Metrics | None = None,
        *,
        load_model: LoadModel | None = None,
        remote: RemoteServer | None = None,
    ) -> None:
        self.registry, self._settings, self._metrics = registry, settings, metrics or Metrics()
        self._remote, self._extractive = remote, ExtractiveEngine()
        self._resolver = ModelResolver(registry, settings, remote)
        self._cache = ModelCache(load_model or model_loader(llama_starter(settings)), self._metrics)
        self._preloads: set[asyncio.Task[None]] = set()

    def resolve(self, name: str) -> InstalledModel | None:
        """The model file that a name means; "" means the server's own model. None if no file is needed, or the
        server's own model is not installed. Raises `UnknownModel` or `ModelUnavailable`.
        """
        return self._resolver.resolve(name)

    def should_fall_back(self, name: str, engine: str, error: ModelError, failed: dict[str, str]) -> bool:
        """Whether another engine may answer a question for the model `name`, after `engine` failed before its first
        word. If so, `engine` is added to `failed`, which the next `use` needs; "" stands for no engine.

        Only `auto` falls back. What a local engine does not support no other local engine does.
        """
        if isinstance(error, Unsupported) and not self._resolver.is_remote(engine):
            return False
        if (name or self._settings.model_name) != AUTO or engine in ("", *failed):
            return False
        failed[engine] = str(error)
        return True

    def is_ready(self, name: str) -> bool:
        """Whether a question for this model need not wait for a load. For `auto` that is a guess: yes."""
        model = self.resolve(name)
        return model is None or self._cache.state(model.spec.name) == "loaded"

    async def is_loaded(self, name: str) -> bool:
        """Whether that model is in memory; waits for a load in progress. Raises as `resolve` does."""
        model = self.resolve(name)
        if model is None:
            return False
        await self._cache.wait_for_load(model.spec.name)
        return self._cache.state(model.spec.name) == "loaded"

    def loaded(self, name: str) -> tuple[Engine, ChatFormat] | None:
        """The engine of a model that is in memory and its chat format; None if there is none. Raises as `resolve`."""
        model = self.resolve(name)
        resident = self._cache.get(model.spec.name) if model else None
        return (resident.engine, resident.chat) if resident else None

    @asynccontextmanager
    async def use(
        self,
        name: str,
        features: RoutingFeatures = NO_FEATURES,
        listener: LoadListener | None = None,
        failed: Mapping[str, str] | None = None,
    ) -> AsyncIterator[EngineLease]:
        """The engine for a model name, loaded, and kept loaded until the block ends.

        `features` and `failed` count only if the name is `auto`: engines in `failed` (with the reason) are not tried.
        `listener` gets the progress of a load.
        """
        async with AsyncExitStack() as stack:
            request = _Request(features, listener, failed or {}, stack)
            yield await self._choose(name or self._resolver.own_model, request)

    def preload(self, name: str = "") -> None:
        """Starts to load a model that will soon be used. An error is logged; the next question meets it again."""
        task = asyncio.create_task(self._preload(name or self._resolver.own_model))
        self._preloads.add(task)
        task.add_done_callback(self._preloads.discard)

    def load(self, name: str) -> None:
        """`preload` of a model that a client names. Raises `UnknownModel`, or `ModelUnavailable` without a file."""
        if self.resolve(name) is None and name not in (AUTO, EXTRACTIVE) and not self._resolver.is_remote(name):
            raise ModelUnavailable(self._resolver.missing_message(name))
        self.preload(name)

    def process_metrics(self) -> dict[str, Mapping[str, float]]:
        """The numbers that the processes of local models report, by model and name."""
        return self._cache.process_metrics()

    async def clear_caches(self) -> None:
        """Deletes what models cache of conversations, in memory and on disk: their text has been deleted."""
        await self._cache.clear_caches()
        for path in kv_folder(self._settings).glob("*.kv"):
            path.unlink(missing_ok=True)

    async def unload(self) -> None:
        """Gives the memory of all models back and closes the connection to the remote server."""
        for task in self._preloads:
            task.cancel()
        await self._cache.unload()
        if self._remote is not None:
            await self._remote.close()

    async def _preload(self, name: str) -> None:
        try:
            model = next((model for _, model in self._routes(1)), None) if name == AUTO else self.resolve(name)
            if model is not None:
                await self._cache.preload(model)
        except ModelError as error:
            log.info("%s is not loaded ahead: %s", one_line(name), error)

    async def _choose(self, name: str, request: _Request) -> EngineLease:
        if name == AUTO:
            return await self._route(request)
        if self._resolver.is_remote(name):
            return await self._use_remote(request)
        model = self.resolve(name)
        return self._without_model(name) if model is None else await self._use_local(model, request)

    async def _use_local(self, model: InstalledModel, request: _Request) -> EngineLease:
        resident = await request.stack.enter_async_context(self._cache.use(model, request.listener))
        spec = resident.model.spec
        return EngineLease(resident.engine, resident.chat, spec.sampling, spec.system_prompt)

    async def _use_remote(self, request: _Request) -> EngineLease:
        assert self._remote is not None
        engine = await request.stack.enter_async_context(self._remote.use())
        return EngineLease(engine, replace(FORMATS["plain"], tools=BY_ENGINE), Sampling())

    async def _route(self, request: _Request) -> EngineLease:
        """The first engine that can be used, beginning with the tier of the question's score."""
        score = router.score(request.features)
        reasons = dict(request.failed)
        for tier, model in self._routes(score):
            name = model.spec.name if model else self._remote.name if self._remote else ""
            if name in request.failed:
                continue
            try:
                lease = await self._use_local(model, request) if model else await self._route_to_remote(request)
            except ModelError as error:
                reasons[name] = str(error)
                continue
            self._metrics.record_route(tier, lease.engine.name, tier != router.tier_for(score) or bool(reasons))
            notice = "; ".join(f"{engine} could not answer: {reason}" for engine, reason in reasons.items())
            return replace(lease, notice=notice)
        self._metrics.record_route(EXTRACTIVE, EXTRACTIVE, True)
        lease = self._without_model(AUTO)
        return replace(lease, notice="; ".join(reasons.values())) if reasons else lease

    async def _route_to_remote(self, request: _Request) -> EngineLease:
        """As `_use_remote`, but leaves a server alone that failed just now."""
        if self._remote is not None and (refusal := self._remote.refusal()):
            raise ModelUnavailable(refusal)
        return await self._use_remote(request)

    def _routes(self, score: int) -> list[tuple[str, InstalledModel | None]]:
        return self._resolver.routes(score, lambda name: self._cache.get(name) is not None)

    def _without_model(self, name: str) -> EngineLease:
        notice = "" if name == EXTRACTIVE else self._resolver.missing_message(name)
        return EngineLease(self._extractive, FORMATS["plain"], Sampling(), notice=notice)

    @property
    def current(self) -> dict[str, Any]:
        """Name and state of the server's own model."""
        name = self._resolver.own_model
        if name == AUTO or self._resolver.is_remote(name):
            return {"name": name, "state": "loaded" if self._metrics.resident or self._remote else "installed"}
        try:
            model = self.resolve("")
        except ModelError as error:
            return {"name": name, "state": "unavailable", "problem": str(error)}
        if model is None:
            return {"name": EXTRACTIVE, "state": "loaded"}
        return {"name": model.spec.name, "state": self._cache.state(model.spec.name) or "installed"}

    def states(self) -> list[dict[str, Any]]:
        """Every model that a client can name. State: `missing`, `damaged`, `installed`, `loading` or `loaded`."""
        entries = [self._virtual_entry(EXTRACTIVE, self._extractive.context_length)]
        if self._remote is not None:
            state = "loaded" if self._remote.context_length else "installed"
            entries.append(self._virtual_entry(REMOTE, self._remote.context_length) | {"state": state})
        routes = self._routes(1)
        if len({tier for tier, _ in routes}) > 1 or self._resolver.own_model == AUTO:
            contexts = [model.spec.context_length for _, model in routes if model]
            entries.append(self._virtual_entry(AUTO, min(contexts, default=self._extractive.context_length)))
        return entries + [self._entry(state) for state in self.registry.states()]

    def _virtual_entry(self, name: str, context: int) -> dict[str, Any]:
        """The entry of an engine without a model file."""
        default = self._resolver.own_model == name
        facts = {"licence": "", "size_bytes": 0, "memory_bytes": 0, "expectation": _VIRTUAL.get(name, "")}
        return {"id": name, "state": "loaded", "context": context, "default": default} | facts

    def _entry(self, state: ModelState) -> dict[str, Any]:
        name, resident = state.spec.name, self._cache.get(state.spec.name)
        on_disk = "missing" if state.path is None else "damaged" if state.problem else "installed"
        size = state.size_bytes or state.spec.size_bytes
        entry = {
            "id": name,
            "state": self._cache.state(name) or on_disk,
            "context": self._settings.context_length or state.spec.context_length,
            "size_bytes": size,
            "memory_bytes": state.spec.memory_bytes,
            "licence": state.spec.licence,
            "expectation": expectation(state.spec, size, resident.engine.rates.decode if resident else 0.0),
            "default": name == self._resolver.own_model,
        }
        problem = state.problem or (self._cache.problem(name, state.path) if state.path else "")
        if problem and entry["state"] not in ("loading", "loaded"):
            entry["problem"] = problem
        if resident is not None:  # loaded with a shorter context if memory was short
            entry |= {"context": resident.engine.context_length, "resident_bytes": resident.need}
        return entry
