"""Markdown inside a line: code, bold, italic, links, citations. Works on a line of which only the beginning has come.

Underscores mark nothing here: in text on code they are parts of names.
"""

import re
from collections.abc import Iterator

from backend.cli.output import Styled

CODE, CITATION, LINK = "cyan", "bold blue", "underline"
_MARKUP = re.compile(
    # Ticks are taken as a whole run: all the ways to split thousands of them would take minutes.
    r"(?<!`)(?P<ticks>`++)(?P<code>.+?)(?<!`)(?P=ticks)(?!`)"
    r"|\*\*(?=\S)(?P<bold>.+?)(?<=[^\s*])\*\*"
    r"|\*(?=[^\s*])(?P<italic>.+?)(?<=[^\s*])\*(?!\*)"
    r"|\[(?P<words>[^\[\]]+)\]\((?P<target>[^()\s]+)\)"
    r"|(?P<citation>\[\d{1,3}(?:[-,;\u2013 ]+\d{1,3})*\])(?![\w(\[])"
    r"|\\(?P<escaped>[!-/:-@\[-`{-~])"
)
_OPENER = re.compile(r"[`*\[\\]")
# What the rest of a line begins with if more text may still make it markup.
_OPEN = re.compile(r"`|\*|\\$|\[[^\[\]]*$|\[[^\[\]]+\]$|\[[^\[\]]+\]\([^()\s]*$")


def safe_length(text: str, *, is_ended: bool = False) -> int:
    """How much of the beginning of a line means the same, whatever comes after it.

    `is_ended`: what is complete at its end stays so; only what is open may still mean something else.
    """
    at = 0
    while (opener := _OPENER.search(text, at)) is not None:
        at = opener.start()
        if (found := _MARKUP.match(text, at)) is not None and (is_ended or found.end() < len(text)):
            at = found.end()
        elif found is not None or _OPEN.match(text, at):
            return at
        else:
            at += 1
    return len(text)


def styled_inline(text: str, style: str = "") -> Iterator[Styled]:
    """The pieces of a complete line, or of a safe beginning; `style` is the style of all of it."""
    at = 0
    for found in _MARKUP.finditer(text):
        if at < found.start():
            yield Styled(text[at : found.start()], style)
        yield from _markup(found, style)
        at = found.end()
    if at < len(text):
        yield Styled(text[at:], style)


def _markup(found: re.Match[str], style: str) -> Iterator[Styled]:
    match found.lastgroup:
        case "code":
            code = found["code"]
            is_padded = code.startswith(" ") and code.endswith(" ") and code.strip()  # as CommonMark has it
            yield Styled(code[1:-1] if is_padded else code, _joined(style, CODE))
        case "bold" | "italic" as kind:
            yield from styled_inline(found[kind], _joined(style, kind))
        case "target":
            yield from styled_inline(found["words"], _joined(style, LINK))
            if found["target"] != found["words"]:  # a link shows where it leads
                yield Styled(f" ({found['target']})", style)
        case "citation":
            yield Styled(found["citation"], _joined(style, CITATION))
        case _:
            yield Styled(found["escaped"], style)


def _joined(style: str, more: str) -> str:
    return f"{style} {more}".strip()
