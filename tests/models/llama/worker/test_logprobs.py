"""Log-probabilities from rows of logits, and which of them are sent."""

import math
from types import SimpleNamespace

import numpy as np
import pytest

from models.llama.worker import logprobs
from models.llama.worker.logprobs import TokenLogprobs

PIECES = [b"a", b"b", b"<think>", b"</think>", b"\xc3"]
LOGITS = np.log(np.array([0.5, 0.25, 0.125, 0.0625, 0.0625], np.float32)) + 7  # logits have no fixed sum


@pytest.fixture(autouse=True)
def _logits(monkeypatch: pytest.MonkeyPatch) -> None:
    pointer = np.ctypeslib.as_ctypes(LOGITS)
    monkeypatch.setattr(
        logprobs, "library", lambda: SimpleNamespace(llama_get_logits_ith=lambda _context, _row: pointer)
    )


def collected(tokens: list[int], top: int = 0) -> TokenLogprobs:
    entries = TokenLogprobs(None, len(PIECES), top, PIECES.__getitem__)
    for token in tokens:
        entries.observe(0, token)
    return entries


def test_the_probabilities_of_all_tokens_make_one() -> None:
    [[token, logprob, top]] = collected([1], 5).take()
    assert (token, logprob) == (b"b".hex(), pytest.approx(math.log(0.25)))
    assert [other for other, _ in top[:2]] == [b"a".hex(), b"b".hex()]
    assert sum(math.exp(its) for _, its in top) == pytest.approx(1)


def test_an_impossible_token_has_a_number_that_json_has(monkeypatch: pytest.MonkeyPatch) -> None:
    logits = np.array([0.0, -np.inf, 0.0, 0.0, 0.0], np.float32)
    pointer = np.ctypeslib.as_ctypes(logits)
    monkeypatch.setattr(logprobs, "library", lambda: SimpleNamespace(llama_get_logits_ith=lambda *_: pointer))
    [[_, logprob, top]] = collected([1], 5).take()
    assert (logprob, top[-1]) == (-9999.0, [b"b".hex(), -9999.0])


def test_entries_are_sent_once() -> None:
    entries = collected([0, 4])
    assert [token for token, _, _ in entries.take()] == ["61", "c3"]
    assert entries.take() == []


def test_tokens_that_do_not_belong_to_the_answer_are_left_out() -> None:
    entries = collected([0, 1, 0, 1])
    entries.drop(0)
    entries.drop(1)
    entries.keep("ab")  # the third one is a stop text
    assert [token for token, _, _ in entries.take()] == ["61", "62"]


def test_reasoning_is_left_out() -> None:
    entries = collected([2, 0, 3, 1])
    assert [token for token, _, _ in entries.take()] == ["62"]
    entries.observe(0, 2)
    assert [token for token, _, _ in entries.take()] == [b"<think>".hex()]  # later on it is text
