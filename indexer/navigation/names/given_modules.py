"""Whether a file may have a module under a name that no import of it shows. Goes by the text."""

import re
from collections.abc import Collection, Sequence

from indexer.navigation.names.modules import parts_of
from indexer.navigation.names.targets import Target
from indexer.parsing.references import Reference
from indexer.types import SourceFile

_LOADED = re.compile(r"\b(?:require|import)\w*\(\s*['\"`]([^'\"`\n]*?)(?:\.[mc]?[jt]sx?)?['\"`]")
_PASSED = r"(?:[=(\[{,:|?]|\b(?:in|or|else|return|yield|await))\s*NAME\s*(?:[)\]},;|?\n]|$|(?:or|and|if|else)\b)"


def loads_module(text: str, path: str) -> bool:
    """Whether a text loads the module at `path` where no import is, as `require("./tone").dim()` does."""
    return any(re.split(r"[./]", found)[-1:] == parts_of(path)[-1:] for found in _LOADED.findall(text))


def hands_on_module(source: SourceFile, imports: Sequence[Reference], target: Target) -> bool:
    """Whether a file passes or stores the target's module, which it imports: `other = tone`, `draw(tone)`."""
    lines = {each.line for each in imports}
    return any(_is_of_module(each, source, target) and _is_passed(each.local, source.text, lines) for each in imports)


def _is_of_module(imported: Reference, source: SourceFile, target: Target) -> bool:
    """Whether an import gives a file the module itself."""
    module = parts_of(target.definition.path)[-1:]
    if source.language == "python":
        return [imported.name] == module
    is_whole = imported.is_default or re.search(rf"\*\s*as\s+{re.escape(imported.local)}(?![\w$])", source.text)
    return bool(is_whole) and re.split(r"[./]", imported.qualifier)[-1:] == module


def _is_passed(name: str, text: str, imports: Collection[int]) -> bool:
    """`imports`: the lines that import something."""
    found = re.finditer(_PASSED.replace("NAME", f"({re.escape(name)})"), text, re.MULTILINE)
    return any(text.count("\n", 0, match.start(1)) + 1 not in imports for match in found)
