"""Filling in the middle as llama-server offers it: the prompt of a request, and its answer in llama-server's shape.

Knows neither routes nor engines' lifetimes.
"""

import time
from collections.abc import AsyncGenerator, AsyncIterator
from typing import Annotated, Any

from pydantic import BeforeValidator, Field

from backend.api.openai.messages import Text
from backend.api.openai.schemas import MOST_TOKENS, STOPS, listed
from backend.api.schemas import Schema
from backend.chat.completion import BEHIND, from_a_line
from backend.errors import ApiError
from models.types import Delta, Engine, Fim, Prompt, Sampling, StopReason, Usage
from prompts.passthrough import fim_prompt

EXTRAS = 256
CHARS_A_TOKEN = 3  # of code, at least
_STOP_TYPES = {"stop": "eos", "length": "limit", "cancelled": "limit"}


class Extra(Schema):
    """A piece of another file."""

    text: Text
    filename: Text = "file"


class Infill(Schema):
    """The body of `POST /infill`."""

    input_prefix: Text
    input_suffix: Text
    input_extra: list[Extra] = Field(default=[], max_length=EXTRAS)
    prompt: Text = ""  # after the prefix: the beginning of what is filled in
    model: str = Field("", max_length=200)
    stream: bool = False
    n_predict: int = Field(-1, ge=-1)  # 0: the prompt is only read, for requests that will begin with it
    temperature: float = Field(0.0, ge=0, le=5)
    top_p: float | None = Field(None, ge=0, le=1)
    top_k: int | None = Field(None, ge=-1, lt=1 << 31)
    seed: int | None = None
    stop: Annotated[list[Text], BeforeValidator(listed)] = Field(default=[], max_length=STOPS)
    t_max_predict_ms: float = Field(0, ge=0)  # after it the answer ends with its line; 0: no limit

    def sampling(self, own: Sampling) -> Sampling:
        return Sampling(
            max_tokens=min(own.max_tokens if self.n_predict < 0 else self.n_predict, MOST_TOKENS),
            temperature=self.temperature,
            top_p=own.top_p if self.top_p is None else self.top_p,
            top_k=0 if self.top_k == -1 else self.top_k,
            seed=self.seed,
            stop=tuple(filter(None, self.stop)),
        )

    def prompt_for(self, engine: Engine) -> Prompt:
        """The newest pieces of other files as far as they fit, then the text around the cursor. Raises `ApiError`."""
        fim, prefix, suffix = fim_of(engine, "model"), from_a_line(self.input_prefix), self.input_suffix[:BEHIND]
        room = engine.context_length * CHARS_A_TOKEN * 3 // 4 - len(prefix) - len(suffix) - len(self.prompt)
        others: list[tuple[str, str]] = []
        for extra in reversed(self.input_extra):
            room -= len(extra.text) + len(extra.filename)
            if room < 0:
                break
            others.insert(0, (extra.filename, extra.text))
        return fim_prompt(fim, prefix, suffix, others, self.prompt)


def fim_of(engine: Engine, param: str) -> Fim:
    """The control tokens for filling in. Raises `ApiError`."""
    if engine.fim is None:
        problem = f"{engine.name} cannot fill in the middle: choose a model that can, or send no suffix"
        raise ApiError("bad_params", problem, param=param)
    return engine.fim


async def filled(body: Infill, name: str, deltas: AsyncGenerator[Delta, None]) -> AsyncIterator[dict[str, Any]]:
    """The chunks of an answer, the last one with `stop`. It has the whole text where the client wants no stream."""
    began = first = time.perf_counter()
    text, pieces, reason, usage = "", 0, None, None
    async for delta in deltas:
        if delta.text:
            first = time.perf_counter() if not text else first
            text, pieces = text + delta.text, pieces + 1
            if body.stream:
                yield {"index": 0, "content": delta.text, "tokens": [], "stop": False}
        reason, usage = delta.reason or reason, delta.usage or usage
        if reason or _is_late(body, text, time.perf_counter() - first):
            break
    ended = time.perf_counter()
    first = first if text else ended  # a prompt that is only read, and nothing is generated
    ms = (first - began) * 1000, (ended - first) * 1000
    content = "" if body.stream else text
    yield _end(body, name, reason or "length", usage or Usage(0, 0, pieces)) | {
        "content": content,
        **_timings(usage, ms),
    }


def _is_late(body: Infill, text: str, seconds: float) -> bool:
    return 0 < body.t_max_predict_ms < seconds * 1000 and "\n" in text


def _end(body: Infill, name: str, reason: StopReason, usage: Usage) -> dict[str, Any]:
    return {
        "index": 0,
        "model": name,
        "stop": True,
        "stop_type": _STOP_TYPES[reason],
        "stopping_word": "",
        "truncated": False,
        "tokens": [],
        "tokens_predicted": usage.completion,
        "tokens_evaluated": usage.prompt,
        "tokens_cached": usage.prompt + usage.completion,  # in the slot afterwards, as llama-server counts
        "generation_settings": {"n_predict": body.n_predict, "temperature": body.temperature, "stop": body.stop},
    }


def _timings(usage: Usage | None, ms: tuple[float, float]) -> dict[str, Any]:
    prompt, predicted = (usage.prompt - usage.cached, usage.completion) if usage else (0, 0)
    timings: dict[str, float] = {"cache_n": usage.cached if usage else 0}
    for name, count, its in (("prompt", prompt, ms[0]), ("predicted", predicted, ms[1])):
        timings |= {f"{name}_n": count, f"{name}_ms": its, f"{name}_per_second": count / its * 1000 if its else 0.0}
    return {"timings": timings}
