"""Why an answer may leave something out, and which files may hold code that is not understood. Words nothing."""

from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Literal

from indexer.files.languages import BY_NAME, TEXT
from indexer.navigation.intent import QueryKind
from indexer.types import SourceFile

DoubtKind = Literal[
    "language",  # the references of a file's language are not understood
    "syntax",  # the name is in a syntax error
    "damaged",  # a file whose definitions are listed has a syntax error
    "meaning",  # it is not clear which of several definitions is meant
    "types",  # the types of objects are not inferred
    "time",  # not every file was read in time
    "files",  # too many files have the name
    "places",  # too many places to list
]
_RECORDS = frozenset({".diff", ".log", ".orig", ".out", ".patch", ".rej"})  # hold code that is not the codebase's
_UNKNOWN = frozenset({TEXT.name, "code"})  # of files whose names tell nothing
# Languages whose files can name code, as a setting does, but never call it.
_SETTINGS = frozenset({
    "toml", "yaml", "json", "xml", "csv", "css", "scss", "sass", "ini", "make", "cmake", "docker", "protobuf",
    "graphql", "terraform", "hcl",
})  # fmt: skip
_BLADE = ".blade.php"
_WITH_CODE = frozenset({".mdx"})  # suffixes of prose that holds code


@dataclass(frozen=True, slots=True)
class Doubt:
    """One reason for "at least"."""

    kind: DoubtKind
    path: str = ""  # the file in doubt


def may_refer(path: str, language: str, kind: QueryKind) -> bool:
    """Whether a file that has a name, in a language that is not understood, may have what a question looks for."""
    pure = PurePosixPath(path)
    if pure.suffix.lower() in _RECORDS:
        return False
    if pure.suffix.lower() in _WITH_CODE:
        return True
    is_unknown = language in _UNKNOWN
    if language in _SETTINGS or (is_unknown and not pure.suffix and pure.name.startswith(".")):  # `.gitignore`
        return kind == "uses"
    if is_unknown:
        return pure.suffix.lower() not in TEXT.suffixes and pure.name not in TEXT.names
    return not (language in BY_NAME and BY_NAME[language].prose)


def template_of(source: SourceFile) -> str:
    """The language of a file, or of the templates that it is one of."""
    return "blade" if source.path.endswith(_BLADE) else source.language
