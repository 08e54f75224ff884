"""How much work a call does: the lines of some modules that run."""

import sys
from collections.abc import Callable
from types import FrameType, ModuleType
from typing import Any


def lines_run(work: Callable[[], object], *modules: ModuleType) -> int:
    """How many lines of the modules run in a call."""
    count, files = 0, {module.__file__ for module in modules}

    def trace(frame: FrameType, event: str, _: Any) -> Any:
        nonlocal count
        if frame.f_code.co_filename not in files:
            return None
        count += event == "line"
        return trace

    before = sys.gettrace()
    sys.settrace(trace)
    try:
        work()
    finally:
        sys.settrace(before)
    return count
