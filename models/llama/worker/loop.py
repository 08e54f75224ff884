"""The work of a model's process: prompts arrive, are evaluated step by step, and what can be shown is sent.

The main thread evaluates, others make tokens of texts and write snapshots. Knows nothing of conversations, of files of
the server, or of who asks; how the process lives and ends is the business of `process`.
"""

import threading
import time
from collections.abc import Callable
from dataclasses import astuple
from itertools import pairwise
from queue import SimpleQueue

from models.errors import ContextTooLarge, ModelError, Unsupported
from models.filters.answer_filter import AnswerFilter
from models.llama.wire import Message, sampling_of, segments_of
from models.llama.worker.answering import Answer
from models.llama.worker.cost_model import STEP_S
from models.llama.worker.encoding import encode
from models.llama.worker.loading import LoadedModel
from models.llama.worker.sampling import Sampler
from models.llama.worker.scheduler import Request, Slice
from models.llama.worker.speculation import DRAFT
from models.llama.worker.stops import AnswerText

TELL_S = 0.2  # between two messages about how far a prompt has been read
REST_S = 0.5  # without anything to do: then idle conversations are saved, one after the other
LOOK_S = 0.01  # between two of them, for what has come
ABORT_TOKENS = 4  # a cancelled prompt with more in the present step stops the step


