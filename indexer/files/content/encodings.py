"""Bytes of a file -> its text: by its byte order mark, as UTF-8, by the encoding that it declares, else by a guess.

The guess knows the common encodings of Latin, Cyrillic, Japanese, Chinese and Korean text. Knows no files.
"""

import codecs
import re
import unicodedata
from collections.abc import Iterator

_SNIFF = 8192  # bytes that are looked at
# UTF-32's marks begin with those of UTF-16.
_MARKS = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
_CONTROL = bytes(set(range(32)) - set(b"\t\n\r\f\v\b\x1b")) + b"\x7f"
_NULS = 0.02  # share of the bytes of a text that something damaged
_DECLARED = re.compile(  # PEP 263, Emacs, Vim; XML, CSS; HTML
    rb"(?:coding[:=]|encoding\s{0,9}=|@charset|charset\s{0,9}=)\s{0,9}[\"']?([A-Za-z][\w.-]{1,30})"
)
_DECLARATION = 1024  # bytes in which it is
# No such text is written by hand, and some of these cost more than their length.
_NO_TEXT = frozenset({"idna", "punycode", "unicode_escape", "raw_unicode_escape", "utf-7", "utf-16", "utf-32"})

_HIGH_RUN = re.compile(rb"[\x80-\xff]{3,}")
_KANA, _HANGUL = re.compile("[\u3040-\u30ff]"), re.compile("[\uac00-\ud7af]")
_COMMON_GB = re.compile(rb"[\xa1-\xd7][\xa1-\xfe]")  # marks and the 3,755 most common characters
_COMMON_BIG5 = re.compile(rb"[\xa1-\xc6][\x40-\x7e\xa1-\xfe]")  # the 5,401 most common
_MOST_LATIN = 0.3  # share of the bytes beyond ASCII in a Latin text


def decode(data: bytes) -> str | None:
    """The text; None for binary data. What does not fit the encoding becomes U+FFFD."""
    for mark, encoding in _MARKS:
        if data.startswith(mark):
            return data.decode(encoding, "replace").replace("\0", "\ufffd")
    head = data[:_SNIFF]
    nuls = head.count(0)
    if nuls and (nuls > _NULS * len(head) or _controls(head) > nuls):
        return _utf16(data)
    try:
        return data.decode("utf-8").replace("\0", "\ufffd")
    except UnicodeDecodeError:
        name = _declared(data) or _guessed(data)
    if name is None:
        return None
    text = _by_line(data) if name == "cp1252" else data.decode(name, "replace")
    return text.replace("\0", "\ufffd")


def composed(text: str) -> str:
    """`text` in Unicode's NFC: letters with accents are one character each, however they were typed."""
    return text if text.isascii() else unicodedata.normalize("NFC", text)


def _utf16(data: bytes) -> str | None:
    """UTF-16 without a mark, by the zeros beside its ASCII characters."""
    head = data[:_SNIFF]
    low, high = head[::2].count(0), head[1::2].count(0)
    for encoding, zeros, others in (("utf-16-le", high, low), ("utf-16-be", low, high)):
        if len(data) % 2 == 0 and zeros > 0.2 * len(head) and others <= _NULS * len(head):
            text = data.decode(encoding, "replace")
            return None if _controls(text[:_SNIFF].encode("utf-8", "replace")) else text
    return None


def _controls(head: bytes) -> int:
    return len(head) - len(head.translate(None, _CONTROL))


def _declared(data: bytes) -> str | None:
    """The encoding that the beginning of a text names, if Python knows it."""
    found = _DECLARED.search(data[:_DECLARATION])
    if found is None:
        return None
    try:
        name = codecs.lookup(found[1].decode("ascii")).name
        "".encode(name)  # raises for a codec that is none of texts
    except (LookupError, TypeError, ValueError):
        return None
    return None if name in _NO_TEXT or name.startswith("utf-8") else name


def _guessed(data: bytes) -> str | None:
    head = data[:_SNIFF]
    if _controls(head) > head.count(0):
        return None
    high = [byte for byte in head if byte >= 0x80]
    if encoding := next(_east_asian(head[: head.rfind(b"\n") + 1] or head, len(high)), None):
        return encoding
    letters = sum(byte >= 0xC0 for byte in high)
    if letters > 0.9 * len(high) and sum(map(len, _HIGH_RUN.findall(head))) > 0.7 * len(high):  # words in Cyrillic
        small = sum(byte >= 0xE0 for byte in high)
        return "cp1251" if small > 0.5 * len(high) else "koi8-r"
    return "cp1252" if len(high) <= _MOST_LATIN * len(head) else None


def _east_asian(head: bytes, high: int) -> Iterator[str]:
    """The encodings of Japanese, Korean and Chinese that fit whole lines of a text, likeliest first."""
    for encoding, script, least in (("cp932", _KANA, 0.2), ("euc_jp", _KANA, 0.2), ("cp949", _HANGUL, 0.85)):
        text = _strictly(head, encoding)
        beyond = sum(ord(character) >= 0x80 for character in text)
        if beyond and len(script.findall(text)) >= least * beyond:
            yield encoding
    for encoding, common in (("gb18030", _COMMON_GB), ("big5", _COMMON_BIG5)):
        pairs = sum(len(re.sub(rb"[\x00-\x7f]", b"", pair)) for pair in common.findall(head))
        if _strictly(head, encoding) and pairs >= 0.9 * high:
            yield encoding


def _strictly(head: bytes, encoding: str) -> str:
    """ "" if not all of it fits."""
    try:
        return head.decode(encoding)
    except UnicodeDecodeError:
        return ""


def _by_line(data: bytes) -> str:
    """Lines in UTF-8, and others in the encoding of Windows, in one file."""
    return "\n".join(_strictly(line, "utf-8") or line.decode("cp1252", "replace") for line in data.split(b"\n"))
