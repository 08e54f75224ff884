"""One use of a name in a file. Names are as written; which definition one means is not resolved."""

from dataclasses import dataclass
from typing import Literal

Kind = Literal["call", "import", "inherit", "use", "unclear"]


@dataclass(frozen=True, slots=True)
class Reference:
    """One use of a name."""

    name: str  # "read": the last part of the expression; "*" imports everything
    kind: Kind  # "use" is any other mention, "unclear" one in a syntax error: found by `references_to` only
    line: int
    enclosing: str  # qualified name of the innermost definition around it; "" outside
    qualifier: str  # what precedes the name: "store" of store.read, the module of an import; "?" for an expression
    alias: str = ""  # of an import: its name in this file, if it has another
    is_field: bool = False  # a use that can be no function: it is a variable, a field or a module by its syntax
    is_default: bool = False  # an import of what a module exports as its default: its name is this file's own
    is_local: bool = False  # behind a parameter or a variable: `json.loads` in a function with a parameter `json`
    is_of_value: bool = False  # of these, behind one that holds no module by the syntax

    @property
    def local(self) -> str:
        """The name of an import in this file."""
        return self.alias or self.name
