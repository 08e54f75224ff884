"""Starts the process of one model until its kernels work: after each processor fault one suspect more is left out.

Knows neither messages nor answers. `kernel_results` stores unusable kernels and the fastest choice, where the next load
starts.
"""

import logging
from collections.abc import Callable
from dataclasses import asdict, replace

from models.errors import EngineFailed, ModelUnavailable
from models.llama.bindings import REBUILD
from models.llama.kernel_results import Choice, KernelResult, KernelResultKey, KernelResults, LeftOut
from models.llama.kernels import LIBRARY, suspect
from models.llama.supervisor import KernelFault, NotMeasured, WorkerProcess
from models.llama.wire import LoadRequest

log = logging.getLogger(__name__)

IN_A_ROW = 2  # answers that end in a fault before a kernel is left out: one may be chance


class KernelProver:
    """The starts of one model's process."""

    def __init__(
        self, name: str, request: LoadRequest, kernel_results: KernelResults, key: KernelResultKey, shape: str
    ) -> None:
        """`shape` describes what determines the model's speed: measurements are stored under it."""
        self._name, self._load_request = name, request
        self._kernel_results, self._key, self._shape = kernel_results, key, shape
        result = kernel_results.find(key) or KernelResult()
        self.left_out: LeftOut = result.left_out
        self._choice = result.fastest.get(shape) if request.most_threads else None
        self._is_settled = False  # after the first start: the fastest choice is not measured again
        self.kernels: tuple[str, ...] = ()  # of the last process that loaded
        self.unusable = ""  # why the model cannot be used here; "" if it can
        self._notices: list[str] = []
        self._faults = 0  # of answers, in a row
        self._last_broken: WorkerProcess | None = None
        self._last_left_out_kernel: str | None = None  # the kernel left out after its last break

    async def start(self, on_progress: Callable[[float], None]) -> WorkerProcess:
        """A process whose kernels have been proved and are the fastest. Raises ModelUnavailable where there is none."""
        left_out, faults, has_failed = dict(self.left_out), [], False
        while True:
            try:
                worker = await WorkerProcess.start(self._request(left_out), on_progress)
            except KernelFault as fault:
                faults.append(f"{fault.fault} when {fault.stage}{_without(left_out)}")
                self._leave_out_next(left_out, fault, faults)
                continue
            except ModelUnavailable as error:
                if self._choice is None and not isinstance(error, NotMeasured):
                    raise
                log.warning("%s: %s; the next try uses the usual kernels", self._name, error)
                self._choice, self._is_settled, has_failed = None, True, True
                continue
            usual = Choice(worker.kernels, self._load_request.threads, self._load_request.threads)
            if worker.fastest and worker.fastest != usual:
                self._choice = worker.fastest
                await worker.kill("another choice is faster")
                on_progress = _ignored  # it has reached its end already
                continue
            if worker.fastest or has_failed:
                self._choice = usual
            self._is_settled = True
            self._store(left_out)  # at once: a caller that gives up now could not end the process
            self.unusable, self.kernels = "", worker.kernels
            return worker

    def _leave_out_next(self, left_out: dict[str, str], fault: KernelFault, faults: list[str]) -> None:
        """Adds the next suspect to `left_out`. Raises ModelUnavailable where no suspect is left."""
        name = suspect(fault.kernels)
        if name is None:
            self.unusable = self._reason(fault, faults)
            self._kernel_results.store(self._key, self._result(self.left_out, self.unusable))
            raise ModelUnavailable(self.unusable) from fault
        log.warning("%s: %s; the next try is without %s", self._name, faults[-1], name)
        left_out[name] = f"{fault.fault} when {fault.stage}"

    def _request(self, left_out: LeftOut) -> LoadRequest:
        """With the fastest choice; or, at the first start, to measure it."""
        request = replace(self._load_request, without=tuple(left_out))
        if self._choice:
            return replace(request, most_threads=0, **asdict(self._choice))
        return replace(request, most_threads=0) if self._is_settled else request

    def _result(self, left_out: LeftOut, failed: str = "") -> KernelResult:
        fastest = (self._kernel_results.find(self._key) or KernelResult()).fastest
        return KernelResult(left_out, failed, {**fastest, self._shape: self._choice} if self._choice else fastest)

    def record_break(self, worker: WorkerProcess) -> None:
        """Counts, once, a process that has ended. After IN_A_ROW faults one suspect is left out."""
        if worker is self._last_broken:
            return
        self._last_broken, self._last_left_out_kernel = worker, None
        self._faults = self._faults + 1 if worker.fault else 0
        if self._faults < IN_A_ROW:
            return
        self._faults, what = 0, f"{worker.fault} in {IN_A_ROW} answers in a row"
        self._last_left_out_kernel = suspect(worker.kernels)
        if self._last_left_out_kernel:
            self._store({**self.left_out, self._last_left_out_kernel: what})
        else:
            self._faults = IN_A_ROW - 1  # one more will do
            self.unusable = (
                f"{self._name} cannot be used on this processor: {what}{_without(self.left_out)}. {_advice()}"
            )

    def record_answer(self) -> None:
        """Counts an answer that has ended normally."""
        self._faults, self.unusable = 0, ""

    def lost_error(self, worker: WorkerProcess) -> EngineFailed:
        """The error of a request whose process is gone."""
        self.record_break(worker)
        if self.unusable:
            return EngineFailed(self.unusable)
        without = f"it goes on without {self._last_left_out_kernel}, " if self._last_left_out_kernel else ""
        return EngineFailed(f"the model's process stopped in the middle of it ({worker.why}): {without}ask again")

    def pop_notice(self) -> str:
        """What the user does not know yet about kernels that are left out; "" the second time."""
        text, self._notices = " ".join(self._notices), []
        return text

    def _store(self, left_out: LeftOut) -> None:
        for name in left_out.keys() - self.left_out.keys():
            text = f"{self._name} runs without {name} here, which llama.cpp cannot use on this processor"
            self._notices.append(f"{text} ({left_out[name]}).")
            log.warning("%s: %s", text, left_out[name])
        self.left_out = left_out
        self._kernel_results.store(self._key, self._result(left_out))

    def _reason(self, fault: KernelFault, tried: list[str]) -> str:
        if fault.stage == LIBRARY:
            return (
                f"llama.cpp cannot run on this processor ({fault.fault} when {LIBRARY}): it was compiled for another"
                f" one. {REBUILD}, with PORTABLE=1 for every one"
            )
        return f"{self._name} cannot be used on this processor: {'; '.join(tried)}. {_advice()}"


def _ignored(_share: float) -> None:
    """Ignores the progress of a second load."""


def _without(left_out: LeftOut) -> str:
    return f" without {', '.join(left_out)}" if left_out else ""


def _advice() -> str:
    return (
        "Choose another model, or download it again if its file may be damaged; if llama.cpp was compiled on another"
        f" machine, {REBUILD}"
    )
