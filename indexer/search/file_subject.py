"""What a file is about, by its path: how much of its name a question spells. Pure."""

from functools import lru_cache

from indexer.parsing.identifiers import split

_FOLDER = 0.3  # what the two innermost folders count beside the file's own name
_STANDING_FOR_A_FOLDER = frozenset({"index", "main", "mod", "lib", "init", "common", "core", "src"})


def subject_share(path: str, terms: frozenset[str]) -> float:
    """The share of the words of a file's name that are among `terms`, and some of its folders' share; at most 1."""
    name, folders = _words(path)
    return min(1.0, _share(name, terms) + _FOLDER * _share(folders, terms))


@lru_cache(maxsize=50_000)  # many candidates are of few files, and one search follows another
def _words(path: str) -> tuple[frozenset[str], frozenset[str]]:
    *folders, name = path.split("/")
    return _parts(name.partition(".")[0]), _parts(" ".join(folders[-2:]))


def _parts(name: str) -> frozenset[str]:
    """The terms of a name without those of whole identifiers: each is in its parts."""
    whole = {word.lower().strip("_") for word in name.split()}
    words = set(split(name))
    return frozenset((words - whole or words) - _STANDING_FOR_A_FOLDER)


def _share(words: frozenset[str], terms: frozenset[str]) -> float:
    return len(words & terms) / len(words) if words else 0.0
