"""Token counts without a vocabulary."""


def estimate_tokens(text: str) -> int:
    """An estimate for engines that have no tokenizer: four bytes of UTF-8 to a token, rounded up."""
    return -(-len(text.encode("utf-8", "replace")) // 4)
