"""The occurrences of a name that the syntax shows as no call: other uses, and calls that look like variables."""

import re
from collections.abc import Collection, Iterator, Sequence

from indexer.parsing.syntax import Node, Span
from indexer.parsing.usage.enclosing import Enclosing
from indexer.parsing.usage.expressions import is_declared, qualifier_before
from indexer.parsing.usage.parsed import ParsedCode
from indexer.parsing.usage.reference import Kind, Reference

BARE_CALLS = {"ruby": "identifier"}  # nodes that call a method of their name, unless it is a variable's
# Names that Ruby's classes and specs give by symbols: a bare name in such a file may be one of these.
_GIVEN = (
    rb"\b(?:let!?|subject!?|attr_\w+|attribute|has_one|has_many|belongs_to|delegate|scope|define_method)\b"
    rb"[^\n]{0,200}:%b\b"
)
_NAME_PATHS = frozenset(  # nodes whose field `name` is the last part of a path
    {
        "scoped_identifier",
        "scoped_type_identifier",
        "qualified_identifier",
        "qualified_name",
        "member_access_expression",
        "scope_resolution",
    }
)
_CALLED_FIELDS = frozenset({"rust", "c", "cpp"})  # grammars where a method behind a dot is called, or it is a field
_NO_VALUES = frozenset({"java", "kotlin", "php"})  # where the bare name of a function is no value
_NO_MEMBERS = frozenset({"rust", "c", "cpp", "go", "csharp"})  # where what has a member is no function
_TAKING_WORDS = frozenset(
    b"[ cat cd chmod cp echo git grep ln ls make mkdir mv npm pip printf rm sed test touch".split()
)
_FAR = 40  # bytes that are looked at beside a name
_KEYS = frozenset(
    {("property_identifier", "pair"), ("hash_key_symbol", "pair"), ("field_identifier", "field_initializer")}
)
_NO_USES = frozenset(  # nodes that name something and do not use it
    {"undef", "export_statement", "global_statement", "nonlocal_statement", "delete_statement"}
)
_ASSIGNING = frozenset({"assignment", "assignment_expression", "assignment_statement"})  # with a field `left`
_MEMBERS = frozenset({"attribute", "member_expression", "field_expression", "selector_expression"})
_LISTS = frozenset({"pattern_list", "tuple_pattern", "list_pattern", "expression_list", "left_assignment_list"})
_EXPORTED = re.compile(rb"(?:module\.)?exports\b")
_CALLED = re.compile(rb"\s*\(")
_NO_CODE = re.compile(rb'"(?:[^"\\]|\\.)*"|\'(?:[^\'\\]|\\.)*\'|/\*.*?\*/|//[^\n]*', re.DOTALL)
_MACRO_BODY = "preproc_arg"  # C and C++: one leaf for all that a macro stands for


def mentions(
    code: ParsedCode, occurrences: Sequence[Span], enclosing: Enclosing, local: Collection[int]
) -> Iterator[Reference]:
    """Occurrences in code: not in a comment or a string, and not where the name is defined."""
    source, bare = code.source, BARE_CALLS.get(code.grammar)
    spellings = {source[start:end] for start, end in occurrences if bare}
    given = any(re.search(_GIVEN % re.escape(name), source) for name in spellings)
    definitions_left = {(symbol.start_line, symbol.name) for symbol in enclosing.symbols}
    has_error = code.tree.root_node.has_error
    for start, end in sorted(occurrences):
        leaf = code.tree.root_node.descendant_for_byte_range(start, end)
        if leaf is None or "string" in leaf.type or "comment" in leaf.type:
            continue
        name, line = source[start:end].decode(), leaf.start_point.row + 1
        if leaf.type == _MACRO_BODY:
            if _is_no_code(source[leaf.start_byte : leaf.end_byte], start - leaf.start_byte):
                continue
            line += source.count(b"\n", leaf.start_byte, start)
            yield Reference(name, "call" if _CALLED.match(source, end) else "use", line, enclosing[line], "")
        if (leaf.start_byte, leaf.end_byte) != (start, end):
            continue
        if (line, name) in definitions_left:
            definitions_left.remove((line, name))
            continue
        if _is_declared(leaf, source):
            continue
        qualifier = qualifier_before(source, start)
        if not qualifier and start in local:
            continue
        if leaf.type == bare and not given:
            yield Reference(name, "call", line, enclosing[line], "self" if enclosing.type_at(line) else "")
        elif leaf.type != bare:
            kind: Kind = "unclear" if has_error and _is_in_error(leaf) else "use"
            is_field = _is_field(code, start, end) or _is_word(leaf, source)
            yield Reference(name, kind, line, enclosing[line], qualifier, is_field=is_field)


def _is_no_code(body: bytes, at: int) -> bool:
    """Whether a position in the body of a macro is in a string or a comment."""
    return any(found.start() < at < found.end() for found in _NO_CODE.finditer(body))


def _is_field(code: ParsedCode, start: int, end: int) -> bool:
    """Whether a name that is not called means no function."""
    before, after = code.source[max(0, start - _FAR) : start].rstrip(), code.source[end : end + _FAR].lstrip()
    if after.startswith((b"::", b".prototype")) or (code.grammar in _CALLED_FIELDS and before.endswith((b".", b"->"))):
        return True
    if code.grammar in _NO_MEMBERS and after.startswith(b"."):
        return True
    return code.grammar in _NO_VALUES and not before.endswith(b"::")


def _is_word(leaf: Node, source: bytes) -> bool:
    """Whether a name is a word that a command of the shell writes, or a file that it handles."""
    command = leaf.parent.child_by_field_name("name") if leaf.parent and leaf.parent.type == "command" else None
    return command is not None and source[command.start_byte : command.end_byte] in _TAKING_WORDS


def _is_declared(leaf: Node, source: bytes) -> bool:
    """Whether a name is one that the syntax around it gives to something."""
    parent = leaf.parent
    if parent is None or parent.type in _NAME_PATHS:
        return False
    if parent.type == "token_tree":
        return is_declared(source, leaf.start_byte)
    if parent.type == "assignment_expression" and _EXPORTED.match(source, parent.start_byte):
        return leaf == parent.child_by_field_name("right")
    if (leaf.type, parent.type) in _KEYS:
        return True
    if _is_replaced(leaf, source):
        return True
    return parent.type in _NO_USES or leaf in (parent.child_by_field_name(f) for f in ("name", "declarator", "alias"))


def _is_replaced(leaf: Node, source: bytes) -> bool:
    """Whether a name is given another value, or is deleted: `a.name = 1`, `del a.name`."""
    node, parent = leaf, leaf.parent
    while parent and (parent.type in _LISTS or (parent.type in _MEMBERS and parent.end_byte == leaf.end_byte)):
        node, parent = parent, parent.parent
    if parent is None or parent.type not in _ASSIGNING:
        return parent is not None and parent.type == "delete_statement"
    operator = parent.child_by_field_name("operator")
    is_plain = operator is None or source[operator.start_byte : operator.end_byte] == b"="
    return is_plain and node == parent.child_by_field_name("left")


def _is_in_error(leaf: Node) -> bool:
    node: Node | None = leaf
    while node is not None and not node.is_error:
        node = node.parent
    return node is not None
