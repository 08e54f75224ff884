"""The answers that are being generated: sampled tokens become text, and some of them end the answer.

Knows the messages of each answer. Which rows a step evaluates is decided by `scheduler`, when it runs by `loop`.
"""

import time
from collections.abc import Callable, Collection, Sequence
from dataclasses import astuple, dataclass, field
from itertools import accumulate

from models.errors import ContextTooLarge, ModelError, Unsupported
from models.filters.answer_filter import AnswerFilter
from models.llama.wire import Message, sampling_of
from models.llama.worker.loading import LoadedModel
from models.llama.worker.logprobs import TokenLogprobs
from models.llama.worker.sampling import Sampler
from models.llama.worker.scheduler import Request, Slice
from models.llama.worker.speculation import DRAFT, PromptLookup
from models.llama.worker.stops import AnswerText

PROGRESS_S = 0.2  # between two progress messages of a prompt


@dataclass(eq=False, slots=True)
class Answer:
    """One answer as it grows."""

    request: Request
    sampler: Sampler
    ends: frozenset[int]  # tokens that end it and are never shown
    text: AnswerText
    piece: Callable[[int], bytes]
    filter: AnswerFilter | None  # None: every character counts, as in the rest of a file
    logprobs: TokenLogprobs | None = None  # where they are wanted
    lookup: PromptLookup = field(default_factory=PromptLookup)
    drafted: int = 0
    accepted: int = 0
    progress_at: float = 0.0

    def feed(self, tokens: Sequence[int]) -> tuple[str, int | None]:
        """The text to show for these tokens; and, if the answer has ended, how many of them do not belong to it."""
        shown: list[str] = []
        for place, token in enumerate(tokens):
            is_end = token in self.ends
            if not is_end:
                shown.append(self._filtered(self.text.feed(self.piece(token))))
            if is_end or self.text.stopped or (self.filter and self.filter.is_over):
                return "".join(shown), len(tokens) - place - 1 + is_end
        return "".join(shown), None

    def end(self) -> str:
        """The text that was withheld so far."""
        rest = self._filtered(self.text.end())
        return rest + self.filter.end() if self.filter else rest

    @property
    def notice(self) -> str:
        return self.filter.notice if self.filter else ""

    def take_logprobs(self) -> Message:
        """The field of a message, empty where they are not wanted."""
        return {"logprobs": self.logprobs.take()} if self.logprobs else {}

    def _filtered(self, text: str) -> str:
        return self.filter.feed(text) if self.filter else text


