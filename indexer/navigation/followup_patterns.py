"""Patterns of English questions that lean on the answer before: what refers to it, and what only seems to.

Positions and word lists, no grammar.
"""

import re

_CODE_NOUNS = "function|method|class|struct|interface|protocol|trait|enum|type|constant|macro|helper|symbol|file|module"


def _alternatives(words: str) -> str:
    """A pattern of the alternatives, one on each line; a blank matches any white space."""
    return "|".join(line.strip().replace(" ", r"\s+") for line in words.strip().splitlines())


_POLITE_WORDS = (
    "please|ok|okay|and|so|but|well|hm+|yes|no|now|then|also|thanks|thank you|cool|great|can you|could you|would you"
    "|can i|could i|may i|i want to|i'd like to"
)
POLITE = re.compile(rf"(?:(?:{_POLITE_WORDS})[,.!;:]*\s+)+".replace(" ", r"\s+"), re.IGNORECASE)
TAIL = re.compile(r"(?:[,\s]+(?:please|now|though|exactly|then|for\s+me|to\s+me|thanks))+$", re.IGNORECASE)
THANKS = re.compile(
    r"(?:(?:ok|okay|thanks?|thank\s+you|thx|ty|great|cool|nice|perfect|good|got\s+it|i\s+see|understood|awesome|alright"
    r"|all\s+right|wow|super|yes|no|lovely|makes\s+sense|that\s+helps|that's\s+great|very|so|much|a\s+lot)[,.!;\s]*)+",
    re.IGNORECASE,
)
# Whole questions, polite words taken off, that only want more of the same.
MORE = re.compile(
    _alternatives(
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
ELLIPTIC = re.compile(
    r"(?:(?:what|how)\s+about\s+|and\s+|list\s+|show\s+(?:me\s+)?|give\s+me\s+|(?:what|where|who)\s+(?:are|is)\s+|what's\s+"
    rf"|are\s+there\s+)?(?:(?:the|all|any|other)\s+)*(?P<noun>{_NOUNS})",
    re.IGNORECASE,
)

_IS = r"is|was|are|were|isn't|wasn't|be"
_DOES = (
    r"does|do|did|can|could|will|would|should|shall|may|might|must|has|have|had|doesn't|didn't|can't|won't|shouldn't"
)
# A word after "is this" or "does that" which ends the reference: "is this error handled" is not one.
_ENDS = (
    r"(?=\s*[?.!,;]*\s*$|\s+(?:\w+ed|\w+en|used|called|run|set|kept|thread|async|safe|slow|fast|public|private|static"
    r"|correct|right|wrong|needed|necessary|a|an|the|in|on|not|only|also|always|ever|never|really|still|already|so|too"
    r"|for|from|to|with|by|at|and|or|when|if|where|because|work|works|do|return|raise|throw|handle|take|need|mean"
    r"|happen|fail|break|call|use|read|write|get|depend|exist|belong|live|scale|block|lock|have|make|stop|start|end)\b)"
)
REFERENCE = re.compile(
    rf"\b(?:the\s+)?[Ii]ts\s+(?:own\s+)?(?P<of>{_NOUNS})\b"
    r"|(?P<its>\b[Ii]ts\b)"
    r"|(?P<itis>\b[Ii]t['’]s\b)"
    r"|(?P<it>\b[Ii]t\b)"
    rf"|\b(?:this|that|(?P<the>the))\s+(?:same\s+|whole\s+|very\s+)?(?P<noun>{_CODE_NOUNS})\b"
    rf"|(?:(?<=\bis\s)|(?<=\bwas\s)|(?<=\bdoes\s)|(?<=\bdid\s)|(?<=\bcan\s)|(?<=\bwill\s)|(?<=\bshould\s))(?:this|that)\b{_ENDS}"
    r"|(?<=\w\s)(?P<end>this|that)\b(?=\s*(?:\s(?:in|from|for|at|exactly|then|now|anyway))?[?.!]*\s*$)"
    r"|(?:\b(?:in|inside)\s+|(?<=\w\s))(?P<there>there)\b(?=\s*(?:[?.!,]|$))"
    r"|(?P<same>\bthe\s+same)(?=\s*[?.!]*\s*$)",
    re.IGNORECASE,
)
# What follows "the function" if the sentence does not say which one, so that it is the subject.
IS_COMPLETE = re.compile(
    rf"\s*(?:[?.!,;]|$)|\s+(?:{_IS}|{_DOES}|returns?|works?|calls?|uses?|takes?|handles?|raises?|throws?|gets?|fails?|ends?"
    r"|reads?|writes?|itself|again|exactly|and|or|when|if|before|after|expects?|accepts?|needs?|stops?|starts?)\b",
    re.IGNORECASE,
)
# `it`, `this` and `that` that refer to nothing: code, idioms, "is it possible to", "the `it` block".
NO_REFERENCE = re.compile(
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
IDIOM = re.compile(
    r"\bat\s+the\s+(?:moment|end|same\s+time)\b|\bin\s+the\s+(?:end|first\s+place)\b|\bthe\s+(?:hell|heck)\b"
    r"|\ba\s+(?:bit|lot|little|while)\b|\ball\s+of\b|\b(?:this|that)\s+(?:repo(?:sitory)?|codebase|project|app)\b",
    re.IGNORECASE,
)
DETERMINED = re.compile(
    r"\b(?:the|an?|our|my|your|this|these|those|any|each|every|some|another|all|both|most|its)\s+[A-Za-z][\w-]*",
    re.IGNORECASE,
)
CODE_NAME = re.compile(
    r"`[^`]+`|[A-Za-z_][\w./-]*[./]\w+|\b[A-Za-z_]\w*\(|(?P<proper>(?<=[\w,;:] )(?!I\b)[A-Z]\w*)|\b\w+\b"
)
# "the code that calls it", "a way to use it", "the point of it", "the file where it is": `it` is not that noun.
RELATED = re.compile(
    r"\b(?:(?:the|an?|any|some|each|every|another|no|my|our|all)\s+)+(?:[\w-]+\s+){1,3}?"
    r"(?:of|for|behind|about|in|on|with|using|around|by|to|that|which|who|where|from\s+where)\s+(?:\w+\s+){0,2}?\Z",
    re.IGNORECASE,
)
CLAUSE_BOUNDARY = re.compile(
    r"[,;:.]|\b(?:and|or|but|when|whenever|if|who|which|what|how|where|why|without|by|before|after|while|until|because|than"
    r"|that|so|as|since|unless)\b",
    re.IGNORECASE,
)
IN_SUBJECT_POSITION = re.compile(rf"(?:\A|[,;:.]|\b(?:{_IS}|{_DOES}))\s*\Z", re.IGNORECASE)
FINITE_VERB = re.compile(rf"\s+(?:{_IS}|{_DOES}|gets|needs|wants)\b", re.IGNORECASE)
