"""Questions which things of a kind there are -> the definition that lists them, or the definitions named alike.

"Which log levels are there?": the members of `Level`. "Which shells can completions be generated for?": what varies in
`GenBashCompletion`, `GenFishCompletion`, ... Reads only the index.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from indexer.files.roles import is_test
from indexer.navigation.locations import Location
from indexer.parsing.identifiers import STOP_WORDS, stem, word_parts
from indexer.storage.snapshot import IndexedSymbol, Snapshot

_LONGEST, _LONG_LIST = 120, 12  # characters; words
_LARGE = 400_000  # chunks of an index in which not every name is looked at
_NAMES = 3000  # with a word of the question
_LISTED = 40
_SHOWN = 5  # lines that are told
_LEAST = 3  # things that make a list
_WORDS = 4  # of a question that names are searched for
_DOES = r"(?:are|is|does|do|can|may|could|will|have|has|did|exist)"
_MANY = r"(?:(?:all|the|other|different|built-?in|available|supported|existing|possible) )*"
_ASKS = re.compile(
    rf"(?:list|show|name|enumerate)(?: me)? {_MANY}(?P<list>[\w -]+?)(?: (?:that|which|there|of|in|for)\b.*)?"
    rf"|(?:which|what)(?: (?:kinds?|types?|sorts?) of)? {_MANY}(?P<which>[\w-]+(?: [\w-]+){{0,2}}?) {_DOES}\b"
    r"(?P<rest>.*)|what (?:are|is) (?:all )?the (?:(?:available|supported|possible|different|built-?in) )+"
    r"(?P<what>[\w-]+(?: [\w-]+){0,2})(?P<more>.*)",
    re.IGNORECASE,
)
_COMMON = "there support available supported exist ship offer provide come built"
_ASKING = STOP_WORDS.union(_COMMON.split())
_MEMBER = re.compile(
    r"^\s*(?:case\s+|const\s+|static\s+|public\s+|final\s+"
    r"|\|\s*)*[\"':]?(?P<name>[A-Za-z_]\w*)[\"']?\s*(?:[=,;({:|]|$)"
)
_FIELD = re.compile(
    r"\s*(?:(?:public|static|final|readonly|const|override|val|var|actual"
    r"|expect)\s+)+(?:[A-Z]\w*\s+)?(?P<name>[A-Z]\w*)\s*[:=;]"
)
_CASE = re.compile(r"\s*case\s+\w+\s*(?:=[^>]*)?;?\s*$")  # of an enum, not of a `switch`
_QUOTED = re.compile(r"[\"']([\w .:/+-]{1,30})[\"']|(?<=[\s\[(,]):(\w+)")
_WORDS_OF_CODE = """
    case const enum class public private protected static final return def function fn func pass type if"""
_COUNTED = re.compile(r"[^.\n]{0,120}\s(?P<items>(?:[^\s,.:;()]{1,24}(?: [^\s,.:;()]{1,24})?,\s+){3,}[^.\n]{1,60})")
_DOCUMENTS = frozenset({"markdown", "rst", "text"})
_POOL = 60
_SENTENCE = 400  # characters
_KEYWORDS = frozenset(_WORDS_OF_CODE.split())
_FUNCTIONS = frozenset({"function", "method"})
_TYPES = frozenset({"class", "interface", "enum", "type"})
_LISTS = {"enum": 1.0, "type": 0.8, "constant": 0.8, "class": 0.7}
_IS_ENUM = re.compile(r"\b(?:Int|Str)?(?:Enum|Flag)\b")


@dataclass(frozen=True, slots=True)
class ListQuery:
    """A question which things of a kind there are."""

    kind: tuple[str, ...]  # stems of the words that name the kind; the last one is its noun
    words: tuple[str, ...]  # stems of all words


def parse_list_query(question: str) -> ListQuery | None:
    """None for a question that asks for no list."""
    text = question.strip().rstrip("?!. ")
    match = _ASKS.fullmatch(text) if len(text) <= _LONGEST else None
    if match is None or len(text.split()) > _LONG_LIST:
        return None
    found = match.groupdict(default="")
    kind = _stems(found["list"] or found["which"] or found["what"])
    words = _stems(f"{found['rest']} {found['more']}")
    return ListQuery(kind, tuple(dict.fromkeys((*kind, *words)))) if kind else None


def find_lists(query: ListQuery, snapshot: Snapshot) -> list[Location]:
    """The best list; none where nothing has at least three members."""
    if snapshot.chunks > _LARGE:
        return []
    named = (item for word in query.words[:_WORDS] for item in snapshot.named_with(word, _NAMES))
    found = [item for item in named if not is_test(item.path)]
    return _definitions(query, found, snapshot)[:1] or _families(query, found) or _sentences(query, snapshot)


def _definitions(query: ListQuery, found: Sequence[IndexedSymbol], snapshot: Snapshot) -> list[Location]:
    """Enums and lists with the name of the kind, those that have most of its words first."""
    noun, ranked = query.kind[-1], []
    for item in dict.fromkeys(found):
        own = _stems(item.symbol.name)
        is_kind = item.symbol.name.lower() in (f"{noun}s", f"{noun}es")  # object Dispatchers
        is_list = item.symbol.kind != "class" or is_kind or _IS_ENUM.search(item.symbol.signature)
        if item.symbol.kind not in _LISTS or not is_list or noun not in own or len(own) > len(query.kind) + 2:
            continue
        members = _members(item, snapshot)
        if len(members) >= _LEAST:
            around = _stems(f"{item.symbol.qualified} {item.path}")
            shared = sum(word in own for word in query.kind) + 0.5 * sum(word in around for word in query.words)
            rank = shared * _LISTS[item.symbol.kind] / (1 + 0.3 * len(set(own) - set(query.kind)))
            ranked.append((-rank, item.path, _location(item, members)))
    return [location for _, _, location in sorted(ranked, key=lambda row: row[:2])]


def _members(item: IndexedSymbol, snapshot: Snapshot) -> list[str]:
    symbol = item.symbol
    text = snapshot.lines(item.path, symbol.start_line, symbol.end_line)
    head, _, body = text.partition("\n")
    if symbol.kind in ("enum", "class"):
        rows = body.split("\n")
        cases = [row for row in rows if _CASE.match(row)]
        names = [match["name"] for row in (cases or rows) if (match := _MEMBER.match(row))]
        inside = head.partition("{")[2].partition("}")[0]
        if symbol.kind == "class" and not _IS_ENUM.search(symbol.signature):
            names = [match["name"] for row in rows if (match := _FIELD.match(row))]
        names = names or re.findall(r"[A-Za-z_]\w*", inside)
    else:
        names = [quoted or symbol_name for quoted, symbol_name in _QUOTED.findall(text)]
    return list(dict.fromkeys(name for name in names if name not in _KEYWORDS))


def _families(query: ListQuery, found: Sequence[IndexedSymbol]) -> list[Location]:
    """Definitions whose names are alike but for one part, where what they share is in the question."""
    families: dict[tuple[str, str, str], dict[str, IndexedSymbol]] = {}
    for item in found:
        for before, varies, after in _splits(item.symbol.name) if item.symbol.kind in _TYPES | _FUNCTIONS else ():
            kind = "" if item.symbol.kind in _FUNCTIONS else "type"
            families.setdefault((before, after, kind), {}).setdefault(varies, item)
    ranked = []
    for (before, after, kind), members in families.items():
        shared = _stems(f"{before} {after}")
        common = sum(any(stem_.startswith(own) and len(own) > 2 for stem_ in query.words) for own in shared)
        is_named = len(shared) > 1 or (kind and query.kind[-1] in shared)
        if len(members) >= _LEAST and common == len(shared) and is_named:
            ranked.append((-common, -len(members), before, after, kind))
    if not ranked:
        return []
    _, _, before, after, kind = min(ranked)
    members = families[before, after, kind]
    names = ", ".join(list(members)[:_LISTED])
    first, *others = list(members.values())[:_SHOWN]
    whole = Location(first.path, first.symbol.start_line, f"{before}…{after}", "list", names)
    return [whole, *(_member(item) for item in others)]


def _sentences(query: ListQuery, snapshot: Snapshot) -> list[Location]:
    """The sentence of a document that counts things up: "It supports these protocols: FTP, ..."."""
    rows = snapshot.rows([chunk for chunk, _ in snapshot.lexical(query.words, _POOL)]).values()
    ranked = []
    for row in rows:
        chunk = row.chunk
        for match in _COUNTED.finditer(chunk.text) if chunk.language in _DOCUMENTS else ():
            said = _stems(match[0][: match.start("items") - match.start()])
            shared = sum(word in said for word in query.words)
            if query.kind[-1] in said:
                line = chunk.start_line + chunk.text.count("\n", 0, match.start("items"))
                ranked.append((-shared, -match["items"].count(","), chunk.path, line, " ".join(match[0].split())))
    return [Location(path, line, "", "text", text[:_SENTENCE]) for _, _, path, line, text in sorted(ranked)[:1]]


def _member(item: IndexedSymbol) -> Location:
    symbol = item.symbol
    return Location(item.path, symbol.start_line, symbol.qualified, "code", symbol.signature)


def _splits(name: str) -> Iterator[tuple[str, str, str]]:
    """(what is before, the part that may vary, what is after) for each run of one or two parts of a name."""
    parts = word_parts(name)
    for start in range(len(parts)):
        for end in range(start + 1, min(start + 3, len(parts) + 1)):
            if len(parts) - (end - start) > 0:
                yield "".join(parts[:start]), "".join(parts[start:end]), "".join(parts[end:])


def _location(item: IndexedSymbol, members: Sequence[str]) -> Location:
    return Location(item.path, item.symbol.start_line, item.symbol.qualified, "list", ", ".join(members[:_LISTED]))


def _stems(text: str) -> tuple[str, ...]:
    words = (word.lower() for word in word_parts(text))
    return tuple(dict.fromkeys(stem(word) for word in words if word not in _ASKING and len(word) > 1))
