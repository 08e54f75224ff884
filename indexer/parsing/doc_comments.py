"""The text of a comment or docstring without its marks: `/** */`, `///`, `#`, `--`, `(* *)`, `@doc \"\"\"`, quotes."""

import inspect
import re

_COMMENT_MARK = re.compile(  # at the start of a line
    r"[ \t]*(?:/\*+!?|\*+/|\(\*+(?!\))|\*(?![*)])|///?!?|//!|#+['!]?|--+(?: [|^])?|\{-(?: ?\|)?|-\}|%%+|;;+)?[ \t]?"
)
_STRING_MARK = re.compile(r"^[a-zA-Z]{0,2}('''|\"\"\"|'|\")|('''|\"\"\"|'|\")$")
_DOC_STRING = re.compile(r"(?:@[a-z]{1,20}[ \t]{1,9})?(?:~[sS])?\"")  # of Elixir and Julia: before the definition


def strip_marks(comment: str) -> str:
    """The text of the comment lines above a definition."""
    text = comment.strip()
    if opening := _DOC_STRING.match(text):
        return strip_quotes(text[opening.end() - 1 :])
    lines = (_without_end(_COMMENT_MARK.sub("", line, count=1)) for line in comment.split("\n"))
    return inspect.cleandoc("\n".join(lines)).strip()


def strip_quotes(docstring: str) -> str:
    """The text of a string literal that is documentation."""
    return inspect.cleandoc(_STRING_MARK.sub("", docstring))


def _without_end(line: str) -> str:
    """A line without the `*/`, `*)` or `-}` at its end."""
    bare = line.rstrip(" \t")
    if bare.endswith("-}"):
        return bare[:-2].rstrip(" \t")
    return bare[:-1].rstrip("*").rstrip(" \t") if bare.endswith(("*/", "*)")) else line
