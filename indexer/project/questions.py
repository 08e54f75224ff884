"""Questions about the project itself, recognised by their wording: its licence, versions, dependencies, commands, ...

Pure text: does not know the project. A wording that may ask about its code is not recognised.
"""

import re
from dataclasses import dataclass
from itertools import count
from typing import Literal

ProjectKind = Literal[
    "licence", "version", "runtime", "dependencies", "command", "install", "entry points", "purpose", "layout",
    "environment", "ci", "authors", "links", "name", "tools", "requirements",
]  # fmt: skip

_NOBODY = frozenset({"i", "we", "you", "they", "one", "its"})
_ARTICLE = re.compile(r"(?:the|an?) ")
_LONGEST = 120  # characters: a longer question wants more than a fact


@dataclass(frozen=True, slots=True)
class ProjectQuery:
    """What to tell about the project."""

    kind: ProjectKind
    thing: str = ""  # "python" of "which Python versions are supported", "lint" of "how do I run the linter"
    owner: str = ""  # the name of what is asked about, "" for a pronoun: the project, or the question means another
    text: str = ""  # the question


_NOUN = (
    r"(?:project|package|library|lib|app|application|gem|crate|tool|framework|repo|repository|codebase"
    r"|code base|code|program|software|thing|cli|sdk)"
)
_PART = r"(?:server|service|plugin|client)"  # with "the", it is one of the code's
_PLACEHOLDERS = {
    "IT": rf"(?:it|this|that|(?:the|(?:this|that|our|your|my)(?: \w+){{0,2}}) {_NOUN}|(?:this|our) {_PART}"
    rf"|(?:the )?(?P<owner>[\w.@/+-]+)(?: {_NOUN})?)",
    "KINDS": r"(?:(?:dev|development|test|testing|build|runtime|optional|python|system|direct|external|third[- ]party"
    r"|production|package|project|docs|documentation|npm|nuget|pypi|maven|hex|cargo"
    r"|go|ruby|rust|node|php|peer|main|required) ){0,2}",
    "THING": r"(?P<thing>[\w.+#-]+(?: \w+)?)",
    "WHAT": r"(?:what|which)(?: (?:is|are|was)|'s)?(?: (?:the|its))?",
    "I": r"(?:i|we|you|one)",
    "HOW": r"(?:how (?:do|can|should|would|could|must) (?:i|we|you|one|someone|developers|contributors)|how to"
    r"|(?:what|which) (?:is the )?(?:command|script|target|make target|task|tool|commands)(?: do i (?:use|run)"
    r"| should i (?:use|run)| is used| can i (?:use|run))?(?: (?:to|for|that))?|what do i (?:run|type|do) to"
    r"|(?:what|which)(?: \w+){0,2}(?= (?:runs|lints|tests|builds|formats|checks)))",
    "RUN": r"(?:run|runs|running|use|execute|start|launch|invoke|do|perform)",
    "NEED": r"(?:supported|required|needed|compatible|tested|used|allowed|necessary|expected|targeted|recommended)",
    "NEEDS": r"(?:support|require|need|want|expect|run on|work (?:with|on)|use|target|depend on|have)",
    "DOING": r"(?:run|build|use|compile|install|develop|test|work|start|running|building|installing|using)(?: on)?",
    "WHERE": r"(?: locally| in (?:development|docker|a container)(?: mode)?| from (?:source|the command line))?",
    "ALL": r"(?:(?:the|all|its|own|their|your|our|of|a|any|whole|full|complete|entire|unit|integration|automated"
    r"|local|existing) )*",
}
# A blank matches any white space. The kinds in `_TASKS` are commands; `thing` is then the task.
_TABLE: tuple[tuple[ProjectKind, str], ...] = (
    ("licence", r"(?:under )?WHAT (?:kind of |type of |sort of |software |open source )*licen[cs]es?"
                r"(?: (?:is|are|does|do|for|of) IT(?: (?:have|use|under|released under|licensed under"
                r"|distributed under|published under|carry|come with))?)?"),
    ("licence", r"(?:under|by) WHAT (?:terms|licen[cs]es?) (?:(?:is|are) IT (?:released|licensed|distributed|published"
                r"|available)|(?:can|may) (?:i|we) (?:use|copy|distribute|redistribute|share) IT"
                r"|(?:can|may) IT be (?:used|copied|distributed|redistributed|shared))"),
    ("licence", r"(?:how is|is|what is|under which licen[cs]e is|what'?s) IT (?:licen[cs]ed|open source"
                r"|free software|mit|gpl|under .{1,20}licen[cs]e)(?: under)?"),
    ("licence", r"(?:can|may|am) I (?:allowed to )?(?:use|copy|modify|fork|redistribute|sell) IT"
                r" (?:commercially|at work|(?:in|for) (?:a |an |my |our )?(?:own )?(?:commercial|closed|proprietary"
                r"|company|product|project|work).{0,20})"),
    ("licence", r"is IT (?:free|allowed|ok|okay|licen[cs]ed) (?:for|to use in) (?:commercial|proprietary|closed).{0,20}"
                r"|is commercial use (?:of IT )?allowed"),
    ("licence", r"(?:the )?licen[cs]e"),
    ("licence", r"is IT (?:\w+[ -])?licen[cs]ed(?: under .{1,20})?"
                r"|WHAT (?:open source )?licen[cs]e applies(?: to IT)?"),
    ("version", r"WHAT (?:current |latest |newest |released? |package |project |exact )*version(?: number)?"
                r"(?: (?:is|of|does|do|has) IT(?: (?:at|on|have|now|released))?| do (?:i|we) have)?"),
    ("version", r"WHAT (?:current|latest|newest|last) release(?: of IT)?"),
    ("version", r"WHAT (?:(?:project|package|library|(?P<owner>[\w.-]+))'s|its) version(?: number)?"
                r"|(?:what|which) release is IT"),
    ("version", r"(?:current|latest|project|package) version"),
    ("version", r"(?:what|which) (?:version|release) (?:of )?IT (?:is (?:this|it)|do (?:i|we) have)"
                r"|(?:what|which) (?:version|release) (?:number )?(?:is|has) IT(?: now)?"),
    ("runtime", r"WHAT (?:(?:minimum|minimal|lowest|oldest|earliest|supported|required|highest|latest|newest"
                r"|least) )*THING"
                r" versions?(?: or newer)?(?: (?:that |which )?(?:is|are) (?:still )?NEED"
                r"| (?:is|are|was|were) IT (?:built|written|compiled"
                r"|tested|published|made)(?: with| for| on| against| in)?| (?:does|do) IT NEEDS| do (?:i|we|you) need"
                r"| must i have| should i use| can i use| is it| to use| (?:does|can|will|do) IT (?:run|work"
                r"|be used)(?: with| on)?)?"
                r"(?: by IT| for IT| to (?:build|run|use|compile) IT| at (?:least|minimum))?"),
    ("runtime", r"WHAT (?:(?:minimum|lowest|oldest|supported|required) )*versions? of THING(?: (?:is|are) NEED"
                r"| (?:does|do) IT NEEDS| do (?:i|we|you) need| should i use)?(?: by IT| for IT| to (?:build"
                r"|run|use) IT)?"),
    ("runtime", r"WHAT (?P<thing>edition of rust|rust edition|language level)(?: (?:is|are) NEED| (?:does"
                r"|do) IT NEEDS)?"),
    ("runtime", r"(?:does|will|can) IT (?:support|work with|work on|run on|run with) THING(?: v?\d[\w.]*)?"),
    ("runtime", r"(?:is|are) THING(?: v?\d[\w.]*)? (?:still )?supported"),
    ("runtime", r"(?:minimum|supported|required) THING versions?"),
    ("runtime", r"WHAT (?:(?:minimum|supported|required) )*(?P<thing>(?:c|c\+\+|cpp|cxx|language"
                r"|ecmascript)) standard(?: (?:is|are) NEED| (?:does|do) IT NEEDS| do i need)?"),
    ("runtime", r"WHAT (?P<msrv>msrv|minimum supported rust version)(?: of IT)?"),
    ("requirements", r"WHAT (?:(?:minimum|minimal|system|hardware|software|technical|general|runtime|build|basic) )*"
                     r"(?:requirements|prerequisites)(?: (?:does|do|of|for|has) IT(?: (?:have|need|require))?"
                     r"| are (?:there|needed|required)| do I need| (?:to|for) DOING(?: IT)?)*"),
    ("requirements", r"what (?:does|do) IT (?:need|require)(?: (?:to|for) DOING)?"),
    ("requirements", r"what (?:do|must|should) I (?:need to )?(?:need|have|install|have installed)"
                     r"(?: first| installed)?(?: (?:to|before I) DOING IT)?"),
    ("requirements", r"what (?:is|needs to be) (?:needed|required|installed)(?: (?:to|for) DOING(?: IT)?| by IT)?"),
    ("dependencies", r"WHAT (?P<thing>KINDS)(?:dependencies|requirements|prerequisites)"
                     r"(?: (?:does|do|of|for|has) IT(?: (?:have|need|use|require|pull in))?| are (?:there|needed|used"
                     r"|required|declared)| do I need)?"),
    ("dependencies", r"WHAT (?P<thing>KINDS)(?!modules (?:is|are))(?:packages|libraries|modules|gems|crates"
                     r"|projects|software) (?:does|do|must|is|are) (?:IT )?"
                     r"(?:depend(?:ent)? (?:up)?on|rely on|require|need"
                     r"|used?|build on|be installed|required|needed)(?: by IT| for IT)?"),
    ("dependencies", r"what (?:does|do) IT (?:depend on|rely on)"),
    ("dependencies", r"(?:does|do) IT have (?:any )?(?P<thing>KINDS)dependencies"),
    ("dependencies", r"(?:the |all )*(?P<thing>KINDS)dependencies(?: of IT)?"),
    ("install", r"HOW (?:install|add|get|download|require|obtain) IT(?: locally| (?:in|into|to|with|from|as|using|via"
                r"|on) (?:(?:a|an|my|the|another) )?(?:project|app|source|sources|github|git|pip|pypi|npm|yarn|pnpm"
                r"|cargo|maven|gradle|composer|gem|bundler|conda|brew|homebrew|docker|windows|linux|macos|dependency))?"),
    ("install", r"HOW (?:get started|start using IT)(?: with IT)?"),
    ("entry points", r"(?:what|which|where)(?: (?:is|are)|'s)?(?: the)? (?:main "
                     r"|primary )*entry ?-?points?(?: files?)?(?: (?:of|to|for|into) IT)?"),
    ("entry points", r"WHAT main (?:files?|modules?|scripts?|class)(?: of IT)?"),
    ("entry points", r"where (?:does|do) (?:execution|IT) (?:start|begin)(?: executing| running)?"),
    ("entry points", r"WHAT (?:executables?|binar(?:y|ies)|(?:console |command[ -]line )?(?:scripts|commands)|programs"
                     r"|(?:command[ -]line |cli )tools?) (?:does|do|are|is) (?:IT )?(?:install(?:ed)?|provided?"
                     r"|ship(?:ped)?|have|there|contain|offer|built|build|produced?|created?|generated?)(?: by IT)?"),
    ("entry points", r"(?:WHAT|what is) (?:name of (?:the |its )?)?(?:executable|binary"
                     r"|(?:command[ -]line |cli )(?:tool|command|program))(?: (?:of IT|called|named|name))?"),
    ("entry points", r"where (?:is|are) (?:the )?(?:main (?:class|function|file|module|method)|entry ?-?points?)"
                     r"(?: of IT)?"),
    ("purpose", r"what (?:does|do) IT do"),
    ("purpose", r"what(?: is|'s) (?:this|it|(?:this|the) NOUN)(?: (?:about|for|all about|good for|doing))?"),
    ("purpose", r"what(?: is|'s) (?:the )?(?P<owner>[\w.@/+-]+)"),
    ("purpose", r"what(?: is|'s) (?:the )?(?:main |overall )?(?:purpose|goal|aim|point|idea) of IT"),
    ("purpose", r"(?:describe|explain|summari[sz]e|introduce) (?:this|the|it)(?: NOUN)?(?: to me)?"),
    ("purpose", r"(?:a |an |the )?(?:short |brief |quick |high-level )*(?:overview|summary|description)(?: of IT)?"),
    ("layout", r"WHAT (?:overall |general )*(?:layout|folder structure|directory structure|structure|organi[sz]ation)"
               r"(?: of IT)?"),
    ("layout", r"how (?:is|are) IT (?:organi[sz]ed|structured|laid out|arranged)"),
    ("layout", r"WHAT (?:main |top-level |top level )*(?:folders|directories|packages|parts)(?: are there| of IT"
               r"| does IT have| in IT)?"),
    ("environment", r"WHAT (?:environment variables|env vars|env variables|environment settings)"
                    r"(?: (?:does|do|can|must|should) IT (?:read|use|need|require|support|have|accept|know|expect"
                    r"|understand|respect|look at)| (?:of|for) IT| exist| can (?:i|be) set"
                    r"| are (?:there|used|read|supported|needed|required|available)(?: by IT)?)?"),
    ("ci", r"(?:on )?WHAT (?:operating systems?|platforms?|os|oses) (?:is|are|does|do|can|will)"
           r"(?: IT| (?:the )?(?:ci|tests))? (?:tested|run|supported|support|test|work)(?: (?:on|against|by IT))?"),
    ("ci", r"WHAT (?:ci|continuous integration)(?: service| system| provider| platform)? (?:is|does|do) (?:used"
           r"|IT use)"),
    ("ci", r"(?:what|which) (?:does|do|is|are) (?:the )?(?:ci|continuous integration)(?: pipeline| system| checks?)?"
           r"(?: (?:run|do|check|used?|test))?"),
    ("authors", r"who (?:wrote|made|created|develops|developed|maintains|owns|is behind|is the (?:author"
                r"|maintainer|creator) of|are the (?:authors|maintainers|creators) of) IT"),
    ("authors", r"who (?:is|are) the (?:authors?|maintainers?|creators?)"),
    ("links", r"where (?:is|are|can i find) (?:the |its )?(?P<thing>documentation|docs|homepage|home page"
              r"|website|web site"
              r"|source code|(?:source |git |code )repository|repository(?= hosted| of)|issue tracker"
              r"|bug tracker|changelog)(?: (?:hosted|published|of IT"
              r"|for IT|online))?"),
    ("links", r"where (?:do|can|should) i report (?:a )?(?P<thing>bugs?|issues?|vulnerabilit(?:y|ies)"
              r"|security issues?)"),
    ("links", r"HOW report (?:a |an )?(?P<thing>bugs?|issues?|vulnerabilit(?:y|ies)|security issues?)"),
    ("links", r"WHAT (?:url of the )?(?P<thing>homepage|home page|website|repository url|project url)(?: of IT)?"),
    ("name", r"WHAT (?:(?:package|project|module|gem|crate|npm|pypi|maven|distribution"
             r"|artifact) )+name(?: of IT)?(?: on \w+)?"),
    ("name", r"WHAT (?:module|import|package) path(?: of IT)?"),
    ("name", r"what is (?:the )?(?:package|project|module|gem|crate|library|artifact) called(?: on \w+)?"),
    ("name", r"WHAT name of (?:the|this) (?:(?:npm|pypi|maven|published) )?(?:package|project|module|gem|crate"
             r"|library|artifact)(?: on \w+)?"),
    ("name", r"(?:under )?(?:what|which) name is IT (?:published|released)(?: on \w+)?"),
    ("tools", r"WHAT (?P<thing>build|test|testing|package|lint|linting|formatting|documentation|docs|type checking)"
              r"[ -](?:system|tool|tools|backend|framework|runner|manager|generator|library)"
              r"(?: (?:is|are) (?:used|there)| (?:does|do) IT use)?(?: by IT| for IT| here)?"),
    ("tools", r"WHAT (?P<thing>database|web framework|framework|orm)(?: (?:system|server|engine))?(?: (?:is|are) used"
              r"| (?:does|do) IT (?:use|run on|need|require|store .{1,20} in))(?: by IT)?"),
    ("tools", r"WHAT tools? (?:is|are) used (?:for|to) (?:do )?(?P<thing>[\w ]{3,30})"),
    ("tools", r"WHAT (?P<thing>linters?|formatters?|bundlers?|type checkers?|compilers?|code formatters?)"
              r"(?: (?:is|are) used| (?:does|do) IT use)?(?: by IT| here)?"),
)  # fmt: skip
# Task -> its wordings after HOW. The first that matches counts.
_TASKS = (
    ("test", r"(?:build and )?RUN (?:only |just )?ALL(?:single |individual )?(?:tests?|test ?suites?|specs?"
             r"|testing)(?: suite)?(?: (?:of|for) IT)?(?: locally)?|(?:build and |compile and )?tests? IT"
             r"|check that (?:IT works|ALLtests pass)"),
    ("coverage", r"(?:RUN|measure|get|see|check|report|generate|collect) ALL(?:test |code )*coverage"),
    ("lint", r"RUN ALL(?:linters?|lints?|linting|lint checks?|style checks?|code style checks?|code checks"
             r"|checks|pre-commit"
             r"(?: hooks)?|linters)|lints? IT(?: code)?|lint|check ALL(?:code (?:style|quality)|lint|formatting)"),
    ("analysis", r"RUN ALL(?:static (?:code )?(?:analysis|analyser|analyzer)|analysers?|analyzers?)"
                 r"|anal[iy][sz]e ALLcode(?: statically)?"),
    ("type", r"(?:RUN )?ALL(?:type[- ]?check(?:s|er|ing)?)(?: IT)?|RUN ALL(?:mypy"
             r"|pyright|tsc)"),
    ("format", r"(?:re)?formats? ALL(?:my )?(?:code|source|sources|files|IT)(?: before .{1,20})?"
               r"|RUN ALL(?:code )?formatters?|RUN ALLformatting"),
    ("docs", r"(?:builds?|make|generates?|preview|serve|render|see|write|compile|RUN) ALL(?:docs|documentation"
             r"|website|site|manual|api docs)(?: (?:of|for) IT| locally)?"),
    ("bench", r"RUN ALL(?:performance |micro)?(?:benchmarks?|benches|perf tests)"),
    ("release", r"(?:(?:release|publish|deploy) IT|(?:release|publish|ship|cut|make|tag|create) (?:a |the )?"
                r"(?:release|new release|new version))"
                r"(?: to (?:pypi|npm|crates\.io|maven central|rubygems|production))?"),
    ("contribute", r"contribute(?: (?:to IT|code|a patch|changes))?|(?:submit|open|send|make) (?:a )?"
                   r"(?:pull request|pr)"),
    ("clean", r"clean (?:up )?(?:ALL)(?:build|builds|artifacts|IT)?"),
    ("setup", r"set IT up(?: locally| for development)?|set ?up (?:ALL)?(?:development|dev|working"
              r"|developer)(?: environment| setup)?(?: for IT)?|install ALL"
              r"(?:development |dev |test )?dependencies|prepare (?:a|my|the) (?:development|dev) .{1,20}"),
    ("build", r"(?:builds?|compiles?|make|package|bundle)(?: IT)?(?: from (?:the )?sources?(?: code)?| locally"
              r"| myself| by hand| for production)?|RUN (?:a |the )?(?:build|compilation)"),
    ("use", r"use IT(?:WHERE)"),
    ("start", r"(?:start|launch|serve) IT(?:WHERE)"),
    ("run", r"(?:RUN|serve) (?:the |a )?(?:dev|development|local|example|demo)"
            r"(?: (?:server|app|site|version))?(?:WHERE)"),
    ("run", r"(?:run|execute|invoke) IT(?:WHERE)"),
)  # fmt: skip
_PASSIVE = (
    ("test", r"how (?:is|are) (?:ALL(?:tests|test ?suites?)(?: run| executed)?|IT tested)"),
    ("lint", r"how (?:is|are) IT linted"),
    ("docs", r"how (?:is|are) (?:the )?(?:docs|documentation) (?:built|generated)"),
    ("build", r"how (?:is|are) IT (?:built|compiled|packaged)"),
    ("release", r"how (?:is|are) (?:releases|new versions|IT) (?:released|published|deployed|made)"),
    ("run", r"how (?:is|are) IT (?:run|started|launched)"),
)
_LEAD = re.compile(
    r"(?:(?:please|hey|hi|so|ok|okay|can you tell me|could you tell me|do you know|i want to know|tell me"
    r"|show me|give me|list|show)[,:]?\s+)+",
    re.IGNORECASE,
)
_TAIL = re.compile(
    r"(?<!\bname)(?:[,\s]+(?:(?:in|of|for|from) (?:this|the|our|my) (?:repo|repository|project|codebase"
    r"|code base|code|package)"
    r"|here|please|exactly|right now|currently|at the moment|officially|by default))+$",
    re.IGNORECASE,
)


