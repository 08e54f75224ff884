"""What a definition is in schemas, style sheets and build files. `definition_queries` explains the captures."""

_SQL = """
(create_table [(keyword_table) (keyword_exists)] . (object_reference) @name) @table
(create_view [(keyword_view) (keyword_exists)] . (object_reference) @name) @table
(create_materialized_view [(keyword_view) (keyword_exists)] . (object_reference) @name) @table
(create_function (keyword_function) . (object_reference) @name (function_body)? @body) @function
(create_type (keyword_type) . (object_reference) @name) @type
(create_trigger (keyword_trigger) . (object_reference) @name) @function
(create_index column: (_) @name) @constant
(create_sequence [(keyword_sequence) (keyword_exists)] . (object_reference) @name) @constant
[(comment) (marginalia)] @comment
"""

_TERRAFORM = """
(block . (identifier) . (string_lit (template_literal) @scope) . (string_lit (template_literal) @name) (body)? @body
) @resource
(block . (identifier) @_kind . (string_lit (template_literal) @name) . (block_start) (body)? @body
  (#eq? @_kind "module")) @module
(block . (identifier) @scope . (string_lit (template_literal) @name) . (block_start) (body)? @body) @constant
(block . (identifier) @_kind . (block_start) (body (attribute . (identifier) @name) @constant) (#eq? @_kind "locals"))
(comment) @comment
"""

_PROTO = """
(message (message_name) @name (message_body) @body) @class
(enum (enum_name) @name (enum_body) @body) @enum
(service . "service" . (service_name) @name) @interface
(rpc (rpc_name) @name) @declaration
(comment) @comment
"""

_DOC = "(description (string_value) @docstring)?"
_GRAPHQL = f"""
[(object_type_definition {_DOC} (name) @name (fields_definition)? @body)
 (input_object_type_definition {_DOC} (name) @name (input_fields_definition)? @body)] @class
(interface_type_definition {_DOC} (name) @name (fields_definition)? @body) @interface
(enum_type_definition {_DOC} (name) @name (enum_values_definition)? @body) @enum
[(union_type_definition {_DOC} (name) @name) (scalar_type_definition {_DOC} (name) @name)] @type
(object_type_extension (name) @name (fields_definition)? @body) @impl
(field_definition {_DOC} (name) @name) @declaration
(directive_definition {_DOC} (name) @name) @function
(operation_definition (name) @name (selection_set) @body) @function
(fragment_definition (fragment_name) @name (selection_set) @body) @type
(comment) @comment
"""

_SELECTOR = "(class_selector (class_name) @name) (id_selector (id_name) @name)"
_COMBINED = (
    *("descendant_selector", "child_selector", "sibling_selector", "adjacent_sibling_selector", "class_selector"),
    *("pseudo_class_selector", "pseudo_element_selector", "attribute_selector"),
)
_RULE = _SELECTOR
for _ in range(2):  # as deep as a name is in `.a > .b:hover`
    _RULE = f"{_SELECTOR} {' '.join(f'({node} [{_RULE}])' for node in _COMBINED)}"
_CSS = f"""
(rule_set (selectors [{_RULE}]) (block) @body) @selector
(keyframes_statement (keyframes_name) @name (keyframe_block_list) @body) @function
(declaration (property_name) @name (#match? @name "^--|^[$]")) @constant
[(comment) (js_comment)] @comment
"""

_SCSS = """
(mixin_statement name: (_) @name (block) @body) @function
(function_statement name: (_) @name (block) @body) @function
(rule_set (selectors (placeholder (identifier) @name)) (block) @body) @selector
"""

_DOCKERFILE = """
(from_instruction as: (_) @name) @stage @onward
(from_instruction (image_spec name: (_) @name)) @stage @onward
(arg_instruction name: (_) @name) @constant
(env_instruction (env_pair name: (_) @name)) @constant
(comment) @comment
"""

_MAKE = """
(rule (targets (word) @name) (#not-match? @name "[./%$]")) @target
(define_directive name: (_) @name) @function
(variable_assignment name: (_) @name) @constant
(comment) @comment
"""

_CMAKE = """
(function_def (function_command (argument_list . (argument) @name)) (body) @body) @function
(macro_def (macro_command (argument_list . (argument) @name)) (body) @body) @function
(normal_command (identifier) @_command (argument_list . (argument) @name)
  (#match? @_command "(?i)^(add_executable|add_library|add_custom_target)$")) @target
(normal_command (identifier) @_command (argument_list . (argument) @name) (#match? @_command "(?i)^project$")) @module
(normal_command (identifier) @_command (argument_list . (argument) . (argument) @name)
  (#match? @_command "(?i)^add_test$")) @target
(normal_command (identifier) @_command (argument_list . (argument) @name) (#match? @_command "(?i)^(set|option)$")
) @constant
(line_comment) @comment
"""

DECLARATIVE = {
    "sql": _SQL,
    "terraform": _TERRAFORM,
    "hcl": _TERRAFORM,
    "proto": _PROTO,
    "graphql": _GRAPHQL,
    "css": _CSS,
    "scss": _CSS + _SCSS,
    "dockerfile": _DOCKERFILE,
    "make": _MAKE,
    "cmake": _CMAKE,
}
