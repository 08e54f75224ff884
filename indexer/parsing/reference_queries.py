"""What a reference is, per grammar: two tree-sitter queries, one for imports and one for everything else.

  @call     what is called, with its qualifier: `store.read`, `std::mem::take`, `Shape<T>`
  @tokens   what is captured may be a call: it is in a macro's arguments, which no grammar parses
  @use      what is passed by its name, where that is no plain mention: `Money::parse`, `:name`
  @on       the receiver of a call, for grammars where it is a node of its own
  @inherit  a base class, an interface, a trait, an embedded type
  @import   what is imported, a name or a path
  @default  what a module exports as its default, under a name that the importing file chooses
  @from     where it is imported from
  @alias    its name in this file
Captures that begin with an underscore are only for predicates.
"""

_PYTHON = """
(call function: (_) @call)
(decorator [(identifier) (attribute)] @call)
(class_definition superclasses: (argument_list [(identifier) (attribute) (subscript)] @inherit))
(call function: (_) @_made arguments: (argument_list . (_) . (tuple [(identifier) (attribute) (subscript)] @inherit))
  (#match? @_made "^(type|(types\\.)?new_class)$"))
"""
_PYTHON_IMPORTS = """
(import_statement name: (dotted_name) @import)
(import_statement name: (aliased_import name: (_) @import alias: (_) @alias))
(import_from_statement module_name: (_) @from name: (dotted_name) @import)
(import_from_statement module_name: (_) @from name: (aliased_import name: (_) @import alias: (_) @alias))
(import_from_statement module_name: (_) @from (wildcard_import) @import)
"""

_JAVASCRIPT = """
(call_expression function: (_) @call)
(new_expression constructor: (_) @call)
(decorator [(identifier) (member_expression)] @call)
(call_expression function: (_) @_derive arguments: (arguments . (_) . [(identifier) (member_expression)] @inherit .)
  (#match? @_derive "^(util\\.)?inherits$"))
(assignment_expression left: (member_expression property: (property_identifier) @_left)
  right: (call_expression function: (_) @_create arguments: (arguments . (member_expression
    object: [(identifier) (member_expression)] @inherit property: (property_identifier) @_right)))
  (#eq? @_create "Object.create") (#eq? @_left "prototype") (#eq? @_right "prototype"))
(assignment_expression left: (member_expression property: (property_identifier) @_left)
  right: (new_expression constructor: (_) @inherit) (#eq? @_left "prototype"))
"""
_JS_ONLY = "(class_heritage (_) @inherit)"
_JSX = """
(jsx_self_closing_element name: (_) @call (#match? @call "^[A-Z]"))
(jsx_opening_element name: (_) @call (#match? @call "^[A-Z]"))
"""
_TYPESCRIPT = """
(extends_clause value: (_) @inherit)
(extends_clause value: (parenthesized_expression (as_expression . (_) @inherit)))
(implements_clause (_) @inherit)
(extends_type_clause type: (_) @inherit)
"""
_JAVASCRIPT_IMPORTS = """
(import_statement (import_clause (identifier) @default) source: (_) @from)
(import_statement (import_clause (namespace_import (identifier) @import)) source: (_) @from)
(import_statement (import_clause (named_imports (import_specifier name: (_) @import alias: (_)? @alias)))
  source: (_) @from)
(import_statement . (string) @import)
(export_statement (export_clause (export_specifier name: (_) @import)) source: (_) @from)
(export_statement "*" @import source: (_) @from)
(variable_declarator name: [(identifier) @default
    (object_pattern [(shorthand_property_identifier_pattern) @import
                     (pair_pattern key: (_) @import value: (identifier) @alias)])]
  value: (call_expression function: (identifier) @_require arguments: (arguments . (string) @from))
  (#eq? @_require "require"))
(call_expression function: (import) arguments: (arguments . (string) @import))
(variable_declarator name: [(identifier) @import
    (object_pattern [(shorthand_property_identifier_pattern) @import
                     (pair_pattern key: (_) @import value: (identifier) @alias)])]
  value: (await_expression (call_expression function: (import) arguments: (arguments . (string) @from))))
"""
_TYPESCRIPT_IMPORTS = "(import_statement (import_require_clause (identifier) @default source: (_) @from))"

_GO = """
(call_expression function: (_) @call)
(composite_literal type: [(type_identifier) (qualified_type) (generic_type)] @call)
(struct_type (field_declaration_list (field_declaration !name type: (_) @inherit)))
(interface_type (type_elem . [(type_identifier) (qualified_type)] @inherit .))
"""
_GO_IMPORTS = "(import_spec name: (_)? @alias path: (_) @import)"