class RunningAnswers:
    """All answers of one model that have not ended. Used under the lock of the steps."""

    def __init__(self, model: LoadedModel, send: Callable[[Message], None]) -> None:
        self._model, self._send = model, send
        self._scheduler, self._vocabulary = model.scheduler, model.vocabulary
        self._by_id: dict[int, Answer] = {}

    def start(self, message: Message, tokens: list[int]) -> None:
        """Queues the prompt `tokens` of a `generate` message. Raises ModelError where it cannot be answered."""
        sampling = sampling_of(message["sampling"])
        limit = self._model.request.context_length
        if not tokens:
            raise Unsupported("the prompt is empty")
        if len(tokens) >= limit:
            raise ContextTooLarge(len(tokens), limit - 1)
        request = Request(message["id"], tokens, min(limit, len(tokens) + sampling.max_tokens), message["prefetch"])
        vocabulary, context = self._vocabulary, self._model.context.pointer
        ends, marks = vocabulary.end_marks(message["marks"])
        shown = vocabulary.marked(message["shown"])

        def piece(token: int) -> bytes:
            return shown[token] if token in shown else vocabulary.piece(token)

        answer = Answer(
            request,
            Sampler(vocabulary.model, context, sampling, tokens),
            (vocabulary.end_tokens - shown.keys()) | ends,
            AnswerText((*marks, *sampling.stop), is_continuation=message["is_continuation"]),
            piece,
            AnswerFilter() if message["filtered"] else None,
        )
        if sampling.top_logprobs >= 0:
            answer.logprobs = TokenLogprobs(context, vocabulary.size, sampling.top_logprobs, piece)
        answer.lookup.extend(tokens)
        self._by_id[request.id] = answer
        self._scheduler.submit(request)

    def sample(self, step: Sequence[Slice]) -> None:
        """Samples the next tokens after an evaluated step."""
        for part, end in zip(step, accumulate(len(part.tokens) for part in step), strict=True):
            if part.samples:
                self._sample(part, end - part.samples)

    def cancel(self, ids: Collection[int]) -> None:
        for id_ in ids & self._by_id.keys():
            self._end(self._by_id[id_], "cancelled")

    def cancel_all(self) -> None:
        for answer in list(self._by_id.values()):
            self._end(answer, "cancelled")

    def report_progress(self) -> None:
        """Tells waiting and prefilled requests their place or progress, at most every PROGRESS_S."""
        now = time.monotonic()
        due = [
            (place, request)
            for place, request in enumerate(self._scheduler.requests)
            if (request.sequence is None or request.is_prefill)
            and now - self._by_id[request.id].progress_at >= PROGRESS_S
        ]
        forecasts = self._scheduler.forecasts() if due else {}
        for place, request in due:
            self._by_id[request.id].progress_at = now
            message: Message = {"id": request.id, "eta_s": forecasts.get(request.id)}
            if request.sequence is None:
                self._send(message | {"waiting": place})
            else:
                self._send(message | {"progress": [request.computed, request.prompt]})

    def _sample(self, part: Slice, row: int) -> None:
        """Samples after the rows of a slice from `row` on, as long as the draft is accepted."""
        answer = self._by_id[part.request.id]
        draft = list(part.request.draft)
        if len(part.request.tokens) >= part.request.max_length:  # only the prompt was wanted
            self._end(answer, "length")
            return
        sampled: list[int] = []
        for place in range(part.samples):
            try:
                sampled.append(answer.sampler.sample(row + place))
            except Unsupported as error:
                self._fail(answer, error)
                return
            if answer.logprobs:
                answer.logprobs.observe(row + place, sampled[-1])
            if draft[place : place + 1] != sampled[-1:] or sampled[-1] in answer.ends:
                break
        accepted = len(sampled) - 1
        answer.drafted, answer.accepted = answer.drafted + len(draft), answer.accepted + accepted
        self._model.acceptance.observe(len(draft), accepted)
        self._scheduler.sampled(part, sampled)
        self._emit(answer, sampled)

    def _emit(self, answer: Answer, sampled: list[int]) -> None:
        """Sends the text of new tokens, then ends the answer or drafts its next tokens."""
        request = answer.request
        text, excess = answer.feed(sampled)
        if answer.logprobs and excess is not None:
            answer.logprobs.drop(excess)
            if answer.text.stopped:
                answer.logprobs.keep(text)
        if text:
            self._send({"id": request.id, "text": text} | answer.take_logprobs())
        if excess is not None:
            self._end(answer, "stop", excess)
            return
        if len(request.tokens) >= request.max_length:
            self._end(answer, "length")
            return
        answer.lookup.extend(sampled)
        cost = self._scheduler.cost_model.draft_cost(DRAFT, self._scheduler.decoding)
        pays = self._model.context.can_share_prefix and self._model.acceptance.pays(cost)
        request.draft = answer.lookup.draft(request.max_length - len(request.tokens) - 1) if pays else []

    def _end(self, answer: Answer, reason: str, excess: int = 0) -> None:
        """Sends the last message of an answer; `excess` of its tokens do not belong to it."""
        request, prompt = answer.request, answer.request.prompt
        completion = len(request.tokens) - prompt - excess
        self._release(answer, completion)
        if completion > 0:
            self._model.answers.add(request.tokens[:prompt], request.tokens[prompt : prompt + completion])
        usage = [prompt, request.cached, completion, answer.drafted, answer.accepted]
        message = {"id": request.id, "text": answer.end(), "reason": reason, "notice": answer.notice, "usage": usage}
        message |= answer.take_logprobs()
        self._send(message | {"rates": astuple(self._scheduler.rates)})

    def _fail(self, answer: Answer, error: ModelError) -> None:
        request = answer.request
        self._release(answer, len(request.tokens) - request.prompt)
        self._send(error_message(request.id, error))

    def _release(self, answer: Answer, completion: int) -> None:
        del self._by_id[answer.request.id]
        answer.sampler.close()
        self._scheduler.finish(answer.request, completion)


def error_message(id_: int, error: ModelError) -> Message:
    """A model error as the server raises it again."""
    return {"id": id_, "error": type(error).__name__, "args": vars(error) or error.args}
