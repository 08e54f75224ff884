"""The loop of a model's process: prompts arrive, steps are evaluated, and texts are sent.

The main thread evaluates; other threads tokenise texts and write snapshots. Knows neither conversations nor the
server. `main` starts and ends the process.
"""

import threading
import time
from collections.abc import Callable
from dataclasses import astuple
from queue import SimpleQueue

from models.errors import ModelError, Unsupported
from models.llama.wire import Message, segments_of
from models.llama.worker.answering import RunningAnswers, error_message
from models.llama.worker.cost_model import STEP_S
from models.llama.worker.encoding import encode
from models.llama.worker.loading import LoadedModel
from models.llama.worker.scheduler import Slice

IDLE_S = 0.5  # without any work, after which idle conversations are saved, one after the other
POLL_S = 0.01  # between two of these snapshots, so that new messages are seen
ABORT_TOKENS = 4  # a cancel stops the running step if that step evaluates more tokens of its request


class Worker:
    """The steps of one loaded model. State that several threads change is under one lock; no evaluation is, and no
    file access.
    """

    def __init__(self, model: LoadedModel, send: Callable[[Message], None]) -> None:
        self._model, self._send = model, send
        self._scheduler = model.scheduler
        self._answers = RunningAnswers(model, send)
        self._changed = threading.Condition()
        self._to_encode: SimpleQueue[Message] = SimpleQueue()
        self._arrived: list[tuple[Message, list[int]]] = []
        self._latest_id = 0  # of the request that arrived last
        self._cancelled: set[int] = set()
        self._step: list[Slice] = []
        self._closing = self._clearing = False
        self._is_idle = True
        self._progress_at = self._message_at = time.monotonic()
        self.steps = self.rows = 0
        threading.Thread(target=self._encode, daemon=True).start()
        if model.request.folder and model.request.disk_bytes:
            threading.Thread(target=model.write_snapshots, args=(self._changed,), daemon=True).start()

    # --- other threads ---

    def handle(self, message: Message) -> None:
        """Handles a message of the server: texts go to the thread that tokenises, the rest is left to the steps."""
        self._message_at = time.monotonic()
        if message["do"] in ("count", "generate", "detokenize"):
            self._to_encode.put(message)
            return
        with self._changed:
            aborts = False
            if message["do"] == "cancel":
                self._cancelled.add(message["id"])
                own = (part for part in self._step if part.request.id == message["id"])
                aborts = any(len(part.tokens) > ABORT_TOKENS for part in own)
            elif message["do"] == "clear_cache":
                self._clearing = True
            elif message["do"] == "close":
                self._closing = aborts = True
            # Where a part of a sequence cannot be removed, an aborted step could not be undone.
            if aborts and self._model.context.can_share_prefix:
                self._model.context.cancel.set()
            self._changed.notify()

    def _encode(self) -> None:
        """Tokenises texts in order of arrival. A long text delays neither steps nor cancels."""
        while True:
            message = self._to_encode.get()
            with self._changed:
                if message["id"] in self._cancelled:
                    self._arrived.append((message, []))
                    self._changed.notify()
                    continue
            if message["do"] == "detokenize":
                self._detokenize(message)
                continue
            try:
                tokens = encode(self._model.vocabulary, segments_of(message["segments"]), self._model.answers.find)
            except ModelError as error:
                self._send(error_message(message["id"], error))
                continue
            with self._changed:
                if message["do"] == "generate":
                    self._arrived.append((message, tokens))
                    self._changed.notify()
                    continue
                cached = self._scheduler.slots.cached_tokens(tokens[:-1])
            counts = {"id": message["id"], "count": len(tokens), "cached": cached}
            self._send(counts | ({"tokens": tokens} if message["tokens"] else {}))

    def _detokenize(self, message: Message) -> None:
        """Answers with the bytes of each token, as hexadecimal digits."""
        vocabulary = self._model.vocabulary
        try:
            if not all(0 <= token < vocabulary.size for token in message["tokens"]):
                raise Unsupported(f"tokens are numbers from 0 to {vocabulary.size - 1}")
            self._send(
                {"id": message["id"], "pieces": [vocabulary.written(token).hex() for token in message["tokens"]]}
            )
        except ModelError as error:
            self._send(error_message(message["id"], error))

    def heartbeat(self) -> Message:
        """The report of every second, however long a step takes."""
        stalled = 0.0 if self._is_idle else time.monotonic() - self._progress_at
        own = {"stalled_s": stalled, "steps": self.steps, "rows": self.rows}
        return {"heartbeat": own | self._model.metrics, "rates": astuple(self._scheduler.rates)}

    # --- the main thread ---

    def run(self) -> None:
        """Evaluates steps until the server closes it, then saves idle conversations."""
        while self._plan():
            rows = [
                (part.request.sequence or 0, part.begin + place, token, place >= len(part.tokens) - part.samples)
                for part in self._step
                for place, token in enumerate(part.tokens)
            ]
            started_at = time.perf_counter()
            is_done = self._model.context.evaluate(rows)
            seconds = time.perf_counter() - started_at
            with self._changed:
                if is_done:
                    self._advance(len(rows), seconds)
                self._step = []
                self._progress_at = self._message_at = time.monotonic()
        with self._changed:
            self._answers.cancel_all()
            self._clear()
            self._scheduler.slots.save_all()

    def _plan(self) -> bool:
        """Plans the next step, once there is work. False: it is time to close."""
        with self._changed:
            while not self._closing:
                self._progress_at, self._is_idle = time.monotonic(), False
                self._accept_arrived()
                self._model.context.cancel.clear()
                self._step = self._scheduler.plan()
                self._progress_at = time.monotonic()
                self._answers.report_progress()
                if self._step:
                    return True
                self._is_idle = True
                self._rest()
            return False

    def _rest(self) -> None:
        """Waits for a message. After IDLE_S without one, saves an idle conversation instead."""
        sequence = self._scheduler.slots.next_to_snapshot(STEP_S)
        idle_s = max(POLL_S, self._message_at + IDLE_S - time.monotonic())
        if self._changed.wait(None if sequence is None else idle_s) or sequence is None:
            return
        if time.monotonic() - self._message_at >= IDLE_S:
            self._progress_at, self._is_idle = time.monotonic(), False
            self._scheduler.slots.snapshot(sequence)

    def _accept_arrived(self) -> None:
        for message, tokens in self._arrived:
            self._latest_id = message["id"]
            if message["id"] in self._cancelled or self._takes_only_copy(message):
                self._send({"id": message["id"], "text": "", "reason": "cancelled", "usage": [len(tokens), 0, 0]})
                continue
            try:
                self._answers.start(message, tokens)
            except ModelError as error:
                self._send(error_message(message["id"], error))
        self._arrived.clear()
        self._answers.cancel(self._cancelled)
        self._cancelled = {id_ for id_ in self._cancelled if id_ > self._latest_id}  # still being tokenised
        self._clear()  # after the cancels, so that their sequences are dropped too

    def _takes_only_copy(self, message: Message) -> bool:
        """Whether reading ahead would have to continue the only copy of a conversation."""
        return message["prefetch"] and not self._model.context.can_share_prefix

    def _clear(self) -> None:
        if self._clearing:
            self._clearing = False
            self._scheduler.slots.clear()
            self._model.answers.clear()

    def _advance(self, rows: int, seconds: float) -> None:
        """After an evaluated step: updates the counts, samples tokens and ends answers."""
        self._scheduler.cost_model.observe(rows, seconds)
        self.steps, self.rows = self.steps + 1, self.rows + rows
        self._scheduler.evaluated(self._step)
        self._answers.sample(self._step)
