"""Documentation as it is written in code -> plain sentences: no fields, no markup, nothing that reads as a citation.

Pure text; knows no question.
"""

import html
import re
from collections.abc import Sequence

from prompts.visible import one_line

_LONG = 600  # characters of a paragraph; sentences beyond are left out
_SENTENCE_END = re.compile(r"(?<=[.!?])\s+(?=[A-Z0-9`\"'(])")
# Where prose ends and fields, examples or directives begin.
_END = re.compile(
    r"^[^\S\n]*+(?:[:@\\](?:param|arg|args|argument|type|returns?|rtype|raises?|throws|exception|yields?|see|since|author"
    r"|example|deprecated|ivar|cvar|var|template|typeparam|brief)\b"
    r"|(?:Args|Arguments|Parameters|Params|Returns?|Raises|Yields|Attributes|Examples?|Notes?|See Also|Usage)"
    r"\s*:{0,2}\s*$"
    r"|\.\. |>>> |\$ |```|~~~|\|)",
    re.MULTILINE,
)
_BRIEF = re.compile(r"^[^\S\n]*+[@\\](?:brief|summary|description)\s+", re.MULTILINE)
_RULER = re.compile(r"^[ \t]*[-=~*_#^+/\\]{3,}[ \t]*$", re.MULTILINE)
_LIST = re.compile(r"^\s*(?:[-*+•]|\d{1,2}[.)])\s")
_TAG = re.compile(
    r"</?(?:p|br|ul|ol|li|b|i|em|strong|a|tt|pre|div|span|h\d|summary|remarks|para)\b[^<>]*>", re.IGNORECASE
)
_MARKUP = (
    (re.compile(r"\{@link(?:plain)?\s++[^\s{}()]++(?:\([^()]*+\))?\s++([^{}]++)\}"), r"\1"),
    (re.compile(r"\{@(?:link|linkplain|code|literal)\s++([^{}]*+)\}"), r"`\1`"),
    (re.compile(r"</?(?:code|c)>|<see\s+cref=\"|\"\s*/>", re.IGNORECASE), "`"),
    (_TAG, " "),
    (re.compile(r":(?:[a-z]+:)?[a-z]+:`~?(?:[\w.]*\.)?([^`<>]+)`"), r"`\1`"),
    (re.compile(r":(?:[a-z]+:)?[a-z]+:`([^`<>]+?)\s*<[^`<>]*>`"), r"\1"),
    (re.compile(r"`([^`<>]+?)\s*<[^`<>\s]+>`__?"), r"\1"),
    (re.compile(r"!?\[([^\][]*)\]\([^()\s]*\)"), r"\1"),
    (re.compile(r"``([^`]+)``"), r"`\1`"),
    (re.compile(r"(?<![\w`])`([^`]+)`_(?!\w)"), r"\1"),
    (re.compile(r"::(?=\s|\Z)"), ":"),
)
_CODE = re.compile(r"`([^`]*)`")
_LOOKS_CITED = re.compile(r"(?<!\\)\[(?=\d)|(?:(?<=[A-Za-z_/])|(?<=[A-Za-z_]\d))(?=(?::|#L)\d)")


def paragraphs(doc: str) -> list[str]:
    """The prose of a documentation text, each paragraph on one line; none where it has only fields."""
    text = _BRIEF.sub("", _RULER.sub("", html.unescape(doc)))
    end = _END.search(text)
    pieces = re.split(r"\n\s*\n|<p>", text[: end.start()] if end else text)
    found = [_plain(piece) for piece in pieces if not _LIST.match(piece)]
    return [piece for piece in found if re.search(r"[^\W\d_]", piece)]


def sentences(paragraph: str) -> list[str]:
    return _SENTENCE_END.split(paragraph)


def first_paragraph(doc: str) -> str:
    """On one line; "" for none. A long one ends after a sentence."""
    paragraph = next(iter(paragraphs(doc)), "")
    if len(paragraph) <= _LONG:
        return paragraph
    kept = ""
    for sentence in sentences(paragraph):
        if kept and len(kept) + len(sentence) > _LONG:
            break
        kept = f"{kept} {sentence}".strip()
    return kept


def first_sentence(doc: str) -> str:
    return sentences(first_paragraph(doc))[0]


def join_list(items: Sequence[str]) -> str:
    """`a, b and c`; `items` is not empty."""
    *head, last = items
    return f"{', '.join(head)} and {last}" if head else last


def name(symbol: str) -> str:
    """A symbol as inline code; a heading that reads as a citation as plain words."""
    if _LOOKS_CITED.search(symbol):
        return _LOOKS_CITED.sub(_escaped, one_line(" ".join(symbol.replace("`", "").split())))
    return code_span(symbol)


def code_span(text: str, longest: int | None = None) -> str:
    """`text` as inline code, whatever backticks are in it; a text over `longest` characters is cut after a whole
    word."""
    flat = one_line(" ".join(text.split()))
    if longest is not None and (len(flat) > longest or flat.endswith("…")):
        flat = re.sub(r"(?<=\W)\w*…?$|…$", "", flat[:longest]) + "…"
    fence = "`" * (1 + max((len(run) for run in re.findall("`+", flat)), default=0))
    return f"{fence} {flat} {fence}" if "`" in flat else f"`{flat}`"


def _plain(paragraph: str) -> str:
    """On one line, without markup; it ends as a sentence, even where it leads to a list that is left out."""
    text = paragraph
    for pattern, plain in _MARKUP:
        text = pattern.sub(plain, text)
    text = re.split(r"\n\s*(?:[-*+•]|\d{1,2}[.)])\s", text)[0]
    text = " ".join(text.split())
    if text.count("`") % 2 or "``" in text:
        text = text.replace("`", "")  # a span that nothing closes would swallow what comes after
    text = _CODE.sub(lambda span: span[1] if _LOOKS_CITED.search(span[1]) else span[0], text)
    outside = _CODE.split(text)  # prose, code, prose, ...
    text = "".join(f"`{piece}`" if n % 2 else _LOOKS_CITED.sub(_escaped, piece) for n, piece in enumerate(outside))
    return text[:-1].rstrip() + "." if text.endswith((":", ",", ";")) else text


def _escaped(found: re.Match[str]) -> str:
    return "\\" + found[0]
