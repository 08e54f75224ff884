"""What a definition is in Haskell and OCaml. `definition_queries` explains the captures."""

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

FUNCTIONAL = {"haskell": _HASKELL, "ocaml": _OCAML, "ocaml_interface": _OCAML_INTERFACE}
