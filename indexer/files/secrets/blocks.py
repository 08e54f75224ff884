"""Secrets of several lines: private keys of any length, with or without an end, and the data of Kubernetes secrets."""

import re
from collections.abc import Iterator

from indexer.files.secrets.linear import compiled

_BEGIN = (
    r"-----BEGIN [A-Z0-9 ]{0,40}PRIVATE KEY(?: BLOCK)?-----"
    r"|---- BEGIN SSH2 ENCRYPTED PRIVATE KEY ----|Private-Lines: \d+"
)
_END = r"-----END|---- END|Private-MAC:"
# What a line of a key has beside base64: comments, quotation marks, escapes, and the signs that join texts.
_AROUND = r"[\s#/*>|\"'`+,;\\.()&\[\]-]*"
_BODY = rf"{_AROUND}(?:(?:\\[nr])*[0-9A-Za-z+/=]+(?:\\[nr])*)?{_AROUND}"
_HEADER = r"[\s#/*\"'`]*(?:Proc-Type|DEK-Info|Version|Comment|Charset|Hash|Subject|x-\w+):"
_JOINT = r"(?:\\{1,4}[nr]|&#10;|&#xA;|[ \t])"
_APART = r"\\{0,3}[\"'][ \t]*[,+.][ \t]*\\{0,3}[\"']"  # between two literals
_PIECE = rf"{_JOINT}+[0-9A-Za-z+/=]+|{_JOINT}*{_APART}(?:[0-9A-Za-z+/]{{24,}}=*|[0-9A-Za-z+/]+=+)"
# A whole key on one line.
_INLINE = rf"{_JOINT}*(?:{_APART})?[0-9A-Za-z+/=]{{16,}}(?:{_PIECE})*"
_RUN = "[0-9A-Za-z+/=]{16}"  # a key begins with a line that has this
_LONGEST_LINE = 2000  # bytes of a line of a key
_KIND = r"(?m)^[ \t]*\"?kind\"?:[ \t]*[\"']?Secret[\"']?[ \t]*,?[ \t]*\r?$"
_SECTION = r"[ \t]*\"?(?:data|stringData)\"?:[ \t]*\{?[ \t]*"
_PAIR = r"[ \t]*(?:- )?[\"']?[\w.-]+[\"']?[ \t]*:[ \t]*(\S.*?)[ \t]*,?"
_NO_DATA = r"[|>][-+]?\d?|[\"']{0,2}|\{|[\"']?(?:\{\{|\$[{(A-Z]|<).*"


def key_spans(data: bytes) -> Iterator[tuple[int, int]]:
    """What stands between the first and the last line of private keys."""
    position = 0
    while match := compiled(_BEGIN).search(data, position):
        end = _end_of_key(data, match.end())
        if end > match.end():
            yield match.end(), end
        position = end


def _end_of_key(data: bytes, start: int) -> int:
    """The end of the last line that can belong to a key, or the beginning of its mark of an end."""
    inline = compiled(_INLINE).match(data, start)
    position: int = inline.end() if inline else start
    closing = compiled(_END).search(data, position, position + 60)
    if inline and closing and b"\n" not in data[position : closing.start()]:
        return int(closing.start())
    if inline:
        return position
    line_end = data.find(b"\n", position)
    end = position
    while line_end >= 0:
        begin, line_end = line_end + 1, data.find(b"\n", line_end + 1)
        line = data[begin : line_end if line_end >= 0 else len(data)]
        if len(line) > _LONGEST_LINE or compiled(f"{_BEGIN}|{_END}", captures=False).search(line):
            break
        if not compiled(f"(?:{_BODY})|(?:{_HEADER}.*)", captures=False).fullmatch(line):
            break
        if end > position or compiled(_RUN).search(line):
            end = begin + len(line) if line.strip() else end
    return end


def kubernetes_spans(data: bytes) -> Iterator[tuple[int, int]]:
    """The values below `data` and `stringData` in documents of the kind Secret."""
    start = 0
    for document in re.split(rb"(?<=\n)(?=---)", data):
        if compiled(_KIND).search(document):
            yield from _values(document, start)
        start += len(document)


def _values(document: bytes, offset: int) -> Iterator[tuple[int, int]]:
    depth, block = -1, -1  # the indentation of the section, and of the key whose value is on the lines below
    for line in document.split(b"\n"):
        text = line.rstrip()
        indent = len(line) - len(line.lstrip(b" \t"))
        if text and indent <= depth:
            depth = block = -1
        if depth < 0:
            depth = indent if text and compiled(_SECTION).fullmatch(text) else -1
        elif block >= 0 and text and indent > block:
            yield offset + indent, offset + len(text)
        elif pair := compiled(_PAIR).fullmatch(text):
            first, last = pair.span(1)
            value = line[first:last]
            block = indent if value[:1] in (b"|", b">") else -1
            if not compiled(_NO_DATA).fullmatch(value):
                quoted = value[:1] in (b'"', b"'") and value[-1:] == value[:1]
                yield offset + first + quoted, offset + last - quoted
        offset += len(line) + 1


# What a text has if it has such secrets, and the search for them.
DETECTORS = (("PRIVATE KEY|Private-Lines", key_spans), (_KIND, kubernetes_spans))
