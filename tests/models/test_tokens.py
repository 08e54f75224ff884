"""Token counts without a vocabulary."""

from models.tokens import estimate_tokens


def test_tokens_are_estimated_from_bytes() -> None:
    assert [estimate_tokens(text) for text in ("", "a", "abcd", "abcde", "🦙🦙")] == [0, 1, 1, 2, 2]
