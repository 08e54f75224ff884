"""Structural questions recognised by their wording: where is X defined, who calls X, what does F contain.

Pure text: does not know whether X exists. A wording that may mean something else is not recognised.
"""

import re
from dataclasses import dataclass
from typing import Literal

from indexer.files.content.encodings import composed
from indexer.files.languages import LANGUAGES
from indexer.parsing.identifiers import is_identifier

QueryKind = Literal[
    "definition", "signature", "calls", "uses", "imports", "subclasses", "tests", "outline", "routes", "commands"
]

_LONGEST = 160  # characters: a longer question wants more than a list
_OF_NAMES = frozenset({"calls", "uses", "subclasses", "tests"})  # `Box.go` is no file in a question of this kind
_SUFFIXES = frozenset(suffix for row in LANGUAGES for suffix in row.suffixes)


@dataclass(frozen=True, slots=True)
class StructuralQuery:
    """What to list."""

    kind: QueryKind
    name: str = ""  # its parts joined by dots, or a path; "" for routes and commands
    noun: str = ""  # "class" of "the class X"; "" if the question has none
    path: str = ""  # selects the definition in this file if there are several; set by the caller

    @property
    def last(self) -> str:
        return self.name.rpartition(".")[2]

    @property
    def is_path(self) -> bool:
        names_file = "." in self.name and self.kind not in _OF_NAMES and f".{self.last}" in _SUFFIXES
        return "/" in self.name or names_file


_NOUN = "function|method|class|struct|interface|protocol|trait|enum|type|constant|macro|module|package|file"
_NAME = r"(?:[^\W\d]|[$~./])[\w$.:#/\\-]*?(?(mark)[?!]?)"  # Ruby's names may end in ? or !; quoted, it is part of one
_X = (
    rf"(?P<the>(?:the|a|an|our|this|that)\s+)?(?:(?P<noun>{_NOUN})\s+)?(?P<mark>[`'\"])?"
    rf"(?P<x>{_NAME})(?P<call>\([^()]*\))?(?(mark)(?P=mark))(?:\s+(?P<after>{_NOUN}))?"
)
_PLACEHOLDERS = {
    "WHO": "(?:who|what|(?:which|what) (?:code|functions?|methods?|files?|modules?|classes|types|packages|places))"
    "(?: else)?(?: is| are)?",
    "DEFS": "(?:functions|classes|methods|symbols|definitions|types|members)",
    "ROUTES": "(?:(?:http|rest|api|web|url|existing|available) )*(?:routes|endpoints|urls)",
    "COMMANDS": "(?:(?:cli|command[ -]line|existing|available) )*(?:sub-?)?commands",
    "THERE": "(?: (?:of|in|for) (?:the|this|our) (?:app|application|server|api|service|cli|tool|program))?"
    "(?: (?:are|is) (?:there|defined|available|registered)| exist"
    "| (?:does|do) (?:it|(?:the|this|our) \\w+) (?:have|expose|define|offer|provide|support|serve))?",
    "X": _X,
}
# (kind, strict, pattern). In a strict wording, which can mean nothing else, X may be a plain word; in the others it
# must look like code. `_LEAD` and `_TAIL` are taken off before; a blank matches any white space.
_TABLE: tuple[tuple[QueryKind, bool, str], ...] = (
    ("definition", True, "where(?: is| are|'s) X (?:defined|declared)"),
    ("definition", True, "where X is (?:defined|declared)"),
    ("definition", True, "(?:in )?(?:which|what) (?:file|module) is X (?:defined|declared)(?: in)?"),
    ("definition", True, "(?:which|what) (?:file|module) (?:defines|declares) X"),
    ("definition", True, "(?:definition|declaration) (?:of|for) X"),
    ("definition", False, "X definition"),
    ("definition", False, "where(?: is|'s) X(?: implemented| located)?"),
    ("definition", False, "where X is(?: implemented| located)?"),
    ("definition", False, "where (?:do|can|could) (?:i|we|you) find X"),
    ("definition", False, "where does X live"),
    ("definition", False, "(?:which|what) (?:file|module) (?:contains|has|implements) X"),
    ("definition", False, "(?:which|what) (?:file|module) is X in"),
    ("definition", False, "(?:go|jump) to X"),
    ("signature", True, "signature (?:of|for) X"),
    ("signature", False, "X(?:'s)? signature"),
    ("signature", False, "(?:parameters|arguments|params|args) (?:of|to|for) X"),
    (
        "signature",
        False,
        "(?:which|what) (?:parameters|arguments|params|args) (?:does|do) X (?:take|accept|have|expect)",
    ),
    ("calls", True, "WHO (?:calls?|calling|invokes?) X"),
    ("calls", True, "(?:from )?where (?:is|do we|does it) X (?:called|invoked)(?: from)?"),
    ("calls", True, "where do we call X"),
    ("calls", False, "where does X get called"),
    ("calls", False, "(?:does|do|is there) (?:anything|anyone|anybody|any code)(?: else)?(?: that)? calls? X"),
    ("calls", True, "(?:callers?|call ?sites?|calls) (?:of|to|for) X"),
    ("calls", False, "X (?:callers|call ?sites)"),
    ("uses", False, "WHO (?:uses?|using|references?) X"),
    ("uses", False, "where (?:is|are) X (?:used|referenced)"),
    ("uses", False, "where do we use X"),
    ("uses", False, "is X (?:still |ever |actually )?(?:used|referenced)(?: (?:anywhere|somewhere)(?: else)?)?"),
    ("uses", False, "(?:usages?|uses|references?|occurrences) (?:of|to|for) X"),
    ("imports", True, "WHO (?:imports?|importing) X"),
    ("imports", True, "where (?:is|are) X imported"),
    ("imports", True, "(?:importers|imports) of X"),
    ("imports", False, "WHO (?:includes?|requires?) X"),
    (
        "subclasses",
        False,
        "WHO (?:subclass(?:es)?|inherits?(?: from)?|extends?|implements?|derives? from|derived from) X",
    ),
    ("subclasses", False, "(?:subclass(?:es)?|subtypes|implementations?|implementers|implementors|children) of X"),
    ("subclasses", False, "(?:derived|child) classes of X"),
    ("subclasses", False, "X (?:subclasses|implementations)"),
    ("tests", True, "(?:which|what) tests? (?:touch|cover|exercise|use|call)(?:e?s)? X"),
    ("tests", False, "(?:which|what) tests? (?:tests?|checks?) X"),
    ("tests", False, "(?:unit )?tests? (?:of|for|that (?:touch|cover|use|call)|covering|touching) X"),
    ("tests", False, "where are the tests (?:of|for) X"),
    ("tests", False, "where is X tested"),
    ("tests", False, "who tests X"),
    ("tests", False, "is X (?:unit )?tested(?: (?:anywhere|somewhere))?"),
    ("tests", False, "(?:does|do) X have (?:any |unit |some )*tests"),
    ("tests", False, "(?:which|what) tests (?:does|do) X have"),
    ("tests", False, "are there (?:any |unit )*tests (?:of|for) X"),
    ("outline", False, "what does X (?:contain|define)"),
    ("outline", False, "(?:in|inside) X"),
    ("outline", False, "what else is (?:in|inside) X"),
    ("outline", False, "what else does X (?:contain|define|have)"),
    ("outline", False, "(?:outline|contents?) of X"),
    ("outline", False, "X outline"),
    ("outline", False, "(?:(?:which|what) )?DEFS(?: are)?(?: defined)? (?:in|inside|of) X"),
    ("outline", False, "(?:which|what) DEFS (?:does|do) X (?:contain|define|declare|have|export)"),
    ("routes", True, "(?:(?:which|what) )?ROUTESTHERE"),
    ("commands", True, "(?:(?:which|what) )?COMMANDSTHERE"),
)
_LEAD = re.compile(
    r"(?:(?:please|hey|hi|ok|okay|so|and|but|now|then|also|can you|could you|i want to see|tell me|show me|give me|show"
    r"|list|find|locate|print|display|what are|what is|what's|what about|how about|where are|all of|all|any|every)"
    r",?\s+)+(?:the\s+)?",
    re.IGNORECASE,
)
_TAIL = re.compile(
    r"(?:[,\s]+(?:(?:in|of|for|from|within|across) (?:this|the|our|my) (?:whole |entire )?"
    r"(?:repo|repository|project|codebase|code base|code|package)|here|please|exactly|right now|and where))+$",
    re.IGNORECASE,
)
_PRONOUNS = frozenset(
    ("it", "this", "that", "these", "those", "them", "they", "he", "she", "him", "her", "me", "you", "us", "we", "i")
)


