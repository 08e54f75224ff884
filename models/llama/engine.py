"""A GGUF model as an `Engine`: llama.cpp on one thread of its own, deltas handed to the event loop.

Does not know templates, conversations or retrieval. llama_cpp itself is imported when a model is loaded.
"""

import asyncio
from collections.abc import AsyncGenerator, Callable
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from models.capability import PREFILL_SLICE, check_fits, physical_cores
from models.errors import ContextTooLarge, EngineFailed, ModelUnavailable
from models.gguf_file import GgufHeader, read_header
from models.llama.context import Cancel, Context
from models.llama.stops import AnswerText
from models.llama.tokens import encode
from models.llama.vocabulary import Vocabulary
from models.types import Delta, Fim, ModelSpec, Prompt, Rates, Sampling, Segment, StopReason, Usage


@dataclass(frozen=True, slots=True)
class _Job:
    """One generation, as the engine's thread gets it."""

    tokens: list[int]
    stops: tuple[str, ...]
    sampling: Sampling
    cancel: Cancel
    post: Callable[[Delta], None]


class LlamaEngine:
    """One loaded model with one context. Streams queue in order of arrival; each keeps what it shares with the last."""

    def __init__(
        self, spec: ModelSpec, header: GgufHeader, vocabulary: Vocabulary, context: Context, n_ctx: int
    ) -> None:
        self.name, self.context_length = spec.name, n_ctx
        self.chat_template = header.chat_template
        self.bos, self.eos = vocabulary.text(vocabulary.bos), vocabulary.text(vocabulary.eos)
        self._stops = spec.stop
        self._vocabulary, self._context = vocabulary, context
        self._thread = ThreadPoolExecutor(1, thread_name_prefix=f"llama-{spec.name}")
        self._cancels: set[Cancel] = set()
        self._closed = False

    @classmethod
    def load(
        cls,
        spec: ModelSpec,
        path: Path,
        *,
        threads: int | None = None,
        gpu_layers: int | None = None,
        context_length: int | None = None,
    ) -> "LlamaEngine":
        """Loads a model file; blocks for seconds. What is None comes from `spec`.

        The context is never longer than the model was trained for. Raises ModelUnavailable for a file that is missing,
        damaged, too big for this machine, or that llama.cpp refuses.
        """
        header = read_header(path)
        if not header.tensor_bytes:
            raise ModelUnavailable(f"{path.name} is a vocabulary without a model")
        n_ctx = min(context_length or spec.context_length, header.context_length)
        layers = spec.gpu_layers if gpu_layers is None else gpu_layers
        if layers == 0:
            check_fits(header, n_ctx)
        vocabulary = Vocabulary.load(path, gpu_layers=layers)
        try:
            context = Context(vocabulary.model, n_ctx, threads or spec.threads or physical_cores())
        except ModelUnavailable:
            vocabulary.close()
            raise
        return cls(spec, header, vocabulary, context, n_ctx)

    fim: Fim | None = None

    @property
    def rates(self) -> Rates:
        return Rates()

    def cached_tokens(self, segments: tuple[Segment, ...]) -> int:
        return 0

    def tokenize(self, segments: tuple[Segment, ...]) -> list[int]:
        """The very tokens `stream` would evaluate."""
        return encode(self._vocabulary, segments)

    def count_tokens(self, segments: tuple[Segment, ...]) -> int:
        return len(self.tokenize(segments))

    async def stream(self, prompt: Prompt, sampling: Sampling) -> AsyncGenerator[Delta, None]:
        tokens = await asyncio.to_thread(self.tokenize, prompt.segments)
        if len(tokens) >= self.context_length:
            raise ContextTooLarge(len(tokens), self.context_length - 1)
        if not tokens:
            raise EngineFailed("the prompt is empty")
        if self._closed:
            raise EngineFailed(f"the engine of {self.name} is closed")
        loop = asyncio.get_running_loop()
        inbox: asyncio.Queue[Delta | Future[Delta]] = asyncio.Queue()
        cancel = Cancel()

        def post(item: Delta | Future[Delta]) -> None:
            if not loop.is_closed():
                loop.call_soon_threadsafe(inbox.put_nowait, item)

        self._cancels.add(cancel)
        job = _Job(tokens, prompt.stop + self._stops, sampling, cancel, post)
        # The future itself is the last thing posted, so that an error of any kind reaches the reader.
        self._thread.submit(self._generate, job).add_done_callback(post)
        try:
            while isinstance(item := await inbox.get(), Delta):
                yield item
            yield item.result()
        finally:
            cancel.set()
            self._cancels.discard(cancel)

    async def close(self) -> None:
        """Ends all streams as cancelled and frees the memory. May be called twice."""
        if self._closed:
            return
        self._closed = True
        for cancel in self._cancels:
            cancel.set()
        await asyncio.wrap_future(self._thread.submit(self._free))
        self._thread.shutdown(wait=False)

    def _free(self) -> None:
        self._context.close()
        self._vocabulary.close()

    def _generate(self, job: _Job) -> Delta:
        """Runs on the engine's thread. Posts what can be shown and returns the last delta."""
        total = len(job.tokens)
        if job.cancel:  # while it was queued: leave the cache to the next one
            return Delta(reason="cancelled", usage=Usage(total, 0, 0))
        cached = self._context.keep_common(job.tokens)
        job.post(Delta(progress=(cached, total)))
        for begin in range(cached, total, PREFILL_SLICE):
            end = min(begin + PREFILL_SLICE, total)
            if not self._context.evaluate(job.tokens[begin:end], job.cancel):
                return Delta(reason="cancelled", usage=Usage(total, cached, 0))
            job.post(Delta(progress=(end, total)))
        text, reason, completion = self._decode(job)
        return Delta(text, reason, Usage(total, cached, completion))

    def _decode(self, job: _Job) -> tuple[str, StopReason, int]:
        """Text not posted yet, why the answer ended, and its length in tokens (without the end token)."""
        answer, vocabulary, context = AnswerText(job.stops), self._vocabulary, self._context
        count = 0
        with context.chooser(job.sampling) as choose:
            while count < job.sampling.max_tokens:
                token = choose()
                if token in vocabulary.end_tokens:
                    return answer.end(), "stop", count
                count += 1
                if text := answer.feed(vocabulary.piece(token)):
                    job.post(Delta(text))
                if answer.stopped:
                    return "", "stop", count
                if len(context.held) == self.context_length:
                    break
                if count < job.sampling.max_tokens and not context.evaluate([token], job.cancel):
                    return answer.end(), "cancelled", count
        return answer.end(), "length", count
