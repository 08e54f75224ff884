"""Starts the process of one model until one holds: each process that a kernel kills is followed by one with a suspect
less.

Knows neither messages nor answers. What held and what was the fastest is kept in `verdicts`, and is where the next load
begins.
"""

import logging
from collections.abc import Callable
from dataclasses import asdict, replace

from models.errors import EngineFailed, ModelUnavailable
from models.llama.bindings import REBUILD
from models.llama.kernels import LIBRARY, suspect
from models.llama.supervisor import KernelFault, NotMeasured, WorkerProcess
from models.llama.verdicts import Choice, LeftOut, Verdict, VerdictKey, Verdicts
from models.llama.wire import LoadRequest

log = logging.getLogger(__name__)

IN_A_ROW = 2  # answers that end in a fault before something is left out: one may be chance


class Proving:
    """The starts of one model's process."""

    def __init__(self, name: str, order: LoadRequest, verdicts: Verdicts, place: VerdictKey, shape: str) -> None:
        """`shape` names what makes the model fast or slow, for what is measured of it."""
        self._name, self._order = name, order
        self._verdicts, self._place, self._shape = verdicts, place, shape
        verdict = verdicts.find(place) or Verdict()
        self.left_out: LeftOut = verdict.left_out
        self._choice = verdict.fastest.get(shape) if order.most_threads else None
        self._is_settled = False  # once it has started: what is the fastest is not measured again
        self.kernels: tuple[str, ...] = ()  # of the last process that held
        self.hopeless = ""  # why it cannot be used here; "" while it may be
        self._news: list[str] = []
        self._faults = 0  # of answers, in a row
        self._counted: WorkerProcess | None = None
        self._dropped: str | None = None  # what is left out since then

    async def start(self, on_progress: Callable[[float], None]) -> WorkerProcess:
        """A process that has proved what it uses, and uses what is fastest. Raises ModelUnavailable where none does."""
        left_out, tried, in_vain = dict(self.left_out), [], False
        while True:
            try:
                child = await WorkerProcess.start(self._ordered(left_out), on_progress)
            except KernelFault as fault:
                tried.append(f"{fault.fault} when {fault.stage}{_without(left_out)}")
                name = suspect(fault.kernels)
                if name is None:
                    self.hopeless = self._reason(fault, tried)
                    self._verdicts.keep(self._place, self._verdict(self.left_out, self.hopeless))
                    raise ModelUnavailable(self.hopeless) from fault
                log.warning("%s: %s; the next try is without %s", self._name, tried[-1], name)
                left_out[name] = f"{fault.fault} when {fault.stage}"
                continue
            except ModelUnavailable as error:
                if self._choice is None and not isinstance(error, NotMeasured):
                    raise
                log.warning("%s: %s; the next try is with what is usual", self._name, error)
                self._choice, self._is_settled, in_vain = None, True, True
                continue
            usual = Choice(child.kernels, self._order.threads, self._order.threads)
            if child.fastest and child.fastest != usual:
                self._choice = child.fastest
                await child.kill("another choice is faster")
                on_progress = _ignored  # it has come to its end already
                continue
            if child.fastest or in_vain:
                self._choice = usual
            self._is_settled = True
            self._keep(left_out)  # at once: who gives the load up now could not end the process
            self.hopeless, self.kernels = "", child.kernels
            return child

    def _ordered(self, left_out: LeftOut) -> LoadRequest:
        """With what is the fastest here; or to find it out, at the first start."""
        order = replace(self._order, without=tuple(left_out))
        if self._choice:
            return replace(order, most_threads=0, **asdict(self._choice))
        return replace(order, most_threads=0) if self._is_settled else order

    def _verdict(self, left_out: LeftOut, failed: str = "") -> Verdict:
        fastest = (self._verdicts.find(self._place) or Verdict()).fastest
        return Verdict(left_out, failed, {**fastest, self._shape: self._choice} if self._choice else fastest)

    def broke(self, child: WorkerProcess) -> None:
        """Takes note, once, of a process that has ended. After `IN_A_ROW` faults the next one has a suspect less."""
        if child is self._counted:
            return
        self._counted, self._dropped = child, None
        self._faults = self._faults + 1 if child.fault else 0
        if self._faults < IN_A_ROW:
            return
        self._faults, what = 0, f"{child.fault} in {IN_A_ROW} answers in a row"
        self._dropped = suspect(child.kernels)
        if self._dropped:
            self._keep({**self.left_out, self._dropped: what})
        else:
            self._faults = IN_A_ROW - 1  # one more will do
            self.hopeless = (
                f"{self._name} cannot be used on this processor: {what}{_without(self.left_out)}. {_advice()}"
            )

    def answered(self) -> None:
        """An answer has come to its end."""
        self._faults, self.hopeless = 0, ""

    def lost(self, child: WorkerProcess) -> EngineFailed:
        """What a request is told whose process is gone."""
        self.broke(child)
        if self.hopeless:
            return EngineFailed(self.hopeless)
        without = f"it goes on without {self._dropped}, " if self._dropped else ""
        return EngineFailed(f"the model's process stopped in the middle of it ({child.why}): {without}ask again")

    def news(self) -> str:
        """What the user has not been told yet of what is left out; "" the second time."""
        told, self._news = " ".join(self._news), []
        return told

    def _keep(self, left_out: LeftOut) -> None:
        for name in left_out.keys() - self.left_out.keys():
            told = f"{self._name} runs without {name} here, which llama.cpp cannot use on this processor"
            self._news.append(f"{told} ({left_out[name]}).")
            log.warning("%s: %s", told, left_out[name])
        self.left_out = left_out
        self._verdicts.keep(self._place, self._verdict(left_out))

    def _reason(self, fault: KernelFault, tried: list[str]) -> str:
        if fault.stage == LIBRARY:
            return (
                f"llama.cpp cannot run on this processor ({fault.fault} when {LIBRARY}): it was compiled for another"
                f" one. {REBUILD}, with PORTABLE=1 for every one"
            )
        return f"{self._name} cannot be used on this processor: {'; '.join(tried)}. {_advice()}"


def _ignored(_share: float) -> None:
    """Takes progress that nobody has to see."""


def _without(left_out: LeftOut) -> str:
    return f" without {', '.join(left_out)}" if left_out else ""


def _advice() -> str:
    return (
        "Choose another model, or download it again if its file may be damaged; if llama.cpp was compiled on another"
        f" machine, {REBUILD}"
    )
