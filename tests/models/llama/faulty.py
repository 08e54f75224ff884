"""Simulates a processor that faults: `arm` patches the process of a model, `faulting` is the code that starts it."""

import os
import signal
import time
from collections.abc import Sequence
from typing import Any

from models.llama import supervisor
from models.llama.kernels import SUSPECTS
from models.llama.wire import LoadRequest
from models.llama.worker import loading, main
from models.llama.worker.context import LlamaContext, Row

PLAIN = supervisor._CODE
ANSWER = 0  # as rows: any step after the load
ANYTHING = ""  # as a kernel: any kernel in use

# Kernel, rows of the step in which it faults, name of the signal; "": the step never ends.
Fault = tuple[str, int, str]


def faulting(*faults: Fault) -> str:
    """Every kernel is in use there, whatever this processor supports."""
    return PLAIN.replace("main({", f"from tests.models.llama.faulty import arm; arm({faults!r}); main({{", 1)


def arm(faults: Sequence[Fault]) -> None:
    used: list[str] = []
    of_load, of_context, of_process = (_Patched(place) for place in (loading, LlamaContext, main))
    is_loaded = False

    def choose(request: LoadRequest) -> tuple[str, ...]:
        used.extend(of_load.real("_kernels")(request))
        return tuple(used)

    def evaluate(context: LlamaContext, rows: Sequence[Row]) -> bool:
        for kernel, at, fault in faults:
            if kernel in (ANYTHING, *used) and (is_loaded if at == ANSWER else at == len(rows)):
                _end(fault)
        return bool(of_context.real("evaluate")(context, rows))

    def load(*args: Any) -> Any:
        nonlocal is_loaded
        loaded = of_process.real("load")(*args)
        is_loaded = True
        return loaded

    of_load.put(preferred=lambda **_: SUSPECTS, _kernels=choose)
    of_context.put(evaluate=evaluate)
    of_process.put(load=load)


class _Patched:
    """A module or class whose functions are replaced for the rest of the process."""

    def __init__(self, place: Any) -> None:
        self._place, self._real = place, dict(vars(place))

    def real(self, name: str) -> Any:
        return self._real[name]

    def put(self, **functions: Any) -> None:
        for name, function in functions.items():
            setattr(self._place, name, function)


def _end(fault: str) -> None:
    if fault:
        os.kill(os.getpid(), signal.Signals[fault])
    time.sleep(60)
