"""Code inside files of another language: scripts, styles and expressions of templates in Vue, Svelte, Astro, HTML, ERB.

Each part is the text of the whole file with everything else blanked, so its lines and columns are those of the file.
There is one part per language: the scripts of a component and the expressions of its template share their names.
Pure text; reads each character a bounded number of times.
"""

import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

from indexer.parsing.syntax import Span


@dataclass(frozen=True, slots=True)
class Embedded:
    """The code of one language in a file."""

    language: str  # a name from `languages`
    text: str  # as long as the file, in characters and lines


@dataclass(frozen=True, slots=True)
class _Host:
    """How a language holds code of others."""

    script: str  # language of its scripts, unless they say another
    expressions: Callable[[str], Iterator[Span]]
    has_tags: bool = True  # code is in <script> and <style>


_TAG = re.compile(r"<(?:!--|(script|style)\b((?:[^>\"']|\"[^\"]*+\"|'[^']*+')*+)(>?))", re.IGNORECASE)
_CLOSING = {name: re.compile(f"</{name}\\b", re.IGNORECASE) for name in ("script", "style")}
_ATTRIBUTE = re.compile(r"(?<![\w:-])(lang|type)\s{0,9}=\s{0,9}[\"']?([\w/+.-]{0,80})", re.IGNORECASE)
_LANGUAGES = {  # what `lang` and `type` say; "" is the host's own
    "": "", "module": "", "js": "", "javascript": "", "text/javascript": "", "application/javascript": "",
    "ts": "typescript", "typescript": "typescript", "text/typescript": "typescript",
    "jsx": "tsx", "tsx": "tsx", "text/babel": "tsx", "text/jsx": "tsx",
    "css": "css", "text/css": "css", "postcss": "css", "scss": "scss",
}  # fmt: skip
_STYLES = ("css", "scss")
_WIDER = ("tsx", "typescript")  # all scripts of a file are read as the first of these that one is in

_PAGES = frozenset({"html", "blade"})  # the second: templates in PHP, of which only the parts in PHP are read
# Braces of template engines, attributes that hold code, directives.
_IN_MARKUP = re.compile(
    r"\{[^{}]{0,2000}\}|\s(?:on|[@:(\[]|(?:v|x|ng|th|hx)[-:])[\w:.()\[\]-]{0,80}="
    r"(?:\"[^\"]{0,1000}\"|'[^']{0,1000}')|@\w{1,80}\s?\([^\n]{0,500}"
)
_COMMENTS = ("{#", "{--", "{!--")
_BINDING = re.compile(r"(?<=\s)(?:v-|[:@#])[\w:.\[\]-]*+=(?:\"([^\"]*+)\"|'([^']*+)')")
_BRACE = re.compile(r"[{}]|(?<!\w)\"(?:[^\"\\\n]|\\.){0,200}+\"|(?<!\w)'(?:[^'\\\n]|\\.){0,200}+'")
_BLOCK_WORD = re.compile(
    r"[#:/@](?:snippet\b.*|else\s++if\b|\w++)", re.DOTALL
)  # of Svelte: `{#if`, `{:else if`, `{@html`
_FRONTMATTER = re.compile(r"\s*+---\n(.*?)^---[ \t]*+$", re.DOTALL | re.MULTILINE)


def embedded(text: str, language: str) -> tuple[Embedded, ...]:
    """The code inside `text`, one part per language; empty for a language that holds no other."""
    host = _HOSTS.get(language)
    if host is None:
        return ()
    tagged = list(_tagged(text, host.script)) if host.has_tags else []
    markup = _only(text, _outside([span for _, span in tagged], len(text)), " ")
    markup = _without_comments(markup) if host.has_tags else markup
    spans: dict[str, list[Span]] = {}
    for name, span in tagged:
        spans.setdefault(name, []).append(span)
    styles = {name: spans.pop(name) for name in _STYLES if name in spans}
    spans.pop("", None)
    script = next((name for name in _WIDER if name in spans), host.script)
    code = sorted([*(span for found in spans.values() for span in found), *host.expressions(markup)])
    parts = {script: code} if code else {}
    return tuple(Embedded(name, _only(text, found, ";")) for name, found in (parts | styles).items())


def unread(text: str, language: str) -> str:
    """What may be code in the markup of a page or of its template engine, and is in no part that `embedded` gives."""
    if language not in _PAGES:
        return ""
    scripts = [span for name, span in _tagged(text, "javascript") if name] if language == "html" else []
    markup = _without_comments(_only(text, _outside(scripts, len(text)), " "))
    found = (match[0] for match in _IN_MARKUP.finditer(markup))
    return "\n".join(each for each in found if not each.startswith(_COMMENTS))