_RUST = """
(call_expression function: (_) @call)
(macro_invocation macro: (_) @call)
(token_tree (identifier) @call) @tokens
(struct_expression name: (_) @call)
((attribute_item (attribute . (_) @call))
  (#not-match? @call "^(derive|cfg|cfg_attr|allow|warn|deny|expect|test|doc|inline|must_use|repr|non_exhaustive)$"))
(impl_item trait: (_) @inherit)
(attribute_item (attribute (identifier) @_derive arguments: (token_tree (identifier) @inherit))
  (#eq? @_derive "derive"))
(trait_item bounds: (trait_bounds [(type_identifier) (scoped_type_identifier) (generic_type)] @inherit))
"""
_RUST_IMPORTS = """
(use_declaration argument: [(identifier) (scoped_identifier)] @import)
(use_list [(identifier) (scoped_identifier)] @import)
(use_as_clause path: (_) @import alias: (_) @alias)
(use_wildcard (_) @from) @import
(mod_item name: (_) @import !body)
(extern_crate_declaration name: (_) @import)
"""

_JAVA = """
(method_invocation object: (_)? @on name: (_) @call)
(object_creation_expression type: (_) @call)
(object_creation_expression type: (_) @inherit (class_body))
(method_reference) @use
[(marker_annotation name: (_) @call) (annotation name: (_) @call)]
(superclass (_) @inherit)
(super_interfaces (type_list (_) @inherit))
(extends_interfaces (type_list (_) @inherit))
"""
_JAVA_IMPORTS = """
(import_declaration [(identifier) (scoped_identifier)] @import .)
(import_declaration [(identifier) (scoped_identifier)] @from (asterisk) @import)
"""

_C = "(call_expression function: (_) @call)"
_C_IMPORTS = "(preproc_include path: (_) @import)"
_CPP = """
(new_expression type: (_) @call)
(compound_literal_expression type: (_) @call)
(base_class_clause [(type_identifier) (qualified_identifier) (template_type)] @inherit)
"""
_CPP_IMPORTS = "(using_declaration [(identifier) (qualified_identifier)] @import)"

_CSHARP = """
(invocation_expression function: (_) @call)
(object_creation_expression type: (_) @call)
(attribute name: (_) @call)
(base_list [(identifier) (qualified_name) (alias_qualified_name) (generic_name)] @inherit)
(base_list (primary_constructor_base_type type: (_) @inherit))
"""
_CSHARP_IMPORTS = """
(using_directive !name [(identifier) (qualified_name)] @import)
(using_directive name: (_) @alias [(identifier) (qualified_name)] @import .)
"""

_RUBY = """
(call receiver: (_)? @on method: (_) @call)
(superclass [(constant) (scope_resolution)] @inherit)
(call receiver: (constant) @_class method: (_) @_new arguments:
  (argument_list . [(constant) (scope_resolution)] @inherit) (#eq? @_class "Class") (#eq? @_new "new"))
(call receiver: [(constant) (scope_resolution) (identifier) (self) (call method: (identifier))] @_type
  method: (_) @_mixed arguments: (argument_list [(constant) (scope_resolution)] @inherit)
  (#any-of? @_mixed "include" "extend" "prepend")
  (#match? @_type "^([A-Z:][A-Za-z0-9_:]*[a-z][A-Za-z0-9_:]*|self|base|klass|mod|(.*[.])?(singleton_class|class))$"))
((call method: (_) @_shown arguments: (argument_list
  (call !receiver method: (_) @_mixed arguments: (argument_list [(constant) (scope_resolution)] @inherit))))
  (#any-of? @_shown "private" "public" "protected") (#any-of? @_mixed "include" "extend" "prepend"))
(call receiver: (_) method: (_) @_send
  arguments: (argument_list . (simple_symbol) @_mixed [(constant) (scope_resolution)] @inherit)
  (#any-of? @_send "send" "public_send" "__send__") (#any-of? @_mixed ":include" ":extend" ":prepend"))
(class body: (body_statement (call !receiver method: (_) @_given arguments:
    (argument_list [(simple_symbol) @use (pair value: (simple_symbol) @use)])
  (#not-match? @_given "^(private|protected|public|module_function|attr_|define_method|alias_|undef_|remove_)"))))
(call method: (_) @_taking arguments: (argument_list . (simple_symbol) @use)
  (#any-of? @_taking "method" "instance_method" "send" "public_send" "__send__"))
"""
_RUBY_IMPORTS = """
(call !receiver method: (_) @_require arguments: (argument_list . (string (string_content) @import))
  (#any-of? @_require "require" "require_relative" "load"))
(call !receiver method: (_) @_require
  arguments: (argument_list . (simple_symbol) . (string (string_content) @import)) (#eq? @_require "autoload"))
"""