def _compiled(pattern: str) -> re.Pattern[str]:
    pattern = re.sub(r"\bNOUN\b", _NOUN, pattern)
    for placeholder, alternatives in _PLACEHOLDERS.items():
        escaped = alternatives.replace("\\", "\\\\")
        pattern = re.sub(rf"(?<![A-Z_]){placeholder}(?![A-Z_])", escaped, pattern)
    return re.compile(_numbered(pattern).replace(" ?", r"\s*").replace(" ", r"\s+"), re.IGNORECASE)


def _numbered(pattern: str) -> str:
    """Each group with a name of its own: `owner1`, `thing2`, ..."""
    numbers = count(1)
    return re.sub(r"\(\?P<(\w+)>", lambda group: f"(?P<{group[1]}{next(numbers)}>", pattern)


def _found(match: re.Match[str], name: str) -> str:
    """The text of the first group with the name that matched and is no pronoun, in lower case."""
    groups = ((key.rstrip("0123456789"), (value or "").strip().lower()) for key, value in match.groupdict().items())
    return next((value for key, value in groups if key == name and value and value not in _NOBODY), "")


_PATTERNS = tuple((kind, "", _compiled(pattern)) for kind, pattern in _TABLE)
_COMMANDS: tuple[tuple[ProjectKind, str, re.Pattern[str]], ...] = tuple(
    ("command", task, _compiled(form.format(pattern.replace("ALL", _PLACEHOLDERS["ALL"]))))
    for form, table in (("HOW (?:{})", _TASKS), ("{}", _PASSIVE))
    for task, pattern in table
)


_TOOL = _compiled(
    r"HOW (?:run|execute|invoke|perform|apply) (?:the |a |all )*(?P<thing>[\w][\w:.-]{1,30}(?: [\w-]{2,20}){0,2}?)"
    r"(?: (?:script|task|target|command|job))?(?: locally)?"
)


def parse_project_query(question: str) -> ProjectQuery | None:
    """None for a question that is not certainly about the project."""
    text = question.strip().rstrip("?!. ")
    if len(text) > _LONGEST or "\n" in text or "`" in text:
        return None
    bare = _TAIL.sub("", _LEAD.sub("", text, count=1) if _LEAD.match(text) else text)
    for kind, task, pattern in (*_COMMANDS, *_PATTERNS, ("command", "", _TOOL)):
        if match := pattern.fullmatch(bare):
            thing = task or _ARTICLE.sub("", _found(match, "thing")) or ("rust" if _found(match, "msrv") else "")
            return ProjectQuery(kind, thing, _found(match, "owner"), question)
    return None
