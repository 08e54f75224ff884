"""Languages whose files call each other's functions without more ado. Knows no code."""

from indexer.files.languages import language_of
from indexer.parsing.references import is_understood

_FAMILIES = {
    **dict.fromkeys(("javascript", "tsx", "vue", "svelte", "astro", "ejs", "html"), "typescript"),
    **dict.fromkeys(("c", "objc"), "cpp"),
    **dict.fromkeys(("kotlin", "scala", "groovy"), "java"),
    "erb": "ruby",
}


def family_of(language: str) -> str:
    """One of the languages, for all of them."""
    return _FAMILIES.get(language, language)


def are_kin(language: str, path: str) -> bool:
    """Whether code of a language can mean what the file at `path` defines, as far as the path shows its language."""
    other = language_of(path).name
    return family_of(language) == family_of(other) or not is_understood(other)


def is_for_others(path: str, signature: str) -> bool:
    """Whether a function has the calling convention of C, by which code of other languages calls it."""
    return family_of(language_of(path).name) == "cpp" or 'extern "C"' in signature
