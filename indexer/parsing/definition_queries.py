"""What a definition is, per grammar: one tree-sitter query each.

The capture that spans a definition has the name of its kind; beside it:
  @name       its name (may be dotted, `a::b` or `a.b`); none: "default"
  @scope      the type that it belongs to, written beside it (the receiver of a Go method, of Kotlin's extensions)
  @body       where the signature ends, for grammars without a `body` field; it may come after the node
  @onward     beside the kind: the definition goes on to the next one with this mark, or to the end of the file
  @wrapper    belongs to the first definition inside it (`export`, `template <...>`, `const`)
  @attribute  belongs to the definition that begins on the next line (decorators, Rust attributes)
  @docstring  documents the definition that contains it
  @comment    documents the definition that begins on the next line
If two patterns span the same text, the earlier one wins; one pattern may find several names in it. Captures that
begin with "_" are for predicates.
"""

from indexer.parsing.queries.apps import APPS
from indexer.parsing.queries.declarative import DECLARATIVE
from indexer.parsing.queries.functional import FUNCTIONAL
from indexer.parsing.queries.scripting import SCRIPTING

_PYTHON = """
(function_definition name: (identifier) @name) @function
(class_definition name: (identifier) @name) @class
(module (assignment left: (identifier) @name) @constant)
((class_definition body: (block (assignment left: (identifier) @name right: (_)) @constant)) (#match? @name "^[A-Z]"))
(decorator) @attribute
(function_definition body: (block . (string) @docstring))
(class_definition body: (block . (string) @docstring))
(comment) @comment
"""

_JAVASCRIPT = """
[(function_declaration name: (_) @name) (generator_function_declaration name: (_) @name)] @function
(class_declaration name: (_) @name) @class
(method_definition name: (_) @name) @method
(variable_declarator name: (identifier) @name
  value: [(arrow_function body: (_) @body) (function_expression body: (_) @body)
          (generator_function body: (_) @body)]) @function
(variable_declarator name: (identifier) @name value: (class body: (_) @body)) @class
(assignment_expression right: (function_expression name: (_) @name body: (_) @body)) @function
(assignment_expression left: [(identifier) (member_expression)] @name
  right: [(arrow_function body: (_) @body) (function_expression body: (_) @body)
          (generator_function body: (_) @body)]) @function
(pair key: (property_identifier) @name
  value: [(arrow_function body: (_) @body) (function_expression body: (_) @body)]) @method
(export_statement "default"
  value: [(arrow_function body: (_) @body) (function_expression body: (_) @body) (class body: (_) @body)]) @function
(program (lexical_declaration (variable_declarator name: (identifier) @name) @constant))
(program (variable_declaration (variable_declarator name: (identifier) @name) @constant))
(program (export_statement (lexical_declaration (variable_declarator name: (identifier) @name) @constant)))
[(lexical_declaration) (variable_declaration) (export_statement)] @wrapper
(decorator) @attribute
(comment) @comment
"""

_JS_ONLY = """
(field_definition property: (_) @name value: (arrow_function body: (_) @body)) @method
(field_definition "static" property: (_) @name value: (_)) @constant
"""

_TYPESCRIPT = """
(abstract_class_declaration name: (_) @name) @class
(interface_declaration name: (_) @name) @interface
(enum_declaration name: (_) @name) @enum
(type_alias_declaration name: (_) @name) @type
[(internal_module name: (_) @name) (module name: (_) @name)] @module
(public_field_definition name: (_) @name value: (arrow_function body: (_) @body)) @method
[(public_field_definition "static" name: (_) @name value: (_))
 (public_field_definition "readonly" name: (_) @name value: (_))] @constant
[(function_signature name: (_) @name) (abstract_method_signature name: (_) @name) (method_signature name: (_) @name)
] @declaration
(ambient_declaration) @wrapper
"""

