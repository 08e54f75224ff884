"""Where a name is a parameter or a variable of the function or block around it, and so refers to nothing outside.

Covers Python, JavaScript, TypeScript, Ruby, Go, Rust, C#, C and C++. In other languages, names of functions and names
of variables are not confused: they are written differently, or a function is no value.
"""

from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from indexer.parsing.syntax import Node, Span, Tree, matches

# One query per grammar:
#   @function  binds names that are visible in its body, but not in a default value
#   @block     binds names that are visible in all of it
#   @class     binds names that are not visible without a qualifier
#   @closed    a block that sees no variables of the code around it
#   @bound     a parameter, or a variable where it is assigned
#   @declares  binds names that are visible from its end on: in Go and Rust, `x := x()` calls the outer x
#   @outer     a name that a function declares as one from outside
#   @filled    a parameter of a test or a fixture: pytest fills it with the fixture of that name, if the file has one
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
[(block) (for_statement) (if_statement) (type_switch_statement) (expression_switch_statement) (expression_case)
 (type_case) (communication_case)] @block
[(parameter_declaration name: (identifier) @bound) (variadic_parameter_declaration name: (identifier) @bound)]
[(short_var_declaration) (var_spec) (const_spec) (range_clause) (receive_statement)] @declares
[(short_var_declaration left: (expression_list (identifier) @bound)) (var_spec name: (identifier) @bound)
 (const_spec name: (identifier) @bound) (range_clause left: (expression_list (identifier) @bound))
 (receive_statement left: (expression_list (identifier) @bound))
 (type_switch_statement alias: (expression_list (identifier) @bound))]
"""
_RUST = """
[(function_item) (closure_expression) (function_type) (function_signature_item) (for_expression)] @function
[(block) (match_arm) (if_expression) (while_expression)] @block
[(let_declaration) (let_condition)] @declares
[(parameter pattern: (identifier) @bound) (closure_parameters (identifier) @bound)
 (let_declaration pattern: (identifier) @bound) (let_condition pattern: (identifier) @bound)
 (for_expression pattern: (identifier) @bound)]