_PHP = """
(function_call_expression function: (_) @call)
(member_call_expression object: (_) @on name: (_) @call)
(nullsafe_member_call_expression object: (_) @on name: (_) @call)
(scoped_call_expression scope: (_) @on name: (_) @call)
(object_creation_expression [(name) (qualified_name)] @call)
(base_clause (_) @inherit)
(class_interface_clause (_) @inherit)
(use_declaration (_) @inherit)
(function_call_expression function: (name) @_taking arguments: (arguments (argument (string (string_content) @use)))
  (#match? @_taking
    "^(array_|u[ak]?sort|call_user_|func_|add_action|add_filter|add_shortcode|set_|register_|spl_|preg_|is_callable)"))
(array_creation_expression
  . (array_element_initializer [(variable_name) @on (class_constant_access_expression . (_) @on)])
  . (array_element_initializer (string (string_content) @use)) .)
"""
_PHP_IMPORTS = """
(namespace_use_declaration (namespace_name) @from
  body: (namespace_use_group (namespace_use_clause . [(name) (qualified_name)] @import alias: (_)? @alias)))
(namespace_use_declaration (namespace_use_clause . [(name) (qualified_name)] @import alias: (_)? @alias))
"""
for _node in ("require", "require_once", "include", "include_once"):  # `require_once __DIR__ . "/pool.php"`
    for _form in ("{}", "(parenthesized_expression {})", "(binary_expression right: {})"):
        _path = _form.format("[(string (string_content) @import) (encapsed_string . (string_content) @import .)]")
        _PHP_IMPORTS += f"({_node}_expression {_path})\n"

_KOTLIN = """
(call_expression . (_) @call)
(delegation_specifier [(user_type) @inherit (constructor_invocation (user_type) @inherit)
                       (explicit_delegation . (user_type) @inherit)])
(annotation [(user_type) @call (constructor_invocation (user_type) @call)])
"""
_KOTLIN_IMPORTS = "(import_header (identifier) @import (import_alias (_) @alias)?)"

_BASH = "(command name: (command_name (word) @call))"
_BASH_IMPORTS = """
(command name: (command_name (word) @_source) . argument: (word) @import (#any-of? @_source "source" "."))
"""
for _body in (
    *("body_statement", "block_body", "program", "then", "else", "if_modifier", "unless_modifier", "begin", "ensure"),
    *(
        "do",
        "conditional",
        "parenthesized_statements",
        "rescue_modifier",
        'binary operator: ["&&" "||" "and" "or"] right:',
    ),
):
    _RUBY += f"""
({_body} (call !receiver method: (_) @_mixed arguments: (argument_list [(constant) (scope_resolution)] @inherit))
  (#any-of? @_mixed "include" "extend" "prepend"))
"""  # not where it is passed, as RSpec's `to include(Box)` is

IMPORTS = {
    "python": _PYTHON_IMPORTS,
    "javascript": _JAVASCRIPT_IMPORTS,
    "typescript": _JAVASCRIPT_IMPORTS + _TYPESCRIPT_IMPORTS,
    "tsx": _JAVASCRIPT_IMPORTS + _TYPESCRIPT_IMPORTS,
    "go": _GO_IMPORTS,
    "rust": _RUST_IMPORTS,
    "java": _JAVA_IMPORTS,
    "c": _C_IMPORTS,
    "cpp": _C_IMPORTS + _CPP_IMPORTS,
    "csharp": _CSHARP_IMPORTS,
    "ruby": _RUBY_IMPORTS,
    "php": _PHP_IMPORTS,
    "kotlin": _KOTLIN_IMPORTS,
    "bash": _BASH_IMPORTS,
}
USES = {
    "python": _PYTHON,
    "javascript": _JAVASCRIPT + _JS_ONLY + _JSX,
    "typescript": _JAVASCRIPT + _TYPESCRIPT,
    "tsx": _JAVASCRIPT + _TYPESCRIPT + _JSX,
    "go": _GO,
    "rust": _RUST,
    "java": _JAVA,
    "c": _C,
    "cpp": _C + _CPP,
    "csharp": _CSHARP,
    "ruby": _RUBY,
    "php": _PHP,
    "kotlin": _KOTLIN,
    "bash": _BASH,
}
