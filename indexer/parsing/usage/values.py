"""Where a variable is given what is no module by its syntax: a literal, a new object, a value of a declared type.

A name may hold the module of its name wherever it is given something else: what a call gives, what a caller passes.
"""

from collections.abc import Iterable

from indexer.parsing.syntax import Span, Tree, matches

_PYTHON = """
(assignment left: (identifier) @value right: [(integer) (float) (string) (concatenated_string) (true) (false) (none)
  (list) (tuple) (dictionary) (set) (list_comprehension) (set_comprehension) (dictionary_comprehension)
  (generator_expression) (lambda) (comparison_operator) (not_operator) (binary_operator) (unary_operator)])
(augmented_assignment left: (identifier) @value)
(except_clause (as_pattern alias: (as_pattern_target (identifier) @value)))
([(typed_parameter . (identifier) @value type: (_) @_type)
  (typed_default_parameter name: (identifier) @value type: (_) @_type)
  (assignment left: (identifier) @value type: (_) @_type)] (#not-match? @_type "Module|Any|object"))
"""
_JAVASCRIPT = """
(lexical_declaration "const" (variable_declarator name: (identifier) @value value: [(number) (string) (template_string)
  (regex) (true) (false) (array) (arrow_function) (function_expression) (class) (new_expression)]))
(catch_clause parameter: (identifier) @value)
"""
_TYPESCRIPT = """
([(required_parameter pattern: (identifier) @value type: (_) @_type)
  (optional_parameter pattern: (identifier) @value type: (_) @_type)
  (variable_declarator name: (identifier) @value type: (_) @_type)]
 (#not-match? @_type "Module|typeof|import|any|unknown|object"))
"""
VALUES = {
    "python": _PYTHON,
    "javascript": _JAVASCRIPT,
    "typescript": _JAVASCRIPT + _TYPESCRIPT,
    "tsx": _JAVASCRIPT + _TYPESCRIPT,
}


def value_bindings(tree: Tree, grammar: str, spans: Iterable[Span]) -> frozenset[int]:
    """The start bytes of the names that are given such a value. Queries only `spans`, or all if there are none."""
    found = matches(tree, grammar, VALUES[grammar], spans)
    return frozenset(node.start_byte for _, captures in found for node in captures.get("value", ()))