([(match_pattern . (identifier) @bound) (tuple_pattern (identifier) @bound)
  (tuple_struct_pattern type: (_) (identifier) @bound) (mut_pattern (identifier) @bound)
  (ref_pattern (identifier) @bound) (reference_pattern (identifier) @bound) (captured_pattern . (identifier) @bound)
  (slice_pattern (identifier) @bound) (or_pattern (identifier) @bound) (field_pattern pattern: (identifier) @bound)
  (field_pattern name: (shorthand_field_identifier) @bound)]
 (#match? @bound "^[a-z_]"))
"""
_C = """
[(function_definition) (compound_statement) (for_statement)] @block
[(parameter_declaration declarator: (identifier) @bound)
 (declaration declarator: [(identifier) @bound (init_declarator declarator: (identifier) @bound)])
 (pointer_declarator declarator: (identifier) @bound) (array_declarator declarator: (identifier) @bound)]
"""
_CPP = """
[(lambda_expression) (for_range_loop) (catch_clause)] @block
[(reference_declarator (identifier) @bound) (structured_binding_declarator (identifier) @bound)
 (for_range_loop declarator: (identifier) @bound) (optional_parameter_declaration declarator: (identifier) @bound)]
"""
_CSHARP = """
[(method_declaration) (constructor_declaration) (local_function_statement) (lambda_expression) (block) (for_statement)
 (foreach_statement) (using_statement) (catch_clause) (accessor_declaration)] @block
[(parameter name: (identifier) @bound) (implicit_parameter) @bound (foreach_statement left: (identifier) @bound)
 (variable_declarator name: (identifier) @bound) (tuple_pattern name: (identifier) @bound)
 (declaration_expression name: (identifier) @bound) (declaration_pattern name: (identifier) @bound)
 (catch_declaration name: (identifier) @bound)]
"""
_RUBY = """
[(method) (singleton_method) (class) (singleton_class) (module) (program)] @closed
[(block) (do_block) (lambda)] @block
[(method_parameters (identifier) @bound) (block_parameters (identifier) @bound) (lambda_parameters (identifier) @bound)
 (optional_parameter name: (identifier) @bound) (keyword_parameter name: (identifier) @bound)
 (splat_parameter name: (identifier) @bound) (hash_splat_parameter name: (identifier) @bound)
 (block_parameter name: (identifier) @bound) (destructured_parameter (identifier) @bound)
 (assignment left: (identifier) @bound) (operator_assignment left: (identifier) @bound)
 (left_assignment_list (identifier) @bound) (destructured_left_assignment (identifier) @bound)
 (rest_assignment (identifier) @bound) (for pattern: (identifier) @bound) (exception_variable (identifier) @bound)
 (in_clause pattern: (identifier) @bound) (array_pattern (identifier) @bound) (as_pattern name: (identifier) @bound)
 (keyword_pattern value: (identifier) @bound) (keyword_pattern key: (hash_key_symbol) @bound !value)]
"""
SCOPES = {
    "python": _PYTHON,
    "javascript": _JAVASCRIPT + _JS_ONLY,
    "typescript": _JAVASCRIPT + _TYPESCRIPT,
    "tsx": _JAVASCRIPT + _TYPESCRIPT,
    "go": _GO,
    "rust": _RUST,
    "ruby": _RUBY,
    "c": _C,
    "cpp": _C + _CPP,
    "csharp": _CSHARP,
}
_COMPREHENSIONS = frozenset(
    {"list_comprehension", "set_comprehension", "dictionary_comprehension", "generator_expression"}
)
_SCOPES = frozenset({"function", "block", "class", "closed", "declares"})


@dataclass(slots=True)
class _Scope:
    """Spans in bytes. `is_outer`: even if it binds the name, that comes from outside."""

    start: int
    end: int
    visible: Span  # where its names are visible
    is_closed: bool = False  # names of the scopes around it are not visible in it
    hidden: Span = (0, 0)  # a part where they are not: the first iterable of a comprehension
    binds_from: int | None = None  # where a name is visible that it binds
    bound: list[int] = field(default_factory=list)  # start bytes where it binds the name
    is_outer: bool = False

    def bind(self, start: int, declarations: Iterable["_Scope"]) -> None:
        """Binds the name, in the declarations around it or in none."""
        self.bound.append(start)
        visible = max((item.end for item in declarations if item.start >= self.start), default=0)
        self.binds_from = visible if self.binds_from is None else min(visible, self.binds_from)


def local_names(
    tree: Tree, grammar: str, occurrences: Sequence[Span], spans: Iterable[Span], bindings: Collection[int]
) -> Mapping[int, Sequence[int]]:
    """The start bytes of the occurrences of one name where it is a parameter or a variable, each with those of where
    that is bound.

    Queries only `spans`, or the whole tree if there are none. `bindings`: the lines that import or define the name; in
    the scopes around these lines the name means that import or definition.
    """
    if grammar not in SCOPES or not occurrences:
        return {}
    starts = sorted(start for start, _ in occurrences)
    scopes: dict[Span, _Scope] = {}
    captured: dict[str, set[int]] = defaultdict(set)  # capture -> start bytes
    declarations: dict[Span, _Scope] = {}
    for _, captures in matches(tree, grammar, SCOPES[grammar], spans):
        for capture, nodes in captures.items():
            captured[capture].update(node.start_byte for node in nodes)
            if capture in _SCOPES:
                found = declarations if capture == "declares" else scopes
                found.update(((node.start_byte, node.end_byte), _scope(node, capture, bindings)) for node in nodes)
    bound = captured["bound"].intersection(starts) - (captured["filled"] if bindings else set())
    if not bound:
        return {}
    around = zip(_enclosing(starts, scopes.values()), _enclosing(starts, declarations.values()), strict=True)
    for (start, enclosing), (_, declaring) in around:
        if enclosing and start in bound:
            enclosing[-1].bind(start, declaring)
        if enclosing:
            enclosing[-1].is_outer |= start in captured["outer"]
    binding = ((start, _binding(start, stack, bound)) for start, stack in _enclosing(starts, scopes.values()))
    return {start: scope.bound for start, scope in binding if scope}


def _scope(node: Node, kind: str, bindings: Collection[int]) -> _Scope:
    visible = {"function": node.child_by_field_name("body"), "block": node, "closed": node}.get(kind)
    if visible is None:
        return _Scope(node.start_byte, node.end_byte, (0, 0))
    first, last = visible.start_point.row + 1, visible.end_point.row + 1
    if node.start_point.row + 1 == first < last:
        first += 1  # on the line where a function begins, it is defined
    is_outer = kind != "closed" and any(first <= line <= last for line in bindings)
    span = visible.start_byte, visible.end_byte
    hidden = _first_iterable(node) if node.type in _COMPREHENSIONS else (0, 0)
    return _Scope(node.start_byte, node.end_byte, span, kind == "closed", is_outer=is_outer, hidden=hidden)


def _first_iterable(comprehension: Node) -> Span:
    clause = next((each for each in comprehension.children if each.type == "for_in_clause"), None)
    iterable = clause.child_by_field_name("right") if clause else None
    return (iterable.start_byte, iterable.end_byte) if iterable else (0, 0)


def _enclosing(starts: Sequence[int], scopes: Iterable[_Scope]) -> Iterator[tuple[int, list[_Scope]]]:
    """Each start byte with the scopes around it, outer ones first."""
    later = sorted(scopes, key=lambda scope: (-scope.start, scope.end))
    enclosing: list[_Scope] = []
    for start in starts:
        while later and later[-1].start <= start:
            enclosing.append(later.pop())
        enclosing = [scope for scope in enclosing if start < scope.end]
        yield start, enclosing


def _binding(start: int, enclosing: Sequence[_Scope], bound: Collection[int]) -> _Scope | None:
    """The scope whose parameter or variable an occurrence is; None if it is none."""
    if start in bound and enclosing:
        return None if enclosing[-1].is_outer else enclosing[-1]
    for scope in reversed(enclosing):
        binds = scope.binds_from is not None and scope.binds_from <= start
        is_visible = scope.visible[0] <= start < scope.visible[1] and not scope.hidden[0] <= start < scope.hidden[1]
        if is_visible and (scope.is_outer or binds):
            return None if scope.is_outer else scope
        if scope.is_closed:
            return None
    return None