_GO = """
(function_declaration name: (identifier) @name) @function
(method_declaration receiver: (parameter_list (parameter_declaration type: [
    (type_identifier) @scope (generic_type type: (type_identifier) @scope)
    (pointer_type [(type_identifier) @scope (generic_type type: (type_identifier) @scope)])]))
  name: (field_identifier) @name) @method
(type_spec name: (type_identifier) @name type: (struct_type (field_declaration_list) @body)) @class
(type_spec name: (type_identifier) @name type: (interface_type)) @interface
(interface_type (method_elem name: (field_identifier) @name) @declaration)
[(type_spec name: (type_identifier) @name) (type_alias name: (type_identifier) @name)] @type
(source_file (const_declaration (const_spec name: (identifier) @name) @constant))
(source_file (var_declaration (var_spec name: (identifier) @name) @constant))
(source_file (var_declaration (var_spec_list (var_spec name: (identifier) @name) @constant)))
[(type_declaration) (const_declaration) (var_declaration)] @wrapper
(comment) @comment
"""

_RUST = """
(function_item name: (_) @name) @function
(function_signature_item name: (_) @name) @declaration
[(struct_item name: (_) @name) (union_item name: (_) @name)] @class
(trait_item name: (_) @name) @interface
(enum_item name: (_) @name) @enum
(type_item name: (_) @name) @type
(impl_item type: [(type_identifier) @name (generic_type type: (_) @name) (scoped_type_identifier) @name
  (reference_type type: (_) @name)]) @impl
(mod_item name: (_) @name body: (_)) @module
(macro_definition name: (_) @name) @function
[(const_item name: (_) @name) (static_item name: (_) @name)] @constant
(attribute_item) @attribute
[(line_comment) (block_comment)] @comment
"""

_JAVA = """
[(class_declaration name: (_) @name) (record_declaration name: (_) @name)] @class
[(interface_declaration name: (_) @name) (annotation_type_declaration name: (_) @name)] @interface
(enum_declaration name: (_) @name) @enum
[(method_declaration name: (_) @name body: (_)) (constructor_declaration name: (_) @name)
 (compact_constructor_declaration name: (_) @name)] @method
(method_declaration name: (_) @name) @declaration
(field_declaration (modifiers "static" "final") declarator: (variable_declarator name: (_) @name)) @constant
(field_declaration (modifiers "final" "static") declarator: (variable_declarator name: (_) @name)) @constant
(constant_declaration declarator: (variable_declarator name: (_) @name)) @constant
[(line_comment) (block_comment)] @comment
"""


def _declared(node: str, kind: str, name: str) -> str:
    """Patterns for a C function declarator with this `name` pattern, inside up to three pointer declarators."""
    inner = f"(function_declarator declarator: {name})"
    forms = [inner]
    for _ in range(3):
        inner = f"(pointer_declarator declarator: {inner})"
        forms.append(inner)
    return "\n".join(f"({node} declarator: {form}) @{kind}" for form in forms)


_C_NAME = "(identifier) @name"
_C = f"""
{_declared("function_definition", "function", _C_NAME)}
{_declared("declaration", "declaration", _C_NAME)}
(function_definition declarator: (function_declarator declarator: (parenthesized_declarator (pointer_declarator
  declarator: (function_declarator declarator: (identifier) @name))))) @function
(struct_specifier name: (_) @name body: (_)) @class
(union_specifier name: (_) @name body: (_)) @class
(enum_specifier name: (_) @name body: (_)) @enum
(type_definition type: [(struct_specifier body: (_) @body) (union_specifier body: (_) @body)]
  declarator: (type_identifier) @name) @class
(type_definition type: (enum_specifier body: (_) @body) declarator: (type_identifier) @name) @enum
(type_definition declarator: (type_identifier) @name) @type
(preproc_function_def name: (_) @name value: (_) @body) @function
(preproc_def name: (_) @name value: (_)) @constant
(translation_unit (declaration declarator: (init_declarator declarator: [
  (identifier) @name (array_declarator declarator: (identifier) @name) (pointer_declarator (identifier) @name)]
  value: (_) @body)) @constant)
(comment) @comment
"""

_CPP_NAME = "[(identifier) (field_identifier) (qualified_identifier) (destructor_name) (operator_name)] @name"
_CPP = f"""
{_declared("function_definition", "function", _CPP_NAME)}
(function_definition declarator: (reference_declarator (function_declarator declarator: {_CPP_NAME}))) @function
{_declared("declaration", "declaration", _CPP_NAME)}
{_declared("field_declaration", "declaration", _CPP_NAME)}
(class_specifier name: (_) @name body: (_)) @class
(namespace_definition name: (_) @name) @module
(alias_declaration name: (_) @name) @type
(concept_definition name: (_) @name) @type
(field_declaration (storage_class_specifier "static") declarator: (_) @name default_value: (_)) @constant
(template_declaration) @wrapper
"""