def script_language(language: str) -> str:
    """The language of the scripts in files of a language, unless they say another; "" if these hold no other."""
    return _HOSTS[language].script if language in _HOSTS else ""


def _tagged(text: str, default: str) -> Iterator[tuple[str, Span]]:
    """Language and span of each script and style; "" for what is no code. One that is not closed ends with the file."""
    at = 0
    while tag := _TAG.search(text, at):
        if not tag[1]:
            at = text.find("-->", tag.end())
            if at < 0:
                return
            continue
        if not tag[3]:
            return
        name = tag[1].lower()
        if tag[2].endswith("/"):  # it has no content
            at = tag.end()
            continue
        closing = _CLOSING[name].search(text, tag.end())
        at = closing.start() if closing else len(text)
        said = [value.lower() for _, value in sorted(_ATTRIBUTE.findall(tag[2]))]  # `lang` before `type`
        language = _LANGUAGES.get(said[0] if said else "")
        own = default if name == "script" else "css"
        yield ("" if language is None else language or own), (tag.end(), at)


def _outside(spans: Iterable[Span], end: int) -> Iterator[Span]:
    at = 0
    for start, stop in spans:
        yield at, start
        at = stop
    yield at, end


def _only(text: str, spans: Iterable[Span], separator: str) -> str:
    """`text` with spaces for what is outside `spans`, and a separator after each of these."""
    pieces: list[str] = []
    at = 0
    for start, end in spans:
        if start >= at:  # not inside the one before
            pieces += [_blank(text[at:start], separator if at else ""), text[start:end]]
            at = end
    return "".join([*pieces, _blank(text[at:], separator if at else "")])


def _without_comments(markup: str) -> str:
    return _only(markup, _outside(list(_comments(markup)), len(markup)), "")


def _comments(markup: str) -> Iterator[Span]:
    for start, end in _between(markup, "<!--", "-->"):
        yield start - len("<!--"), end + len("-->")


def _blank(gap: str, separator: str) -> str:
    blank = re.sub(r"[^\n]", " ", gap)
    return separator + blank[1:] if separator and blank.startswith(" ") else blank


def _no_expressions(_markup: str) -> Iterator[Span]:
    return iter(())


def _vue_expressions(markup: str) -> Iterator[Span]:
    yield from _between(markup, "{{", "}}")
    for found in _BINDING.finditer(markup):
        yield found.span(1 if found[1] is not None else 2)


def _between(text: str, opening: str, closing: str) -> Iterator[Span]:
    at = 0
    while (start := text.find(opening, at)) >= 0 and (end := text.find(closing, start + len(opening))) >= 0:
        yield start + len(opening), end
        at = end + len(closing)


def _braced(markup: str) -> Iterator[Span]:
    """What is between outer braces."""
    at = 0
    while (start := markup.find("{", at)) >= 0:
        depth, at = 1, start + 1
        while depth:
            token = _BRACE.search(markup, at)
            if token is None:
                return
            depth += (token[0] == "{") - (token[0] == "}")
            at = token.end()
        yield start + 1, at - 1


def _svelte_expressions(markup: str) -> Iterator[Span]:
    for start, end in _braced(markup):
        word = _BLOCK_WORD.match(markup[start:end])
        yield start + (word.end() if word else 0), end


def _astro_expressions(markup: str) -> Iterator[Span]:
    front = _FRONTMATTER.match(markup)
    if front:
        yield front.span(1)
    body = front.end() if front else 0
    for start, end in _braced(markup[body:]):
        yield body + start, body + end


def _erb_expressions(markup: str) -> Iterator[Span]:
    for start, end in _between(markup, "<%", "%>"):
        if not markup.startswith(("#", "%"), start):
            code = markup[start:end]
            yield end - len(code.lstrip("-=_")), end - markup.endswith(("-", "_"), start, end)


_HOSTS = {
    "html": _Host("javascript", _no_expressions),
    "vue": _Host("typescript", _vue_expressions),
    "svelte": _Host("typescript", _svelte_expressions),
    "astro": _Host("tsx", _astro_expressions),
    "erb": _Host("ruby", _erb_expressions, has_tags=False),
    "ejs": _Host("javascript", _erb_expressions, has_tags=False),
}
