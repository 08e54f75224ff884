"""Samples the next token: one chain of llama.cpp's samplers for each answer.

Knows logits by their row, not the meaning of tokens.
"""

import json
import math
import re
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from models.errors import Unsupported
from models.llama.bindings import json_schema_to_gbnf, last_error, library
from models.types import Sampling

_RANDOM_SEED = 0xFFFFFFFF  # LLAMA_DEFAULT_SEED
_TOP_K = 40  # llama.cpp's default; without a limit top_p sorts the whole vocabulary, 1 to 2 ms a token
_LOOKS_BACK = 64  # tokens that the repeat penalty counts, llama.cpp's default
# Limits of a schema: grammars grow with these counts, and llama.cpp parses nested ones by recursion.
_MAX_REPEATS = 500
_REPEATED_GROUPS = 8  # of one pattern: nested ones multiply the ways to parse a text
_REPETITIONS = 20  # of one pattern, of any kind
_GRAMMAR_BYTES = 1 << 17
_CANDIDATE = np.dtype([("id", np.int32), ("logit", np.float32), ("p", np.float32)])  # llama_token_data
_COUNTS = ("minLength", "maxLength", "minItems", "maxItems")


class Sampler:
    """Samples the tokens of one answer. The same seed and the same logits give the same tokens.

    The order of stages is llama.cpp's own: grammar, penalties, top_k, top_p, min_p, temperature.
    """

    def __init__(self, model: Any, context: Any, sampling: Sampling, prompt: Sequence[int]) -> None:
        """Raises Unsupported where the JSON Schema cannot be converted to a grammar."""
        self._api, self._context = library(), context
        size = self._api.llama_vocab_n_tokens(self._api.llama_model_get_vocab(model))
        self._candidates = np.zeros(size, _CANDIDATE) if sampling.json_schema else None
        self._chain = self._api.llama_sampler_chain_init(self._api.llama_sampler_chain_default_params())
        try:
            for stage in _stages(self._api, model, sampling, prompt):
                self._api.llama_sampler_chain_add(self._chain, stage)
        except Unsupported:
            self.close()
            raise

    def sample(self, row: int) -> int:
        """The token after this row of the last batch, which the chain then counts.

        Raises Unsupported where a JSON Schema allows none: llama.cpp would abort the process.
        """
        if self._candidates is None:
            return int(self._api.llama_sampler_sample(self._chain, self._context, row))
        size = len(self._candidates)
        logits = self._api.llama_get_logits_ith(self._context, row)
        self._candidates["id"] = np.arange(size)
        self._candidates["logit"] = np.ctypeslib.as_array(logits, (size,))
        data = self._candidates.ctypes.data_as(self._api.llama_token_data_p)
        array = self._api.llama_token_data_array(data=data, size=size, selected=-1, sorted=False)
        self._api.llama_sampler_apply(self._chain, array)
        sampled = array.data[array.selected]
        if not math.isfinite(sampled.logit):
            raise Unsupported("this JSON Schema cannot be followed: it allows nothing after the text so far")
        self._api.llama_sampler_accept(self._chain, sampled.id)
        return int(sampled.id)

    def close(self) -> None:
        self._api.llama_sampler_free(self._chain)


def _stages(api: Any, model: Any, sampling: Sampling, prompt: Sequence[int]) -> list[Any]:
    stages = []
    if sampling.json_schema:
        stages.append(_grammar(api, api.llama_model_get_vocab(model), sampling.json_schema))
    if sampling.repeat_penalty != 1:
        size = api.llama_vocab_n_tokens(api.llama_model_get_vocab(model))
        penalties = api.llama_sampler_init_penalties(size, _LOOKS_BACK, sampling.repeat_penalty, 0.0, 0.0)
        for token in prompt[-_LOOKS_BACK:]:
            api.llama_sampler_accept(penalties, token)
        stages.append(penalties)
    if sampling.temperature <= 0:
        return [*stages, api.llama_sampler_init_greedy()]
    top_k = _TOP_K if sampling.top_k is None else sampling.top_k
    narrowing: tuple[tuple[bool, Callable[[], Any]], ...] = (
        (top_k > 0, lambda: api.llama_sampler_init_top_k(top_k)),
        (sampling.top_p < 1, lambda: api.llama_sampler_init_top_p(sampling.top_p, 1)),
        (sampling.min_p > 0, lambda: api.llama_sampler_init_min_p(sampling.min_p, 1)),
    )
    stages += [make() for wanted, make in narrowing if wanted]
    seed = _RANDOM_SEED if sampling.seed is None else sampling.seed % _RANDOM_SEED
    return [*stages, api.llama_sampler_init_temp(sampling.temperature), api.llama_sampler_init_dist(seed)]


def _grammar(api: Any, vocab: Any, schema: str) -> Any:
    try:
        if _repeats_too_often(json.loads(schema)):
            raise ValueError(f"it repeats something more than {_MAX_REPEATS} times, or too many repetitions")
        grammar = json_schema_to_gbnf(schema).encode()
        if len(grammar) > _GRAMMAR_BYTES or b"\\u0000" in grammar or b"\0" in grammar:
            raise ValueError("it is too long, or names the character 0")
    except (ValueError, LookupError, TypeError, AttributeError, AssertionError, RecursionError) as error:
        raise Unsupported(f"this JSON Schema cannot be followed: {error}") from error
    sampler = api.llama_sampler_init_grammar(vocab, grammar, b"root")
    if not sampler:
        raise Unsupported(f"this JSON Schema cannot be followed: {last_error()}")
    return sampler


def _repeats_too_often(schema: Any) -> bool:
    """Whether a schema, or a part of it, exceeds the limits on repetition."""
    if isinstance(schema, list):
        return any(map(_repeats_too_often, schema))
    if not isinstance(schema, dict):
        return False
    counts = [schema[key] for key in _COUNTS if isinstance(schema.get(key), int)]
    if isinstance(pattern := schema.get("pattern"), str):
        counts += map(int, re.findall(r"\d+(?=[\d,]*\})", pattern))
        if len(re.findall(r"\)[*+{]", pattern)) > _REPEATED_GROUPS or len(re.findall("[*+?{]", pattern)) > _REPETITIONS:
            return True
    return max(counts, default=0) > _MAX_REPEATS or _repeats_too_often(list(schema.values()))
