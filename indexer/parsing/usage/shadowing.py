"""Qualified names whose first part is a parameter or a variable, though it is also the name of a module.

`def f(json): json.loads(x)` calls nothing of the module. Goes by `scopes`.
"""

import re
from bisect import bisect_left
from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import replace

from indexer.parsing.syntax import Span
from indexer.parsing.usage.parsed import ParsedCode
from indexer.parsing.usage.reference import Reference
from indexer.parsing.usage.scopes import local_names
from indexer.parsing.usage.values import VALUES, value_bindings

# Grammars where a variable may have the name of a module, and the same sign stands behind both.
_GRAMMARS = frozenset({"python", "javascript", "typescript", "tsx", "go"})
_WORD = re.compile(r"[^\W_]+")  # a package of Go may be called by a part of its path: `yaml` of gopkg.in/yaml.v3
_MOST = 40  # occurrences of a name around which scopes are looked for; with more, the whole file is queried
_PARTS = 8  # of an expression that are looked at
_Place = tuple[int, str, str]  # line, qualifier and name of a reference


def marked(code: ParsedCode, found: Collection[Reference], imports: Iterable[Reference]) -> set[Reference]:
    """The references, with `is_local` and `is_of_value` for those behind a parameter or a variable."""
    bindings = defaultdict[str, set[int]](set)
    for ref in imports if code.grammar in _GRAMMARS else ():
        words = _WORD.findall(f"{ref.qualifier}/{ref.name}") if code.grammar == "go" else [_head(ref.qualifier)]
        for name in (ref.local, *words):
            bindings[name].add(ref.line)
    heads = {_head(ref.qualifier) for ref in found if ref.kind != "import"} & bindings.keys()
    places: dict[_Place, bool] = {}
    newlines = [match.start() for match in re.finditer(rb"\n", code.source)] if heads else []
    for head in heads:
        places |= _behind_variable(code, head, newlines, bindings)
    if not places:
        return set(found)
    return {_placed(ref, places.get((ref.line, ref.qualifier, ref.name))) for ref in found}


def _placed(ref: Reference, is_of_value: bool | None) -> Reference:
    return ref if is_of_value is None else replace(ref, is_local=True, is_of_value=is_of_value)


def _behind_variable(
    code: ParsedCode, head: str, newlines: Sequence[int], bindings: Mapping[str, Collection[int]]
) -> dict[_Place, bool]:
    """The qualified names that begin with `head` where that is a variable, each time that they are on their line.

    With each, whether the variable holds no module by the syntax. In Go, none does.
    """
    expression = re.compile(
        rb"(?<![\w$.])" + re.escape(head.encode()) + rb"(?![\w$])((?:\s*+\??\.\s*+[\w$]++){0,%d})" % _PARTS
    )
    own, occurrences, starts, is_bound = bindings.get(head, ()), list[Span](), defaultdict[_Place, set[int]](set), False
    for match in expression.finditer(code.source):
        occurrences.append((match.start(), match.start(1)))
        is_bound = is_bound or (not match[1] and bisect_left(newlines, match.start()) + 1 not in own)
        qualifier = head
        for part in re.finditer(rb"[\w$]+", match[1]):
            line, name = bisect_left(newlines, match.start(1) + part.start()) + 1, part[0].decode("utf-8", "replace")
            starts[line, qualifier, name].add(match.start())
            qualifier = f"{qualifier}.{name}"
    if not is_bound:  # nothing but the module has that name, as for most modules
        return {}
    spans = occurrences if len(occurrences) <= _MOST else ()
    local = local_names(code.tree, code.grammar, occurrences, spans, own)
    places = {place: begun for place, begun in starts.items() if begun <= local.keys()}
    if not places or code.grammar not in VALUES:
        return dict.fromkeys(places, True)
    values = value_bindings(code.tree, code.grammar, spans)
    return {place: all(values.issuperset(local[start]) for start in begun) for place, begun in places.items()}


def _head(qualifier: str) -> str:
    return re.split(r"[./]", qualifier)[0]
