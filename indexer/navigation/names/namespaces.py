"""Namespaces of C++: whether a bare name may be another than the definition of its name."""

import re

from indexer.navigation.names.hierarchy import bases
from indexer.navigation.names.modules import Modules
from indexer.navigation.names.targets import Target
from indexer.parsing.references import Reference
from indexer.types import SourceFile


def may_be_hidden(ref: Reference, target: Target, source: SourceFile, modules: Modules) -> bool:
    """Whether it is out of the definition's namespace, or may be a method from a base of another codebase."""
    symbol, is_own_file = target.definition.symbol, source.path == target.definition.path
    if source.language != "cpp":
        return False
    owner = symbol.qualified.rpartition(".")[0].rpartition(".")[2]
    if owner and not is_own_file and not _has_namespace(source, owner):
        return True
    waiting, seen = ref.enclosing.split(".") if symbol.kind == "function" else [], set[str]()
    while waiting:
        name = waiting.pop()
        above = {base for each in modules.signatures(name) for base in _bases(each, name)}
        if any(not modules.signatures(base) for base in above):
            return True
        waiting += above - seen
        seen |= above
    return False


def _has_namespace(source: SourceFile, name: str) -> bool:
    """Whether a file has a namespace, or uses it."""
    return re.search(rf"\bnamespace\s+(?:\w+::)*{re.escape(name)}(?!\w)", source.text) is not None


def _bases(signature: str, name: str) -> set[str]:
    return {base for scope, base in bases(signature, name, "cpp") if not scope.startswith("std")}