_CSHARP = """
[(class_declaration name: (_) @name) (struct_declaration name: (_) @name) (record_declaration name: (_) @name)] @class
(interface_declaration name: (_) @name) @interface
(enum_declaration name: (_) @name) @enum
(delegate_declaration name: (_) @name) @type
[(method_declaration name: (_) @name body: (_)) (constructor_declaration name: (_) @name body: (_))
 (local_function_statement name: (_) @name body: (_))] @method
(method_declaration name: (_) @name) @declaration
(property_declaration name: (_) @name accessors: (accessor_list (accessor_declaration body: (_)) @body)) @method
(namespace_declaration name: (_) @name) @module
(field_declaration (modifier "const") (variable_declaration (variable_declarator name: (_) @name))) @constant
(field_declaration (modifier "readonly") (variable_declaration (variable_declarator name: (_) @name))) @constant
(comment) @comment
"""

_RUBY = """
[(method name: (_) @name) (singleton_method name: (_) @name)] @function
(class name: (_) @name) @class
(module name: (_) @name) @module
(program (assignment left: (constant) @name) @constant)
(body_statement (assignment left: (constant) @name) @constant)
(comment) @comment
"""

_PHP = """
(function_definition name: (_) @name) @function
[(class_declaration name: (_) @name) (trait_declaration name: (_) @name)] @class
(interface_declaration name: (_) @name) @interface
(enum_declaration name: (_) @name) @enum
(method_declaration name: (_) @name body: (_)) @method
(method_declaration name: (_) @name) @declaration
(program (const_declaration (const_element . (name) @name)) @constant)
[(declaration_list (const_declaration (const_element . (name) @name)) @constant)
 (enum_declaration_list (const_declaration (const_element . (name) @name)) @constant)]
(comment) @comment
"""

_KOTLIN = """
(function_declaration receiver: (receiver_type [(user_type . (type_identifier) @scope)
    (nullable_type (user_type . (type_identifier) @scope))])
  (simple_identifier) @name (function_body) @body) @function
(function_declaration (simple_identifier) @name (function_body) @body) @function
(function_declaration (simple_identifier) @name) @declaration
(class_declaration "interface" (type_identifier) @name (class_body)? @body) @interface
(class_declaration (type_identifier) @name (enum_class_body) @body) @enum
(class_declaration (type_identifier) @name (class_body) @body) @class
(class_declaration (type_identifier) @name) @class
(object_declaration (type_identifier) @name (class_body)? @body) @class
(type_alias (type_identifier) @name) @type
(source_file (property_declaration (variable_declaration (simple_identifier) @name)) @constant)
[(companion_object (class_body (property_declaration (variable_declaration (simple_identifier) @name)) @constant))
 (object_declaration (class_body (property_declaration (variable_declaration (simple_identifier) @name)) @constant))]
[(line_comment) (multiline_comment)] @comment
"""

_BASH = """
(function_definition name: (word) @name) @function
(program (variable_assignment name: (variable_name) @name) @constant)
(program (declaration_command (variable_assignment name: (variable_name) @name)) @constant)
(comment) @comment
"""

_MARKDOWN = """
(section (atx_heading heading_content: (inline) @name)) @section
"""

QUERIES = {
    "python": _PYTHON,
    "javascript": _JAVASCRIPT + _JS_ONLY,
    "typescript": _TYPESCRIPT + _JAVASCRIPT,
    "tsx": _TYPESCRIPT + _JAVASCRIPT,
    "go": _GO,
    "rust": _RUST,
    "java": _JAVA,
    "c": _C,
    "cpp": _CPP + _C,
    "csharp": _CSHARP,
    "ruby": _RUBY,
    "php": _PHP,
    "kotlin": _KOTLIN,
    "bash": _BASH,
    "markdown": _MARKDOWN,
    **APPS,
    **SCRIPTING,
    **FUNCTIONAL,
    **DECLARATIVE,
}