class Worker:
    """The steps of one loaded model. What several threads change is under one lock; no evaluation is, and no file."""

    def __init__(self, loaded: LoadedModel, send: Callable[[Message], None]) -> None:
        self._model, self._send = loaded, send
        self._scheduler, self._vocabulary = loaded.scheduler, loaded.vocabulary
        self._changed = threading.Condition()
        self._texts: SimpleQueue[Message] = SimpleQueue()
        self._arrived: list[tuple[Message, list[int]]] = []
        self._latest = 0  # the number of the request that arrived last
        self._cancelled: set[int] = set()
        self._answers: dict[int, Answer] = {}  # by request
        self._step: list[Slice] = []
        self._closing = self._forgetting = False
        self._supporting_sources = True
        self._moved_at = self._asked_at = time.monotonic()
        self.steps = self.rows = 0
        threading.Thread(target=self._encode, daemon=True).start()
        if loaded.order.folder and loaded.order.disk_bytes:
            threading.Thread(target=loaded.keep_on_disk, args=(self._changed,), daemon=True).start()

    # --- other threads ---

    def take(self, message: Message) -> None:
        """Does what the server says: tokens are another thread's work, the rest is left to the steps."""
        self._asked_at = time.monotonic()
        if message["do"] in ("count", "generate"):
            self._texts.put(message)
            return
        with self._changed:
            aborts = False
            if message["do"] == "cancel":
                self._cancelled.add(message["id"])
                mine = (part for part in self._step if part.request.id == message["id"])
                aborts = any(len(part.tokens) > ABORT_TOKENS for part in mine)
            elif message["do"] == "forget":
                self._forgetting = True
            elif message["do"] == "close":
                self._closing = aborts = True
            if (
                aborts and self._model.context.can_share_prefix
            ):  # else what a sequence has of the step could not be taken back
                self._model.context.cancel.set()
            self._changed.notify()

    def _encode(self) -> None:
        """Makes tokens of texts, in order of arrival: a long one keeps neither steps nor cancels waiting."""
        while True:
            message = self._texts.get()
            with self._changed:
                if message["id"] in self._cancelled:
                    self._arrived.append((message, []))
                    self._changed.notify()
                    continue
            try:
                tokens = encode(self._vocabulary, segments_of(message["segments"]), self._model.answers.find)
            except ModelError as error:
                self._send({"id": message["id"]} | _told(error))
                continue
            with self._changed:
                if message["do"] == "generate":
                    self._arrived.append((message, tokens))
                    self._changed.notify()
                    continue
                cached = self._scheduler.slots.known(tokens[:-1])
            answer = {"id": message["id"], "count": len(tokens), "cached": cached}
            self._send(answer | ({"tokens": tokens} if message["tokens"] else {}))

    def heartbeat(self) -> Message:
        """What is told once a second, however long a step takes."""
        stalled = 0.0 if self._supporting_sources else time.monotonic() - self._moved_at
        own = {"stalled_s": stalled, "steps": self.steps, "rows": self.rows}
        return {"heartbeat": own | self._model.told, "rates": astuple(self._scheduler.rates)}

    # --- the main thread ---

    def run(self) -> None:
        """Steps until told to close; then leaves snapshots of what is idle."""
        while self._plan():
            rows = [
                (part.request.sequence or 0, part.begin + place, token, place >= len(part.tokens) - part.chooses)
                for part in self._step
                for place, token in enumerate(part.tokens)
            ]
            began = time.perf_counter()
            done = self._model.context.evaluate(rows)
            seconds = time.perf_counter() - began
            with self._changed:
                if done:
                    self._advance(seconds)
                self._step = []
                self._moved_at = self._asked_at = time.monotonic()
        with self._changed:
            for answer in list(self._answers.values()):
                self._end(answer, "cancelled")
            self._forget()
            self._scheduler.slots.save_all()

    def _plan(self) -> bool:
        """The next step, once there is something to do. False: it is time to close."""
        with self._changed:
            while not self._closing:
                self._moved_at, self._supporting_sources = time.monotonic(), False
                self._arrive()
                self._model.context.cancel.clear()
                self._step = self._scheduler.plan()
                self._moved_at = time.monotonic()
                self._tell_progress()
                if self._step:
                    return True
                self._supporting_sources = True
                due = self._scheduler.slots.next_to_snapshot(STEP_S)
                rest_s = max(LOOK_S, self._asked_at + REST_S - time.monotonic())
                if self._changed.wait(None if due is None else rest_s) or due is None:
                    continue
                if time.monotonic() - self._asked_at >= REST_S:
                    self._moved_at, self._supporting_sources = time.monotonic(), False
                    self._scheduler.slots.snapshot(due)
            return False

    def _arrive(self) -> None:
        for message, tokens in self._arrived:
            self._latest = message["id"]
            if message["id"] in self._cancelled or self._spoils(message):
                self._send({"id": message["id"], "text": "", "reason": "cancelled", "usage": [len(tokens), 0, 0]})
                continue
            try:
                self._begin(message, tokens)
            except ModelError as error:
                self._send({"id": message["id"]} | _told(error))
        self._arrived.clear()
        for id_ in self._cancelled & self._answers.keys():
            self._end(self._answers[id_], "cancelled")
        self._cancelled = {id_ for id_ in self._cancelled if id_ > self._latest}  # their texts are still being encoded
        self._forget()  # what was cancelled just now, too

    def _spoils(self, message: Message) -> bool:
        """Whether a guess would have to go on with the only copy there is of a conversation."""
        return message["ahead"] and not self._model.context.can_share_prefix

    def _forget(self) -> None:
        if self._forgetting:
            self._forgetting = False
            self._scheduler.slots.forget()
            self._model.answers.forget()

    def _begin(self, message: Message, tokens: list[int]) -> None:
        sampling = sampling_of(message["sampling"])
        limit = self._model.order.context_length
        if not tokens:
            raise Unsupported("the prompt is empty")
        if len(tokens) >= limit:
            raise ContextTooLarge(len(tokens), limit - 1)
        request = Request(message["id"], tokens, min(limit, len(tokens) + sampling.max_tokens), message["ahead"])
        ends, marks = self._vocabulary.end_marks(message["marks"])
        answer = Answer(
            request,
            Sampler(self._vocabulary.model, self._model.context.pointer, sampling, tokens),
            self._vocabulary.end_tokens | ends,
            AnswerText((*marks, *sampling.stop), is_continuation=message["is_continuation"]),
            self._vocabulary.piece,
            AnswerFilter() if message["filtered"] else None,
        )
        answer.lookup.extend(tokens)
        self._answers[request.id] = answer
        self._scheduler.submit(request)

    def _advance(self, seconds: float) -> None:
        """After an evaluation: who has read on, who has a next token, and who has ended with it."""
        step = self._step
        rows = sum(len(part.tokens) for part in step)
        self._scheduler.pace.observe(rows, seconds)
        self.steps, self.rows = self.steps + 1, self.rows + rows
        self._scheduler.evaluated(step)
        starts = [0, *(sum(len(part.tokens) for part in step[: n + 1]) for n in range(len(step)))]
        for part, (_, end) in zip(step, pairwise(starts), strict=True):
            if part.chooses:
                self._choose(part, end - part.chooses)

    def _choose(self, part: Slice, row: int) -> None:
        """Chooses behind the rows of a slice from `row` on, as far as what was guessed comes true."""
        answer = self._answers[part.request.id]
        draft = list(part.request.draft)
        if len(part.request.tokens) >= part.request.most:  # nothing is to be said
            self._end(answer, "length")
            return
        chosen: list[int] = []
        for place in range(part.chooses):
            try:
                chosen.append(answer.chooser.choose(row + place))
            except Unsupported as error:
                self._fail(answer, error)
                return
            if draft[place : place + 1] != chosen[-1:] or chosen[-1] in answer.ends:
                break
        accepted = len(chosen) - 1
        answer.drafted, answer.accepted = answer.drafted + len(draft), answer.accepted + accepted
        self._model.worth.observe(len(draft), accepted)
        self._scheduler.chosen(part, chosen)
        self._say(answer, chosen)

    def _say(self, answer: Answer, chosen: list[int]) -> None:
        request = answer.request
        text, unsaid = answer.say(chosen)
        if text:
            self._send({"id": request.id, "text": text})
        if unsaid is not None:
            self._end(answer, "stop", unsaid)
            return
        if len(request.tokens) >= request.most:
            self._end(answer, "length")
            return
        answer.lookup.extend(chosen)
        cost = self._scheduler.pace.guess_cost(DRAFT, self._scheduler.decoding)
        pays = self._model.context.can_share_prefix and self._model.worth.pays(cost)
        request.draft = answer.lookup.draft(request.most - len(request.tokens) - 1) if pays else []

    def _end(self, answer: Answer, reason: str, unsaid: int = 0) -> None:
        """The last message of an answer; `unsaid` of its tokens are not part of it."""
        request, prompt = answer.request, answer.request.prompt
        completion = len(request.tokens) - prompt - unsaid
        self._leave(answer, completion)
        if completion > 0:
            self._model.answers.remember(request.tokens[:prompt], request.tokens[prompt : prompt + completion])
        usage = [prompt, request.cached, completion, answer.drafted, answer.accepted]
        told = {"id": request.id, "text": answer.end(), "reason": reason, "notice": answer.notice, "usage": usage}
        self._send(told | {"rates": astuple(self._scheduler.rates)})

    def _fail(self, answer: Answer, error: ModelError) -> None:
        request = answer.request
        self._leave(answer, len(request.tokens) - request.prompt)
        self._send({"id": request.id} | _told(error))

    def _leave(self, answer: Answer, completion: int) -> None:
        del self._answers[answer.request.id]
        answer.chooser.close()
        self._scheduler.finish(answer.request, completion)

    def _tell_progress(self) -> None:
        now = time.monotonic()
        untold = [
            (place, request)
            for place, request in enumerate(self._scheduler.requests)
            if (request.sequence is None or request.is_reading) and now - self._answers[request.id].told_at >= TELL_S
        ]
        forecasts = self._scheduler.forecasts() if untold else {}
        for place, request in untold:
            self._answers[request.id].told_at = now
            told: Message = {"id": request.id, "eta_s": forecasts.get(request.id)}
            if request.sequence is None:
                self._send(told | {"waiting": place})
            else:
                self._send(told | {"progress": [request.held, request.prompt]})


def _told(error: ModelError) -> Message:
    return {"error": type(error).__name__, "args": vars(error) or error.args}
