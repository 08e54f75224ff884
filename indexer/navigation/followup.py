"""Follow-up questions: a question of its own, one about the subject of the last answer, or one that wants more of it.

Pure text, English. When unsure, a question is its own, and the search still takes the earlier questions into account.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from indexer.navigation.followup_patterns import (
    CLAUSE_BOUNDARY,
    CODE_NAME,
    DETERMINED,
    ELLIPTIC,
    FINITE_VERB,
    IDIOM,
    IN_SUBJECT_POSITION,
    IS_COMPLETE,
    MORE,
    NO_REFERENCE,
    POLITE,
    REFERENCE,
    RELATED,
    TAIL,
    THANKS,
)
from indexer.parsing.identifiers import is_identifier

_LONGEST = 240  # characters: a longer question names its subject itself
_TYPES = frozenset({"class", "struct", "interface", "protocol", "trait", "enum", "type"})
_FILES = frozenset({"file", "module"})
_ANY = frozenset({"file", "module", "type", "symbol", "macro"})  # "the file" may be any file


@dataclass(frozen=True, slots=True)
class Subject:
    """What an answer is about."""

    name: str  # a qualified name, or a path; "" if it has none
    path: str = ""  # the file that defines it; "" if unknown


@dataclass(frozen=True, slots=True)
class ResolvedQuestion:
    """A question with its references resolved."""

    kind: Literal["own", "subject", "more"]
    text: str  # the question; of kind "subject" with the subject's name in place of every reference to it
    about: Subject | None = None  # what the references mean; None for the other kinds


def resolve_followup(question: str, subject: Subject | None) -> ResolvedQuestion:
    """`subject`: of the last answer; None if there is no answer yet, or it is about several things."""
    text = question.strip()
    if len(text) > _LONGEST or "\n" in text:
        return ResolvedQuestion("own", question)
    bare = POLITE.sub("", text).rstrip("?!.… ")
    bare = TAIL.sub("", bare)
    if MORE.fullmatch(bare) or MORE.fullmatch(text.rstrip("?!.… ")):
        return ResolvedQuestion("more", question)
    if subject is None or not (subject.name or subject.path):
        return ResolvedQuestion("own", question)
    if subject.name and bare.lower() == "where":
        return ResolvedQuestion("subject", f"where is `{subject.name}` defined?", subject)
    if subject.name and (match := ELLIPTIC.fullmatch(bare)):
        return ResolvedQuestion("subject", f"{match['noun']} of `{subject.name}`", subject)
    return _with_subject(text, subject)


def is_thanks(text: str) -> bool:
    """Whether a message only thanks or agrees."""
    return len(text) <= _LONGEST and THANKS.fullmatch(text.strip().rstrip("?!.… ")) is not None


def _with_subject(question: str, subject: Subject) -> ResolvedQuestion:
    """The question with the subject's name in place of every word that refers to it."""
    parts: list[str] = []
    about: Subject | None = None
    end = 0
    for match in _references(question):
        target = _target("file" if match["there"] else match["noun"], subject)
        if not target or _has_antecedent(match, question[end : match.start()], question[match.end() :]):
            break
        about = about or Subject(target, subject.path)
        parts += [question[end : match.start()], _replacement(match, target)]
        end = match.end()
    if about is None:
        return ResolvedQuestion("own", question)
    return ResolvedQuestion("subject", "".join([*parts, question[end:]]), about)


def _references(question: str) -> Iterator[re.Match[str]]:
    """The words that may refer to the subject."""
    excluded = [match.span() for match in NO_REFERENCE.finditer(question)]
    for match in REFERENCE.finditer(question):
        if any(start < match.end() and match.start() < end for start, end in excluded):
            continue
        if match[0].startswith("IT"):  # the department
            continue
        after = question[match.end() :]
        if match["noun"] and (_starts_with_name(after) or _is_generic(match, after)):
            continue
        yield match


def _is_generic(match: re.Match[str], after: str) -> bool:
    """Whether "the function" may be any function."""
    return bool(match["the"]) and (match["noun"].lower() in _ANY or not IS_COMPLETE.match(after))


def _starts_with_name(after: str) -> bool:
    """Whether a name follows: "the function parse_config", "this class `Store`"."""
    word = re.match(r"\s+([`'\"]|[\w.]+)", after)
    return word is not None and (word[1] in "`'\"" or "." in word[1].strip(".") or is_identifier(word[1]))


def _target(noun: str | None, subject: Subject) -> str:
    """What "it", "this class" or "that file" means; "" if the subject has no such thing."""
    kind = (noun or "").lower()
    if kind in _FILES:
        return subject.path
    owner, _, last = subject.name.rpartition(".")
    is_in_type = kind in _TYPES and owner and "/" not in subject.name and not last[:1].isupper()
    return owner if is_in_type else subject.name


def _replacement(match: re.Match[str], target: str) -> str:
    name = f"`{target}`"
    if match["of"]:
        return f"{match['of']} of {name}"
    if match["its"]:
        return f"{name}'s"
    if match["itis"]:
        return f"{name} is"
    if match["there"]:
        return f"in {name}"
    return f"{match['same']} as {name}" if match["same"] else name


def _has_antecedent(match: re.Match[str], before: str, after: str) -> bool:
    """Whether a reference means something that its own question names before it.

    It does, unless both stand in one clause, where a thing that means itself would be "itself": "does the cache use
    it?" refers to something else, "if the cache is full, does it wait?" does not.
    """
    text = IDIOM.sub(lambda idiom: " " * len(idiom[0]), before)
    ends = [name.end() for name in CODE_NAME.finditer(text) if _is_code_name(name)]
    if match["it"] or match["itis"] or match["its"] or match["of"]:
        if not ends and RELATED.search(text):
            text = RELATED.sub("", text)
        ends += [phrase.end() for phrase in DETERMINED.finditer(text)]
    if not ends:
        return False
    if match["its"] or match["of"]:
        return True
    is_subject = bool(match["itis"] or IN_SUBJECT_POSITION.search(text) or FINITE_VERB.match(after))
    return is_subject or bool(CLAUSE_BOUNDARY.search(text[max(ends) :]))


def _is_code_name(match: re.Match[str]) -> bool:
    """Whether it is a name: quoted, called, dotted, a path, or written as code or a proper noun."""
    word = match[0]
    return bool(match["proper"]) or word[-1] in "`(" or "." in word or "/" in word or is_identifier(word)
