"""Where a name is a parameter or a variable of the function or block around it, and so means nothing outside.

Python, JavaScript and TypeScript wholly, of Go and Rust the parameters. A binding that is not known here hides nothing.
"""

from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass

from indexer.parsing.syntax import Node, Span, Tree, matches

# Per grammar a query:
#   @function  binds names that its body sees: a default value does not
#   @block     binds names that all of it sees
#   @class     binds names that nothing in it sees bare
#   @bound     a parameter, or a variable where it is set
#   @outer     a name of which a function says that it means one outside
#   @filled    a parameter of a test or a fixture: pytest fills it with what the file has by that name, if anything
_PYTHON = """
[(function_definition) (lambda)] @function
[(list_comprehension) (set_comprehension) (dictionary_comprehension) (generator_expression)] @block
(class_definition) @class
[(parameters (identifier) @bound) (lambda_parameters (identifier) @bound) (typed_parameter . (identifier) @bound)
 (default_parameter name: (identifier) @bound) (typed_default_parameter name: (identifier) @bound)
 (list_splat_pattern (identifier) @bound) (dictionary_splat_pattern (identifier) @bound)
 (assignment left: (identifier) @bound) (augmented_assignment left: (identifier) @bound)
 (named_expression name: (identifier) @bound)
 (for_statement left: (identifier) @bound) (for_in_clause left: (identifier) @bound)
 (pattern_list (identifier) @bound) (tuple_pattern (identifier) @bound) (list_pattern (identifier) @bound)
 (as_pattern_target [(identifier) @bound (tuple (identifier) @bound)])
 (case_pattern (dotted_name . (identifier) @bound .))]
[(global_statement (identifier) @outer) (nonlocal_statement (identifier) @outer)]
(function_definition name: (identifier) @_name
  parameters: (parameters [(identifier) @filled (typed_parameter . (identifier) @filled)]) (#match? @_name "^test"))
(decorated_definition (decorator) @_decorator definition: (function_definition
  parameters: (parameters [(identifier) @filled (typed_parameter . (identifier) @filled)]))
  (#match? @_decorator "fixture"))
"""
_JAVASCRIPT = """
[(function_declaration) (generator_function_declaration) (function_expression) (generator_function) (arrow_function)
 (method_definition)] @function
[(statement_block) (switch_body) (for_statement) (for_in_statement) (catch_clause)] @block
[(arrow_function parameter: (identifier) @bound) (variable_declarator name: (identifier) @bound)
 (for_in_statement kind: _ left: (identifier) @bound) (catch_clause parameter: (identifier) @bound)
 (assignment_pattern left: (identifier) @bound) (rest_pattern (identifier) @bound)
 (array_pattern (identifier) @bound) (pair_pattern value: (identifier) @bound)
 (object_pattern (shorthand_property_identifier_pattern) @bound)
 (object_assignment_pattern left: (shorthand_property_identifier_pattern) @bound)]
"""
_JS_ONLY = "(formal_parameters (identifier) @bound)"
_TYPESCRIPT = """
[(function_type) (constructor_type) (function_signature) (method_signature) (abstract_method_signature)
 (call_signature) (construct_signature)] @function
[(required_parameter pattern: (identifier) @bound) (optional_parameter pattern: (identifier) @bound)]
"""
_GO = """
[(function_declaration) (method_declaration) (func_literal) (function_type) (method_elem)] @function
[(parameter_declaration name: (identifier) @bound) (variadic_parameter_declaration name: (identifier) @bound)]
"""
_RUST = """
[(function_item) (closure_expression) (function_type) (function_signature_item)] @function
[(parameter pattern: (identifier) @bound) (closure_parameters (identifier) @bound)]
"""
SCOPES = {
    "python": _PYTHON,
    "javascript": _JAVASCRIPT + _JS_ONLY,
    "typescript": _JAVASCRIPT + _TYPESCRIPT,
    "tsx": _JAVASCRIPT + _TYPESCRIPT,
    "go": _GO,
    "rust": _RUST,
}


@dataclass(slots=True)
class _Scope:
    """In bytes. `binds`: it sets the name; `is_outer`: whatever it sets, the name comes from elsewhere."""

    start: int
    end: int
    seen: Span
    binds: bool = False
    is_outer: bool = False


def own(
    tree: Tree, grammar: str, places: Sequence[Span], spans: Iterable[Span], brought: Collection[int]
) -> frozenset[int]:
    """Of the places of one name those where it is a parameter or a variable, by the byte they begin at.

    `spans` are looked at, or everything where there are none. `brought`: the lines that import or define the name; the
    scopes around them mean that.
    """
    if grammar not in SCOPES or not places:
        return frozenset()
    starts = sorted(start for start, _ in places)
    scopes: dict[Span, _Scope] = {}
    told: dict[str, set[int]] = defaultdict(set)
    for _, captures in matches(tree, grammar, SCOPES[grammar], spans):
        for what, nodes in captures.items():
            told[what].update(node.start_byte for node in nodes)
            if what in ("function", "block", "class"):
                scopes.update(((node.start_byte, node.end_byte), _scope(node, what, brought)) for node in nodes)
    bound = told["bound"].intersection(starts) - (told["filled"] if brought else set())
    if not bound:
        return frozenset()
    for start, around in _around(starts, scopes.values()):
        if around:
            around[-1].binds |= start in bound
            around[-1].is_outer |= start in told["outer"]
    return frozenset(start for start, around in _around(starts, scopes.values()) if _is_own(start, around, bound))


def _scope(node: Node, what: str, brought: Collection[int]) -> _Scope:
    seen = {"function": node.child_by_field_name("body"), "block": node}.get(what)
    if seen is None:
        return _Scope(node.start_byte, node.end_byte, (0, 0))
    is_outer = any(seen.start_point.row < line <= seen.end_point.row + 1 for line in brought)
    return _Scope(node.start_byte, node.end_byte, (seen.start_byte, seen.end_byte), is_outer=is_outer)


def _around(starts: Sequence[int], scopes: Iterable[_Scope]) -> Iterator[tuple[int, list[_Scope]]]:
    """Each place with the scopes around it, outer ones first."""
    later = sorted(scopes, key=lambda scope: (-scope.start, scope.end))
    around: list[_Scope] = []
    for start in starts:
        while later and later[-1].start <= start:
            around.append(later.pop())
        around = [scope for scope in around if start < scope.end]
        yield start, around


def _is_own(start: int, around: Sequence[_Scope], bound: Collection[int]) -> bool:
    if start in bound and around:
        return not around[-1].is_outer
    seeing = (scope for scope in reversed(around) if scope.seen[0] <= start < scope.seen[1])
    return next((not scope.is_outer for scope in seeing if scope.is_outer or scope.binds), False)