def _compiled(pattern: str) -> re.Pattern[str]:
    for placeholder, alternatives in _PLACEHOLDERS.items():
        pattern = pattern.replace(placeholder, alternatives)
    return re.compile(pattern.replace(" ", r"\s+"), re.IGNORECASE)


_PATTERNS = tuple((kind, strict, _compiled(pattern)) for kind, strict, pattern in _TABLE)


def parse_structural_query(question: str) -> StructuralQuery | None:
    """None for a question that is not certainly structural."""
    text = composed(question).strip().rstrip("?!. ？！。")
    if len(text) > _LONGEST or "\n" in text:
        return None
    text = _TAIL.sub("", text)
    bare = _LEAD.sub("", text, count=1) if _LEAD.match(text) else text
    for form in dict.fromkeys((text, bare)):
        for kind, strict, pattern in _PATTERNS:
            if match := pattern.fullmatch(form):
                query = StructuralQuery(kind) if kind in ("routes", "commands") else _query(kind, strict, match)
                if query:
                    return query
    return None


def _query(kind: QueryKind, strict: bool, match: re.Match[str]) -> StructuralQuery | None:
    text = match["x"]
    name = re.sub(r"::|#|\\|->", ".", text).strip(".:") if "/" not in text else text.removeprefix("./")
    noun = (match["noun"] or match["after"] or "").lower()
    query = StructuralQuery(kind, name, noun)
    if not name or name.lower() in _PRONOUNS:
        return None
    if kind == "outline" and not query.is_path and not _is_code(match, name):
        return None
    if query.is_path:
        return query if kind in ("outline", "imports") else None
    may_be_plain = strict and (not match["the"] or bool(noun))
    return query if may_be_plain or _is_code(match, name) else None


def _is_code(match: re.Match[str], name: str) -> bool:
    """Whether X is quoted, called, dotted or written as no plain word is: `snake_case`, `CamelCase`, `Capital`."""
    dotted = "." in name and all(part.isidentifier() for part in name.split("."))
    capitalised = name[:1].isupper() and not name.isupper()
    is_proper = capitalised and bool(not match["the"] or match["noun"] or match["after"])
    return bool(match["mark"] or match["call"]) or dotted or is_identifier(name) or is_proper
