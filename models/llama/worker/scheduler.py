"""What the next step evaluates, and for whom: every running answer advances, what is left of a step reads prompts.

Prompts are read in the order in which they would end if each began when it came (their "virtual finish", as in fair
queueing): a short one passes a long one, none waits for ever. Pure bookkeeping over `Slots`; knows no model.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field

from models.llama.kv.prefix_tree import common
from models.llama.kv.slots import Slots
from models.llama.kv.state_file import Spans
from models.llama.worker.cost_model import StepCostModel
from models.types import Rates

SHORT = 128  # tokens that are left to read: these wait for no snapshot
PARALLEL = 8  # answers made at once; on a CPU more make each slower and all together hardly faster


@dataclass(eq=False, slots=True)
class Request:
    """One prompt and the answer that grows behind it."""

    id: int
    tokens: list[int]  # the prompt, then what has been chosen
    most: int  # tokens of prompt and answer together
    ahead: bool = False  # read ahead of a question: gives way to everyone else
    answers: Spans = field(default_factory=list)  # of `tokens`, what the model has said in earlier turns
    prompt: int = 0  # tokens
    known: int = 0  # of those, what need not be read as far as could be told when it came
    cached: int = 0  # what did not have to be read
    finish: int = 0  # the clock at which it is read if everyone gets a share; orders the queue
    sequence: int | None = None
    held: int = 0  # tokens in cells
    draft: list[int] = field(default_factory=list)  # guesses for the tokens behind `tokens`

    def __post_init__(self) -> None:
        self.prompt = len(self.tokens)

    @property
    def is_reading(self) -> bool:
        return self.held < max(self.prompt, len(self.tokens) - 1)

    @property
    def growth(self) -> int:
        """Cells that it may still need."""
        return self.most - self.held


@dataclass(frozen=True, slots=True)
class Slice:
    """Rows of one step: tokens of one request, at positions from `begin`."""

    request: Request
    begin: int
    tokens: Sequence[int]
    chooses: int  # behind each of the last so many rows a token is chosen
    is_reading: bool


class Scheduler:
    """Requests from arrival to rest. `plan` a step, evaluate it, tell `evaluated`, then `chosen` for who has chosen."""

    def __init__(self, slots: Slots, pace: StepCostModel, parallel: int = PARALLEL) -> None:
        self.slots, self.pace, self._parallel = slots, pace, parallel
        self._waiting: list[Request] = []
        self._running: list[Request] = []
        self._clock = 0  # tokens evaluated so far
        self._has_saved = False  # in the last step an idle sequence was saved

    @property
    def requests(self) -> list[Request]:
        """All that are not done, those that are read or answered first, in their order."""
        return [*self._running, *self._waiting]

    @property
    def waiting(self) -> int:
        return sum(not request.ahead for request in self._waiting)

    @property
    def decoding(self) -> int:
        return sum(not request.is_reading for request in self._running)

    @property
    def rates(self) -> Rates:
        """As whoever asks now sees them."""
        return self.pace.rates(self.decoding)

    def submit(self, request: Request) -> None:
        request.known = self.slots.known(request.tokens[:-1])
        request.finish = self._clock + request.prompt - request.known
        self._waiting.append(request)
        self._waiting.sort(key=_order)

    def finish(self, request: Request, said: int) -> None:
        """Answered with `said` tokens, cancelled or failed, at any stage: its sequence rests."""
        if request in self._waiting:
            self._waiting.remove(request)
            return
        self._running.remove(request)
        assert request.sequence is not None
        end = min(request.prompt + said, request.held)
        spans = [*request.answers, (request.prompt, end)] if end > request.prompt else request.answers
        self.slots.release(request.sequence, spans)

    def plan(self) -> list[Slice]:
        """The next step; empty when there is nothing to do."""
        self._admit()
        reading = sorted((request for request in self._running if request.is_reading), key=_order)
        urgent = [request for request in reading if not request.ahead]
        rows = [self._decode(request, guess=not urgent) for request in self._running if not request.is_reading]
        answering, unread = sum(len(row.tokens) for row in rows), sum(one.prompt - one.held for one in urgent)
        # A short prompt waits for no snapshot, a long one beside answers not for two in a row.
        is_hurried = 0 < unread <= SHORT or (answering > 0 and unread > 0 and self._has_saved)
        self._has_saved = self.slots.evict_idle(0.0 if is_hurried else self.pace.pause_s(answering))
        # An answer pauses for one thing at a time, and never for guesses.
        is_read = not answering or (urgent and not self._has_saved)
        room = self.pace.slice(answering, len(urgent), ahead=not urgent) if is_read else 0
        before: list[Request] = []
        for request in urgent or reading:
            if room <= 0:
                break
            if self._is_read_by(before, request):
                continue
            before.append(request)
            part = self._read(request, room)
            rows.append(part)
            room -= len(part.tokens)
        self.slots.make_room(sum(len(row.tokens) for row in rows))
        return rows

    def evaluated(self, step: Sequence[Slice]) -> None:
        """All rows of a step are in cells."""
        for part in step:
            assert part.request.sequence is not None
            self.slots.extend(part.request.sequence, part.tokens)
            part.request.held += len(part.tokens)
            self._clock += len(part.tokens)

    def chosen(self, part: Slice, tokens: Sequence[int]) -> None:
        """What was chosen behind a slice: one token, or several where guesses came true. Wrong guesses leave."""
        request = part.request
        assert request.sequence is not None
        right = part.begin + len(part.tokens) - part.chooses + len(tokens)
        if request.held > right:
            request.held = self.slots.cut(request.sequence, right)
        request.tokens.extend(tokens)

    def forecasts(self) -> dict[int, float]:
        """Seconds to the first token of each request that is read or waits, by its number; none while nothing has been
        measured. Who is read first answers beside the others. Who waits does so until somebody else has ended: at the
        latest when that answer has all its tokens.
        """
        told: dict[int, float] = {}
        if not self.pace.knows_reading:
            return told
        seconds, answers = 0.0, [request for request in self._running if not request.ahead]
        reading = sorted((request for request in answers if request.is_reading), key=_order)
        for place, request in enumerate(reading):
            others = self.decoding + place
            seconds += self.pace.eta_s(request.prompt - request.held, others, len(reading) - place) or 0.0
            told[request.id] = seconds
        step_s = self.pace.step_s(len(answers))
        ends = sorted(seconds + step_s * (one.most - max(one.prompt, one.held)) for one in answers)
        waiting = (request for request in self._waiting if not request.ahead)
        for end, request in zip(ends, waiting, strict=False):
            told[request.id] = end + (self.pace.eta_s(request.prompt - request.known, len(answers) - 1) or 0.0)
        return told

    def _admit(self) -> None:
        while self._waiting and sum(not other.ahead for other in self._running) < self._parallel:
            request = self._waiting[0]
            if request.ahead and self._running:
                break
            growth = sum(other.growth for other in self._running)
            if not self.slots.fits(request.tokens[:-1], request.most, growth):
                if self._preempt_ahead():
                    continue
                break
            self._waiting.pop(0)
            request.sequence, request.held, request.answers = self.slots.acquire(request.tokens, ahead=request.ahead)
            request.cached = request.held
            self._running.append(request)

    def _preempt_ahead(self) -> bool:
        """Sends somebody who only reads ahead back into the queue; what has been read stays."""
        for other in self._running:
            if other.ahead:
                self.finish(other, 0)
                other.sequence, other.held = None, 0
                self._waiting.append(other)
                return True
        return False

    def _decode(self, request: Request, guess: bool) -> Slice:
        if not guess:
            request.draft = []
        tokens = [*request.tokens[request.held :], *request.draft]
        return Slice(request, request.held, tokens, 1 + len(request.draft), is_reading=False)

    def _read(self, request: Request, room: int) -> Slice:
        tokens = request.tokens[request.held : request.held + room]
        ends = request.held + len(tokens) == len(request.tokens)
        return Slice(request, request.held, tokens, int(ends), is_reading=True)

    def _is_read_by(self, before: Sequence[Request], request: Request) -> bool:
        """Whether somebody reads the very tokens that this request needs next, or has read them by now."""
        assert request.sequence is not None
        held = self.slots.reindex_stale(request.sequence, request.tokens)
        request.cached += held - request.held
        request.held = held
        wanted = request.tokens[:-1]
        return any(common(other.tokens[: other.prompt], wanted) > held for other in before)


def _order(request: Request) -> tuple[bool, int, int]:
    return request.ahead, request.finish, request.id
