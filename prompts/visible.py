"""Text of others made safe to show: control and invisible characters become visible escapes such as `\\x1b`.

Knows neither where the text comes from nor where it is shown.
"""

import re

# Shown as escapes: control characters, line and paragraph separators, characters that change the direction of text or
# have no width, tags, and surrogates, which cannot be encoded. U+200C, U+200D and U+FE00 to U+FE0F stay: Persian,
# Indic scripts and emoji are written with them.
_HIDDEN = (
    r"\x00-\x08\x0b-\x1f\x7f-\x9f\xad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180e\u200b\u200e\u200f\u2028-\u202e"
    r"\u2060-\u206f\u3164\ufeff\uffa0\ufff0-\ufffb\U0001bca0-\U0001bca3\U0001d173-\U0001d17a\ud800-\udfff"
    r"\U000e0000-\U000e0fff"
)
_IN_TEXT = re.compile(f"[{_HIDDEN}]")
_IN_LINE = re.compile(rf"[\t\n{_HIDDEN}]")
_SHORT = {"\t": "\\t", "\n": "\\n", "\r": "\\r"}


def visible(text: str) -> str:
    """The text with escapes; line feeds and tabs stay. Text without hidden characters is returned itself."""
    return _IN_TEXT.sub(_escape, text) if _IN_TEXT.search(text) else text


def one_line(text: str) -> str:
    """The same for a name or a message: line feeds and tabs become escapes too."""
    return _IN_LINE.sub(_escape, text) if _IN_LINE.search(text) else text


def visible_json(text: str) -> str:
    """JSON with the same characters as escapes of JSON: it means what it meant. In JSON they are only in strings."""
    return _IN_TEXT.sub(_json_escape, text)


def _escape(found: re.Match[str]) -> str:
    code = ord(found[0])
    if code < 0x100:
        return _SHORT.get(found[0], f"\\x{code:02x}")
    return f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"


def _json_escape(found: re.Match[str]) -> str:
    units = found[0].encode("utf-16-be", "surrogatepass").hex()
    return "".join(f"\\u{units[start : start + 4]}" for start in range(0, len(units), 4))
