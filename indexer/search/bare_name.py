"""The definitions that a question means if it is nothing but a name: `Session`, `Sinatra::Helpers`, `parse()`."""

import re
from collections.abc import Collection

from indexer.search.query import SearchQuery
from indexer.storage.snapshot import IndexedSymbol, Snapshot

_LIFTED = 20  # definitions of one name
# What a definition gains, in units of the best score: more than anything that only mentions the name can have. A type
# comes before the function or the constant of its name, and all come before an `impl` of it.
_LIFT = 3.0
_KINDS = {"class": 1.0, "interface": 1.0, "enum": 1.0, "type": 1.0, "module": 0.9, "function": 0.9, "method": 0.8}
_OTHER_KINDS = {"constant": 0.7, "declaration": 0.5, "impl": 0.4, "section": 0.1}
_OTHER_KIND = 0.5
_OTHER_CASE = 0.5  # the name is spelled with other capitals
_OTHER_SCOPE = 0.5  # it is not in the scopes that the question spells
_NAMED_AFTER = 1.5  # its file has its name
_INDEX = frozenset({"__init__", "index", "mod", "lib"})  # files that stand for their folder


def definition_lifts(query: SearchQuery, snapshot: Snapshot, allowed: Collection[int] | None) -> dict[int, float]:
    """What the first chunk of each definition gains, by chunk id; nothing unless the question is a name.

    `allowed`: the chunks to choose from; None for all.
    """
    if not query.bare_name:
        return {}
    definitions = snapshot.named(query.bare_name[-1:])
    best = sorted(definitions, key=lambda item: (-_share(query.bare_name, item), item.path, item.symbol.start_line))
    lifts: dict[int, float] = {}
    for item in best[:_LIFTED]:
        for chunk in snapshot.chunks_at(item)[:1]:
            lifts[chunk] = max(lifts.get(chunk, 0.0), _LIFT * _share(query.bare_name, item))
    inside = lifts if allowed is None else set(allowed)
    return {chunk: lift for chunk, lift in lifts.items() if chunk in inside}


def _share(spelled: tuple[str, ...], definition: IndexedSymbol) -> float:
    """How surely the name means this definition; 1 for a type that is spelled as it is."""
    *scopes, name = spelled
    symbol = definition.symbol
    share = (_KINDS | _OTHER_KINDS).get(symbol.kind, _OTHER_KIND)
    if symbol.name != name:
        share *= _OTHER_CASE
    if scopes and not f".{symbol.qualified}".casefold().endswith("." + ".".join(spelled).casefold()):
        share *= _OTHER_SCOPE
    return share * _NAMED_AFTER if _folded(_subject(definition.path)) == _folded(name) else share


def _subject(path: str) -> str:
    """The name of a file without its suffixes, or of its folder if the file stands for it."""
    folder, _, name = path.rpartition("/")
    stem = name.partition(".")[0]
    return folder.rpartition("/")[2] if stem in _INDEX else stem


def _folded(name: str) -> str:
    return re.sub(r"[\W_]", "", name).casefold()
