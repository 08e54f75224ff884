"""What a question means in its conversation: one of its own, one about what was just spoken of, or a wish for more.

Pure text, English; positions and word lists, no grammar. Where it is unsure, a question is its own, and the search
leans on the earlier ones as ever.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from indexer.parsing.identifiers import is_identifier

_LONGEST = 240  # characters: a longer question says itself what it is about
_CODE = "function|method|class|struct|interface|protocol|trait|enum|type|constant|macro|helper|symbol|file|module"
_TYPES = frozenset({"class", "struct", "interface", "protocol", "trait", "enum", "type"})
_FILES = frozenset({"file", "module"})
_ANY = frozenset({"file", "module", "type", "symbol", "macro"})  # "the file" may be any file


@dataclass(frozen=True, slots=True)
class Subject:
    """What was spoken of."""

    name: str  # a qualified name, or a path; "" where it has none
    path: str = ""  # where it is defined, if that is known


@dataclass(frozen=True, slots=True)
class Meant:
    """What a question means."""

    kind: Literal["own", "subject", "more"]
    text: str  # the question; of kind "subject" with the subject's name in the place of what refers to it
    about: Subject | None = None  # what was put in


def meant(question: str, subject: Subject | None) -> Meant:
    """`subject`: what the answer before is about; None where nothing was answered or it is about several things."""
    text = question.strip()
    if len(text) > _LONGEST or "\n" in text:
        return Meant("own", question)
    bare = _POLITE.sub("", text).rstrip("?!.… ")
    bare = _TAIL.sub("", bare)
    if _MORE.fullmatch(bare) or _MORE.fullmatch(text.rstrip("?!.… ")):
        return Meant("more", question)
    if subject is None or not (subject.name or subject.path):
        return Meant("own", question)
    if subject.name and bare.lower() == "where":
        return Meant("subject", f"where is `{subject.name}` defined?", subject)
    if subject.name and (found := _ELLIPTIC.fullmatch(bare)):
        return Meant("subject", f"{found['noun']} of `{subject.name}`", subject)
    return _replaced(question, subject)


def is_thanks(text: str) -> bool:
    """Whether somebody only says that they have heard."""
    return len(text) <= _LONGEST and _THANKS.fullmatch(text.strip().rstrip("?!.… ")) is not None


def _either(words: str) -> str:
    """Alternatives, one a line, blanks being any white space."""
    return "|".join(line.strip().replace(" ", r"\s+") for line in words.strip().splitlines())


_ASKING = (
    "please|ok|okay|and|so|but|well|hm+|yes|no|now|then|also|thanks|thank you|cool|great|can you|could you|would you"
    "|can i|could i|may i|i want to|i'd like to"
)
_POLITE = re.compile(rf"(?:(?:{_ASKING})[,.!;:]*\s+)+".replace(" ", r"\s+"), re.IGNORECASE)
_TAIL = re.compile(r"(?:[,\s]+(?:please|now|though|exactly|then|for\s+me|to\s+me|thanks))+$", re.IGNORECASE)
_THANKS = re.compile(
    r"(?:(?:ok|okay|thanks?|thank\s+you|thx|ty|great|cool|nice|perfect|good|got\s+it|i\s+see|understood|awesome|alright"
    r"|all\s+right|wow|super|yes|no|lovely|makes\s+sense|that\s+helps|that's\s+great|very|so|much|a\s+lot)[,.!;\s]*)+",
    re.IGNORECASE,
)
# Whole questions, without polite words around them, that only want more of the same.
_MORE = re.compile(
    _either(
        r"""
        explain
        explain(?: (?:it|this|that))?(?: (?:a bit|a little))? (?:more|further|again|better|in depth|simply|step by step)
        explain(?: (?:it|this|that))? more (?:simply|clearly|slowly|deeply)
        explain(?: (?:it|this|that))? in (?:(?:more|full|simple|simpler|plain|other) )?(?:details?|depth|terms|words)
        (?:(?:tell|show|give) me )?(?:(?:a bit|a little|some) )?more(?: MORE)?(?: (?:about|on) (?:it|this|that))?
        (?:in )?more details?
        (?:with |the )?details
        say more
        (?:go|carry) (?:on|ahead)|keep going|continue|proceed|next
        go (?:into )?(?:more detail|deeper)
        (?:elaborate|expand)(?: (?:on )?(?:it|this|that))?(?: (?:a bit|a little|more|further))*
        what (?:do|did) you mean(?: (?:by|with) (?:it|this|that))?
        what does (?:it|this|that) mean
        why(?: (?:so|not|is (?:it|this|that)(?: so)?|is that the case))?
        how (?:so|come)
        (?:and|so|then|so what|and then|then what|and what then|what then|what next|and now)
        what (?:comes|happens) (?:then|next|after(?: that)?|afterwards)
        (?:what|anything|is there anything) else(?: is there)?(?: to (?:know|say))?(?: about (?:it|this|that))?
        (?:in|with) other words
        (?:say|put) (?:it|that) (?:again|differently|more simply|in other words|simpler)
        (?:simpler|shorter|longer|again|repeat(?: (?:it|that))?|once more|summari[sz]e(?: (?:it|this|that))?|tl;?dr)
        (?:i|i still) (?:don't|dont|do not|didn't|did not) (?:understand|follow|get it|get that)(?: (?:it|this|that))?
        (?:really|seriously|(?:are you )?(?:sure|certain)(?: (?:about|of) (?:it|this|that))?)
        (?:(?:give|show) me |do you have )?(?:an? |some |another )?(?:for )?examples?(?: (?:of|for) (?:it|this|that))?
        (?:like|such as) what
        huh|what|hm+|eh|pardon
        """
    ).replace("MORE", "(?:details?|info(?:rmation)?|context|depth)"),
    re.IGNORECASE,
)
_NOUNS = (
    r"callers|call\s?sites|usages|uses|references|(?:unit\s+)?tests|signature|definition|declaration|parameters|arguments"
    r"|params|args|subclasses|subtypes|implementations|implementation|importers|return\s+(?:value|type)|documentation"
    r"|docs|docstring|source(?:\s+code)?|code|body|members|methods|attributes|fields"
)
# "and the callers?", "show me the tests", "signature?"
_ELLIPTIC = re.compile(
    r"(?:(?:what|how)\s+about\s+|and\s+|list\s+|show\s+(?:me\s+)?|give\s+me\s+|(?:what|where|who)\s+(?:are|is)\s+|what's\s+"
    rf"|are\s+there\s+)?(?:(?:the|all|any|other)\s+)*(?P<noun>{_NOUNS})",
    re.IGNORECASE,
)

_IS = r"is|was|are|were|isn't|wasn't|be"
_DOES = (
    r"does|do|did|can|could|will|would|should|shall|may|might|must|has|have|had|doesn't|didn't|can't|won't|shouldn't"
)
# What follows "is this", "does that": a word that ends the reference, so that "is this error handled" is none.
_ENDS = (
    r"(?=\s*[?.!,;]*\s*$|\s+(?:\w+ed|\w+en|used|called|run|set|kept|thread|async|safe|slow|fast|public|private|static"
    r"|correct|right|wrong|needed|necessary|a|an|the|in|on|not|only|also|always|ever|never|really|still|already|so|too"
    r"|for|from|to|with|by|at|and|or|when|if|where|because|work|works|do|return|raise|throw|handle|take|need|mean"
    r"|happen|fail|break|call|use|read|write|get|depend|exist|belong|live|scale|block|lock|have|make|stop|start|end)\b)"
)
_REFERENCE = re.compile(
    rf"\b(?:the\s+)?[Ii]ts\s+(?:own\s+)?(?P<of>{_NOUNS})\b"
    r"|(?P<its>\b[Ii]ts\b)"
    r"|(?P<itis>\b[Ii]t['’]s\b)"
    r"|(?P<it>\b[Ii]t\b)"
    rf"|\b(?:this|that|(?P<the>the))\s+(?:same\s+|whole\s+|very\s+)?(?P<noun>{_CODE})\b"
    rf"|(?:(?<=\bis\s)|(?<=\bwas\s)|(?<=\bdoes\s)|(?<=\bdid\s)|(?<=\bcan\s)|(?<=\bwill\s)|(?<=\bshould\s))(?:this|that)\b{_ENDS}"
    r"|(?<=\w\s)(?P<end>this|that)\b(?=\s*(?:\s(?:in|from|for|at|exactly|then|now|anyway))?[?.!]*\s*$)"
    r"|(?:\b(?:in|inside)\s+|(?<=\w\s))(?P<there>there)\b(?=\s*(?:[?.!,]|$))"
    r"|(?P<same>\bthe\s+same)(?=\s*[?.!]*\s*$)",
    re.IGNORECASE,
)
# "the function" is the one that was spoken of where the sentence goes on without saying which.
_SAYS_NO_MORE = re.compile(
    rf"\s*(?:[?.!,;]|$)|\s+(?:{_IS}|{_DOES}|returns?|works?|calls?|uses?|takes?|handles?|raises?|throws?|gets?|fails?|ends?"
    r"|reads?|writes?|itself|again|exactly|and|or|when|if|before|after|expects?|accepts?|needs?|stops?|starts?)\b",
    re.IGNORECASE,
)
# Where `it`, `this` and `that` stand for nothing: code, idioms, "is it possible to", "the `it` block".
_NO_REFERENCE = re.compile(
    r"`[^`]*`|\"[^\"]*\"|(?<!\w)'[^']*'(?!\w)"
    r"|\b(?:it|this|that)(?:\s*(?:[({=\[]|->|=>)|\s+[\"'`]|(?:\.|::)\w)"
    r"|[{|]\s*(?:it|this)\b"
    r"|\b(?:an?|each|every|the|nested|inner|outer|rspec'?s?|mocha'?s?|jest'?s?|kotlin'?s?)\s+it\b"
    r"|\bit\s+(?:blocks?|function|keyword|parameter|lambda)\b(?=.*\b(?:rspec|mocha|jest|jasmine|vitest|kotlin|groovy)\b)"
    rf"|\b(?:{_IS}|makes?|think|would\s+be)\s+it\s+(?:be\s+)?(?:\w+\s+)?(?:possible|necessary|ok|okay|true|common|required"
    r"|important|best|better|hard|easy|difficult|safe|allowed|usual|good|bad|worth|fine|enough|\w+\s+practice)"
    r"\s+(?:to|that|if|for)\b"
    r"|\bit(?:'s|’s|\s+(?:is|was|would\s+be|might\s+be))\s+(?:\w+\s+)?(?:possible|necessary|ok|okay|true|common|hard|easy"
    r"|difficult|nice|good|better|best|great|important|likely|clear|worth)\b"
    r"|\bit\s+(?:seems|looks|appears|turns\s+out|depends|rains|says\s+here|feels\s+like)\b"
    r"|\b(?:does|would|did)(?:n't)?\s+it\s+(?:make\s+(?:any\s+)?sense|matter)\b|\b(?:does|would|did)\s+it\s+take\s+to\b"
    r"|\b(?:when|if)\s+it\s+comes\b|\bthat(?:'s|\s+is)\s+it\b|\bi\s+take\s+it\b|\bbelieve\s+it\s+or\s+not\b|\bas\s+it\s+were\b"
    r"|\bwhat\s+(?:time|day|year)\s+is\s+it\b|\bget\s+it\b|\bgot\s+it\b|\b(?:is|are|was|were)\s+there\b|\bthere\s+(?:is|are)\b|\b(?:do|does|did|doing)\s+(?:this|that)\s*[?.!]*$|\bis\s+(?:this|that)\s+how\b"
    r"|\b(?:this|that|the)\s+(?:file|type|class|module)\s+(?:system|name|format|extension|hierarchy|hint|checker|watcher)s?\b"
    r"|\bat\s+that\b|\blike\s+that\b|\bthe\s+(?:type|file|class|module|function|method)s?\s+of\b",
    re.IGNORECASE,
)
_IDIOM = re.compile(
    r"\bat\s+the\s+(?:moment|end|same\s+time)\b|\bin\s+the\s+(?:end|first\s+place)\b|\bthe\s+(?:hell|heck)\b"
    r"|\ba\s+(?:bit|lot|little|while)\b|\ball\s+of\b|\b(?:this|that)\s+(?:repo(?:sitory)?|codebase|project|app)\b",
    re.IGNORECASE,
)
_DETERMINED = re.compile(
    r"\b(?:the|an?|our|my|your|this|these|those|any|each|every|some|another|all|both|most|its)\s+[A-Za-z][\w-]*",
    re.IGNORECASE,
)
_SPELT = re.compile(
    r"`[^`]+`|[A-Za-z_][\w./-]*[./]\w+|\b[A-Za-z_]\w*\(|(?P<proper>(?<=[\w,;:] )(?!I\b)[A-Z]\w*)|\b\w+\b"
)
# "the code that calls it", "a way to use it", "the point of it", "the file where it is": the noun is not what it means.
_RELATED = re.compile(
    r"\b(?:(?:the|an?|any|some|each|every|another|no|my|our|all)\s+)+(?:[\w-]+\s+){1,3}?"
    r"(?:of|for|behind|about|in|on|with|using|around|by|to|that|which|who|where|from\s+where)\s+(?:\w+\s+){0,2}?\Z",
    re.IGNORECASE,
)
_BOUNDARY = re.compile(
    r"[,;:.]|\b(?:and|or|but|when|whenever|if|who|which|what|how|where|why|without|by|before|after|while|until|because|than"
    r"|that|so|as|since|unless)\b",
    re.IGNORECASE,
)
_AS_SUBJECT = re.compile(rf"(?:\A|[,;:.]|\b(?:{_IS}|{_DOES}))\s*\Z", re.IGNORECASE)
_FINITE = re.compile(rf"\s+(?:{_IS}|{_DOES}|gets|needs|wants)\b", re.IGNORECASE)


def _replaced(question: str, subject: Subject) -> Meant:
    """The question with the name of the subject for every word that refers to it."""
    parts: list[str] = []
    about: Subject | None = None
    at = 0
    for match in _references(question):
        target = _target("file" if match["there"] else match["noun"], subject)
        if not target or _is_answered_inside(match, question[at : match.start()], question[match.end() :]):
            break
        about = about or Subject(target, subject.path)
        parts += [question[at : match.start()], _in_place_of(match, target)]
        at = match.end()
    if about is None:
        return Meant("own", question)
    return Meant("subject", "".join([*parts, question[at:]]), about)


def _references(question: str) -> Iterator[re.Match[str]]:
    """The words that may refer to what was spoken of."""
    nothing = [match.span() for match in _NO_REFERENCE.finditer(question)]
    for match in _REFERENCE.finditer(question):
        if any(start < match.end() and match.start() < end for start, end in nothing):
            continue
        if match[0].startswith("IT"):  # the department
            continue
        after = question[match.end() :]
        if match["noun"] and (_names_itself(after) or _is_any(match, after)):
            continue
        yield match


def _is_any(match: re.Match[str], after: str) -> bool:
    return bool(match["the"]) and (match["noun"].lower() in _ANY or not _SAYS_NO_MORE.match(after))


def _names_itself(after: str) -> bool:
    """Whether a name follows: "the function parse_config", "this class `Store`"."""
    word = re.match(r"\s+([`'\"]|[\w.]+)", after)
    return word is not None and (word[1] in "`'\"" or "." in word[1].strip(".") or is_identifier(word[1]))


def _target(noun: str | None, subject: Subject) -> str:
    """What "it", "this class", "that file" mean where somebody spoke of a symbol; "" where they mean nothing."""
    kind = (noun or "").lower()
    if kind in _FILES:
        return subject.path
    owner, _, last = subject.name.rpartition(".")
    is_in_type = kind in _TYPES and owner and "/" not in subject.name and not last[:1].isupper()
    return owner if is_in_type else subject.name


def _in_place_of(match: re.Match[str], target: str) -> str:
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


def _is_answered_inside(match: re.Match[str], before: str, after: str) -> bool:
    """Whether the words before it in its own question are what it refers to.

    A thing that was named there is, unless both stand in one clause, where a thing that means itself would be
    "itself": "does the cache use it?" asks of something else, "if the cache is full, does it wait?" does not.
    """
    text = _IDIOM.sub(lambda idiom: " " * len(idiom[0]), before)
    things = [thing.end() for thing in _SPELT.finditer(text) if _is_spelt(thing)]
    if match["it"] or match["itis"] or match["its"] or match["of"]:
        if not things and _RELATED.search(text):
            text = _RELATED.sub("", text)
        things += [thing.end() for thing in _DETERMINED.finditer(text)]
    if not things:
        return False
    between = text[max(things) :]
    if match["its"] or match["of"]:
        return True
    is_doer = bool(match["itis"] or _AS_SUBJECT.search(text) or _FINITE.match(after))
    return is_doer or bool(_BOUNDARY.search(between))


def _is_spelt(thing: re.Match[str]) -> bool:
    """Whether it is a name: quoted, called, dotted, a path, or written as code or a proper noun."""
    word = thing[0]
    return bool(thing["proper"]) or word[-1] in "`(" or "." in word or "/" in word or is_identifier(word)
