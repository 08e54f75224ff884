"""What a definition is in Lua, Perl, R, Julia, Elixir, PowerShell and GDScript.

`definition_queries` explains the captures.
"""

_LUA = """
(function_declaration name: (_) @name) @function
(assignment_statement (variable_list . name: (_) @name)
  (expression_list . value: (function_definition parameters: (_) body: (_)? @body))) @function
(field name: (identifier) @name value: (function_definition)) @method
(chunk (variable_declaration (assignment_statement (variable_list . name: (identifier) @name)
  (expression_list . value: [(number) (string) (true) (false) (table_constructor) (unary_expression)
    (binary_expression)]))) @constant)
(variable_declaration (assignment_statement)) @wrapper
(comment) @comment
"""

_PERL = """
(subroutine_declaration_statement name: (_) @name body: (_)) @function
(package_statement name: (_) @name (block) @body) @module
(package_statement name: (_) @name ";") @module @onward
(expression_statement (assignment_expression left: (variable_declaration variable: (scalar (varname) @name))
  right: (anonymous_subroutine_expression body: (_) @body))) @function
(use_statement module: (package) @_module (list_expression . (autoquoted_bareword) @name)
  (#eq? @_module "constant")) @constant
[(comment) (pod)] @comment
"""

_R = """
(binary_operator lhs: [(identifier) (string)] @name operator: ["<-" "=" "<<-"]
  rhs: (function_definition body: (_) @body)) @function
(binary_operator lhs: (identifier) @name operator: ["<-" "=" "<<-"] rhs: (call function: (_) @_make)
  (#any-of? @_make "setClass" "setRefClass" "R6Class" "R6::R6Class" "S7::new_class" "new_class")) @class
(program (call function: (identifier) @_set arguments: (arguments . (argument value: (string (string_content) @name)))
  (#any-of? @_set "setClass" "setRefClass")) @class)
(program (call function: (identifier) @_set arguments: (arguments . (argument value: (string (string_content) @name))
  . (comma) . (argument value: (string (string_content) @scope))
  . (comma) . (argument value: (function_definition body: (_) @body)))
  (#any-of? @_set "setMethod" "setReplaceMethod")) @function)
(program (call function: (identifier) @_set arguments: (arguments . (argument value: (string (string_content) @name)))
  (#eq? @_set "setGeneric")) @declaration)
(call function: (identifier) @_list arguments: (arguments
  (argument name: (identifier) @name value: (function_definition body: (_) @body)) @method) (#eq? @_list "list"))
(program (binary_operator lhs: (identifier) @name operator: ["<-" "=" "<<-"]) @constant)
(comment) @comment
"""

_CALL = "(call_expression . (_) @name)"
_HEAD = f"""[{_CALL} (typed_expression {_CALL}) (where_expression {_CALL})
  (where_expression (typed_expression {_CALL}))]"""
_TYPE = """(type_head [(identifier) @name (parametrized_type_expression . (identifier) @name)
  (binary_expression . (identifier) @name)
  (binary_expression . (parametrized_type_expression . (identifier) @name))])"""
_JULIA = f"""
(function_definition (signature {_HEAD}) . (_)? @body) @function
(macro_definition (signature {_HEAD})) @function
(assignment . {_HEAD}) @function
(struct_definition {_TYPE}) @class
[(abstract_definition {_TYPE}) (primitive_definition {_TYPE})] @type
(module_definition name: (_) @name) @module
(const_statement (assignment . (identifier) @name)) @constant
(source_file (string_literal) @comment)
(module_definition (block (string_literal) @comment))
[(line_comment) (block_comment)] @comment
"""

_ELIXIR_NAME = """[(identifier) @name (call target: (identifier) @name) (binary_operator left: (identifier) @name)
  (binary_operator left: (call target: (identifier) @name))]"""
_ELIXIR = f"""
(call target: (identifier) @_def (arguments . (alias) @name) (#any-of? @_def "defmodule")) @module
(call target: (identifier) @_def (arguments . (alias) @name) (#any-of? @_def "defprotocol")) @interface
(call target: (identifier) @_def (arguments . (alias) @name) (#any-of? @_def "defimpl")) @impl
(call target: (identifier) @_def (arguments . {_ELIXIR_NAME})
  (#any-of? @_def "def" "defp" "defmacro" "defmacrop" "defguard" "defguardp" "defdelegate")) @function
(unary_operator "@" operand: (call target: (identifier) @name (arguments [(integer) (float) (atom) (list) (map) (tuple)
  (string) (sigil) (charlist) (boolean)])
  (#not-match? @name "^(moduledoc|doc|typedoc|spec|impl|behaviour|moduletag|describetag|tag|derive|deprecated)$")
) @constant)
(unary_operator "@" operand: (call target: (identifier) @_type (arguments (binary_operator left: [
  (identifier) @name (call target: (identifier) @name)])) (#match? @_type "^(type|typep|opaque)$")) @type)
(unary_operator "@" operand: (call target: (identifier) @_a (#any-of? @_a "spec" "impl" "deprecated"))) @attribute
(unary_operator "@" operand: (call target: (identifier) @_a (arguments [(string) (sigil)])
  (#any-of? @_a "doc" "typedoc"))) @comment
(unary_operator "@" operand: (call target: (identifier) @_a (arguments [(string) (sigil)] @docstring)
  (#eq? @_a "moduledoc")))
(comment) @comment
"""

_POWERSHELL = """
(function_statement (function_name) @name (script_block) @body) @function
(class_statement . (simple_name) @name) @class
(class_method_definition (simple_name) @name (script_block) @body) @method
(enum_statement . (simple_name) @name) @enum
(comment) @comment
"""

_GDSCRIPT = """
(function_definition name: (_) @name) @function
(class_definition name: (_) @name) @class
(class_name_statement name: (_) @name) @class @onward
(enum_definition name: (_) @name) @enum
(signal_statement name: (_) @name) @declaration
(const_statement name: (_) @name) @constant
(source (variable_statement name: (_) @name) @constant)
(comment) @comment
"""

SCRIPTING = {
    "lua": _LUA,
    "luau": _LUA,
    "perl": _PERL,
    "r": _R,
    "julia": _JULIA,
    "elixir": _ELIXIR,
    "powershell": _POWERSHELL,
    "gdscript": _GDSCRIPT,
}
