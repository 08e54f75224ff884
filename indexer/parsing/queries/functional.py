"""What a definition is in Haskell, OCaml, F#, Erlang, Elm, Gleam and Clojure.

`definition_queries` explains the captures.
"""

_HASKELL = """
(class_declarations (signature name: (_) @name) @declaration)
(signature name: [(variable) @name (prefix_id (_) @name)]
  type: [(function) (context type: (function)) (forall)]) @function
(signature name: (_) @name) @constant
(function name: (_) @name) @function
(function (infix operator: (_) @name)) @function
(declarations (bind name: (_) @name) @constant)
(class name: (_) @name declarations: (_)? @body) @interface
(instance name: (_) @name declarations: (_)? @body) @impl
[(data_type name: (_) @name) (newtype name: (_) @name) (type_synomym name: (_) @name) (type_family name: (_) @name)
] @type
[(comment) (haddock)] @comment
"""

_OCAML = """
(let_binding pattern: [(value_name) (parenthesized_operator)] @name (parameter) body: (_) @body) @function
(let_binding pattern: (value_name) @name body: [(function_expression) (fun_expression)] @body) @function
(compilation_unit (value_definition (let_binding pattern: (value_name) @name) @constant))
(structure (value_definition (let_binding pattern: (value_name) @name) @constant))
(type_binding name: (_) @name body: (variant_declaration)) @enum
(type_binding name: (_) @name body: (record_declaration)) @class
(type_binding name: (_) @name) @type
(module_binding (module_name) @name) @module
(module_type_definition (module_type_name) @name) @interface
(class_binding (class_name) @name) @class
(method_definition (method_name) @name body: (_) @body) @method
(exception_definition (constructor_declaration (constructor_name) @name)) @type
[(external (value_name) @name) (value_specification (value_name) @name)] @declaration
[(value_definition . (let_binding) .) (type_definition . (type_binding) .) (module_definition) (class_definition)
] @wrapper
(comment) @comment
"""

_OCAML_INTERFACE = """
(value_specification (value_name) @name) @declaration
(external (value_name) @name) @declaration
(type_binding name: (_) @name body: (variant_declaration)) @enum
(type_binding name: (_) @name body: (record_declaration)) @class
(type_binding name: (_) @name) @type
(module_binding (module_name) @name) @module
(module_type_definition (module_type_name) @name) @interface
(exception_definition (constructor_declaration (constructor_name) @name)) @type
[(type_definition . (type_binding) .) (module_definition)] @wrapper
(comment) @comment
"""

_FSHARP = """
(function_or_value_defn (function_declaration_left . (identifier) @name) body: (_) @body) @function
(declaration_expression (function_or_value_defn (value_declaration_left (identifier_pattern) @name)) @constant)
(member_defn (method_or_prop_defn name: (property_or_ident method: (_) @name)) @method)
(union_type_defn (type_name type_name: (_) @name) block: (_) @body) @enum
[(record_type_defn (type_name type_name: (_) @name) block: (_) @body)
 (anon_type_defn (type_name type_name: (_) @name) block: (_) @body)] @class
(type_abbrev_defn (type_name type_name: (_) @name)) @type
(module_defn (identifier) @name) @module
[(declaration_expression) (type_definition)] @wrapper
[(line_comment) (block_comment)] @comment
"""

_ERLANG = """
(fun_decl clause: (function_clause name: (_) @name body: (_) @body)) @function
(pp_define lhs: (macro_lhs name: (_) @name)) @constant
(record_decl name: (_) @name) @class
[(type_alias name: (type_name name: (_) @name)) (opaque name: (type_name name: (_) @name))] @type
(module_attribute name: (_) @name) @module
(spec) @attribute
(comment) @comment
"""

_ELM = """
(type_annotation name: (_) @name typeExpression: (type_expression (arrow))) @function
(type_annotation name: (_) @name) @constant
(value_declaration functionDeclarationLeft: (function_declaration_left . (_) @name . (_)) body: (_) @body) @function
(file (value_declaration functionDeclarationLeft: (function_declaration_left . (_) @name) body: (_) @body) @constant)
(type_declaration name: (_) @name) @enum
(type_alias_declaration name: (_) @name) @type
[(line_comment) (block_comment)] @comment
"""

_GLEAM = """
(function name: (_) @name body: (_)? @body) @function
(constant name: (_) @name) @constant
(type_definition (type_name name: (_) @name) (data_constructors) @body) @enum
(type_alias (type_name name: (_) @name)) @type
[(comment) (statement_comment)] @comment
"""

_CLOJURE = """
(list_lit . value: (sym_lit name: (_) @_def) . value: (sym_lit name: (_) @name)
  (#any-of? @_def "defn" "defn-" "defmacro" "defmulti" "defmethod" "deftest")) @function
(list_lit . value: (sym_lit name: (_) @_def) . value: (sym_lit name: (_) @name)
  (#any-of? @_def "def" "defonce")) @constant
(list_lit . value: (sym_lit name: (_) @_def) . value: (sym_lit name: (_) @name)
  (#any-of? @_def "defrecord" "deftype" "defstruct")) @class
(list_lit . value: (sym_lit name: (_) @_def) . value: (sym_lit name: (_) @name) (#eq? @_def "defprotocol")) @interface
(list_lit . value: (sym_lit name: (_) @_def) . value: (sym_lit) . value: (str_lit) @docstring
  (#any-of? @_def "defn" "defn-" "defmacro" "defprotocol"))
(comment) @comment
"""

FUNCTIONAL = {
    "haskell": _HASKELL,
    "ocaml": _OCAML,
    "ocaml_interface": _OCAML_INTERFACE,
    "fsharp": _FSHARP,
    "erlang": _ERLANG,
    "elm": _ELM,
    "gleam": _GLEAM,
    "clojure": _CLOJURE,
}
