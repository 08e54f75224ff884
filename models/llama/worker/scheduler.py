"""Plans the rows of the next step: every running answer decodes, and prompts are prefilled with what room is left.

Prompts are ordered by their virtual finish, as in fair queueing: when each would end if all were read at once. A short
one overtakes a long one, and none starves. Pure bookkeeping over `Slots`; knows no model.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field

from models.llama.kv.prefix_tree import common_prefix
from models.llama.kv.slots import Slots
from models.llama.kv.state_file import Spans
from models.llama.worker.cost_model import StepCostModel
from models.types import Rates

SHORT_PROMPT_TOKENS = 128  # left to prefill: with so few, a prompt does not wait for a snapshot
PARALLEL = 8  # answers decoded at once; on a CPU more make each slower and all together hardly faster


@dataclass(eq=False, slots=True)
class Request:
    """One prompt and the answer that grows after it."""

    id: int
    tokens: list[int]  # the prompt, then the sampled tokens
    max_length: int  # tokens of prompt and answer together
    prefetch: bool = False  # read ahead of a question: yields to every other request
    answers: Spans = field(default_factory=list)  # spans of `tokens` that the model generated in earlier turns
    prompt: int = 0  # tokens
    estimated_cached: int = 0  # prompt tokens that needed no evaluation when it arrived
    cached: int = 0  # prompt tokens that were not evaluated
    virtual_finish: int = 0  # on the scheduler's clock; orders the queue
    sequence: int | None = None
    computed: int = 0  # tokens in cells
    draft: list[int] = field(default_factory=list)  # guesses for the tokens after `tokens`

    def __post_init__(self) -> None:
        self.prompt = len(self.tokens)

    @property
    def is_prefill(self) -> bool:
        return self.computed < max(self.prompt, len(self.tokens) - 1)

    @property
    def growth(self) -> int:
        """Cells that it may still need."""
        return self.max_length - self.computed


@dataclass(frozen=True, slots=True)
class Slice:
    """Rows of one step: tokens of one request, at positions from `begin`."""

    request: Request
    begin: int
    tokens: Sequence[int]
    samples: int  # a token is sampled after each of the last `samples` rows
    is_prefill: bool


class Scheduler:
    """Requests from arrival to end. `plan` a step, evaluate it, call `evaluated`, then `sampled` for each new token."""

    def __init__(self, slots: Slots, cost_model: StepCostModel, parallel: int = PARALLEL) -> None:
        self.slots, self.cost_model, self._parallel = slots, cost_model, parallel
        self._waiting: list[Request] = []
        self._running: list[Request] = []
        self._clock = 0  # tokens evaluated so far
        self._has_saved = False  # the previous step saved an idle sequence

    @property
    def requests(self) -> list[Request]:
        """All requests that have not ended: the running ones, then the queue in its order."""
        return [*self._running, *self._waiting]

    @property
    def waiting(self) -> int:
        return sum(not request.prefetch for request in self._waiting)

    @property
    def decoding(self) -> int:
        return sum(not request.is_prefill for request in self._running)

    @property
    def rates(self) -> Rates:
        """As a new request would see them now."""
        return self.cost_model.rates(self.decoding)

    def submit(self, request: Request) -> None:
        request.estimated_cached = self.slots.cached_tokens(request.tokens[:-1])
        request.virtual_finish = self._clock + request.prompt - request.estimated_cached
        self._waiting.append(request)
        self._waiting.sort(key=_order)

    def finish(self, request: Request, completion: int) -> None:
        """Ends a request at any stage, with `completion` tokens of answer. Its sequence becomes idle."""
        if request in self._waiting:
            self._waiting.remove(request)
            return
        self._running.remove(request)
        assert request.sequence is not None
        end = min(request.prompt + completion, request.computed)
        spans = [*request.answers, (request.prompt, end)] if end > request.prompt else request.answers
        self.slots.release(request.sequence, spans)

    def plan(self) -> list[Slice]:
        """The next step; empty when there is nothing to do."""
        self._admit()
        prefill = sorted((request for request in self._running if request.is_prefill), key=_order)
        urgent = [request for request in prefill if not request.prefetch]
        step = [self._decode(request, draft=not urgent) for request in self._running if not request.is_prefill]
        room = self._prefill_room(sum(len(part.tokens) for part in step), urgent)
        before: list[Request] = []
        for request in urgent or prefill:
            if room <= 0:
                break
            if self._shares_prefill_with(before, request):
                continue
            before.append(request)
            part = self._prefill(request, room)
            step.append(part)
            room -= len(part.tokens)
        self.slots.make_room(sum(len(part.tokens) for part in step))
        return step

    def _prefill_room(self, decoding_rows: int, urgent: Sequence[Request]) -> int:
        """How many prompt tokens fit into the step. May evict idle sequences first, which takes time from the step."""
        unread = sum(request.prompt - request.computed for request in urgent)
        # A short prompt waits for no snapshot, a long one beside answers not for two in a row.
        is_hurried = 0 < unread <= SHORT_PROMPT_TOKENS or (decoding_rows > 0 and unread > 0 and self._has_saved)
        self._has_saved = self.slots.evict_idle(0.0 if is_hurried else self.cost_model.pause_s(decoding_rows))
        # An answer pauses for one thing at a time, and never for prompts read ahead.
        if decoding_rows and (not urgent or self._has_saved):
            return 0
        return self.cost_model.prefill_tokens(decoding_rows, len(urgent), prefetch=not urgent)

    def evaluated(self, step: Sequence[Slice]) -> None:
        """All rows of a step are in cells."""
        for part in step:
            assert part.request.sequence is not None
            self.slots.extend(part.request.sequence, part.tokens)
            part.request.computed += len(part.tokens)
            self._clock += len(part.tokens)

    def sampled(self, part: Slice, tokens: Sequence[int]) -> None:
        """Appends what was sampled after a slice: one token, or several where drafts were accepted. Rejected drafts
        leave the cells.
        """
        request = part.request
        assert request.sequence is not None
        accepted_end = part.begin + len(part.tokens) - part.samples + len(tokens)
        if request.computed > accepted_end:
            request.computed = self.slots.cut(request.sequence, accepted_end)
        request.tokens.extend(tokens)

    def forecasts(self) -> dict[int, float]:
        """Seconds to the first token of each request that is prefilled or waits, by id; empty while nothing has been
        measured. A prompt that is read first decodes beside the others. A waiting one starts when another request ends:
        at the latest when that answer has all its tokens.
        """
        forecasts: dict[int, float] = {}
        if not self.cost_model.knows_prefill:
            return forecasts
        seconds, running = 0.0, [request for request in self._running if not request.prefetch]
        prefill = sorted((request for request in running if request.is_prefill), key=_order)
        for place, request in enumerate(prefill):
            decoding = self.decoding + place
            tokens = request.prompt - request.computed
            seconds += self.cost_model.eta_s(tokens, decoding, len(prefill) - place) or 0.0
            forecasts[request.id] = seconds
        step_s = self.cost_model.step_s(len(running))
        left = (request.max_length - max(request.prompt, request.computed) for request in running)
        ends = sorted(seconds + step_s * tokens for tokens in left)
        waiting = (request for request in self._waiting if not request.prefetch)
        for end, request in zip(ends, waiting, strict=False):
            tokens = request.prompt - request.estimated_cached
            forecasts[request.id] = end + (self.cost_model.eta_s(tokens, len(running) - 1) or 0.0)
        return forecasts

    def _admit(self) -> None:
        while self._waiting and sum(not other.prefetch for other in self._running) < self._parallel:
            request = self._waiting[0]
            if request.prefetch and self._running:
                break
            growth = sum(other.growth for other in self._running)
            if not self.slots.fits(request.tokens[:-1], request.max_length, growth):
                if self._preempt_prefetch():
                    continue
                break
            self._waiting.pop(0)
            acquired = self.slots.acquire(request.tokens, prefetch=request.prefetch)
            request.sequence, request.computed, request.answers = acquired
            request.cached = request.computed
            self._running.append(request)

    def _preempt_prefetch(self) -> bool:
        """Sends a request that is only read ahead back into the queue. What has been computed stays."""
        for other in self._running:
            if other.prefetch:
                self.finish(other, 0)
                other.sequence, other.computed = None, 0
                self._waiting.append(other)
                return True
        return False

    def _decode(self, request: Request, draft: bool) -> Slice:
        if not draft:
            request.draft = []
        tokens = [*request.tokens[request.computed :], *request.draft]
        return Slice(request, request.computed, tokens, 1 + len(request.draft), is_prefill=False)

    def _prefill(self, request: Request, room: int) -> Slice:
        tokens = request.tokens[request.computed : request.computed + room]
        is_complete = request.computed + len(tokens) == len(request.tokens)
        return Slice(request, request.computed, tokens, int(is_complete), is_prefill=True)

    def _shares_prefill_with(self, before: Sequence[Request], request: Request) -> bool:
        """Whether one of `before` prefills the tokens that this request needs next. What has been computed of them is
        shared first.
        """
        assert request.sequence is not None
        computed = self.slots.share_prefix(request.sequence, request.tokens)
        request.cached += computed - request.computed
        request.computed = computed
        wanted = request.tokens[:-1]
        return any(common_prefix(other.tokens[: other.prompt], wanted) > computed for other in before)


def _order(request: Request) -> tuple[bool, int, int]:
    return request.prefetch, request.virtual_finish, request.id
