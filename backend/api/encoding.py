"""JSON texts for clients, which can always be encoded."""

import json


def json_text(value: object) -> str:
    """Compact JSON. Half of a surrogate pair, as in a file name that is not UTF-8, becomes `?`: it has no encoding."""
    return encodable(json.dumps(value, ensure_ascii=False, allow_nan=False, separators=(",", ":")))


def encodable(text: str) -> str:
    """The text with `?` for each half of a surrogate pair."""
    return text if text.isascii() else text.encode("utf-8", "replace").decode()


def is_text(value: object) -> bool:
    """Whether all texts in a JSON value can be encoded."""
    waiting = [value]
    while waiting:
        match waiting.pop():
            case str(text) if not text.isascii() and text.encode("utf-8", "replace").decode() != text:
                return False
            case dict(fields):
                waiting += [*fields.keys(), *fields.values()]
            case list(items):
                waiting += items
    return True
