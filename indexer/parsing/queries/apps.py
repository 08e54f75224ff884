"""What a definition is in Scala, Swift, Dart, Zig, Solidity, Objective-C and Nim.

`definition_queries` explains the captures.
"""

_SCALA = """
(function_definition name: (_) @name) @function
(function_declaration name: (_) @name) @declaration
[(class_definition name: (_) @name) (object_definition name: (_) @name) (package_object name: (_) @name)] @class
(trait_definition name: (_) @name) @interface
(enum_definition name: (_) @name) @enum
(type_definition name: (_) @name) @type
(given_definition name: (_) @name) @constant
(compilation_unit (val_definition pattern: (identifier) @name) @constant)
(object_definition body: (template_body (val_definition pattern: (identifier) @name) @constant))
[(comment) (block_comment)] @comment
"""

_SWIFT = """
(function_declaration name: (simple_identifier) @name body: (_) @body) @function
[(init_declaration "init" @name) (deinit_declaration "deinit" @name)
 (subscript_declaration "subscript" @name (computed_property) @body)] @method
(property_declaration name: (pattern bound_identifier: (_) @name) computed_value: (_) @body) @method
(protocol_function_declaration name: (simple_identifier) @name) @declaration
(class_declaration declaration_kind: "extension" name: (_) @name body: (_)) @impl
(class_declaration name: (_) @name body: (enum_class_body)) @enum
(class_declaration name: (_) @name body: (_)) @class
(protocol_declaration name: (_) @name body: (_)) @interface
(typealias_declaration name: (type_identifier) @name) @type
(source_file (property_declaration name: (pattern bound_identifier: (_) @name)) @constant)
(property_declaration (modifiers (property_modifier)) name: (pattern bound_identifier: (_) @name)) @constant
[(comment) (multiline_comment)] @comment
"""

_DART = """
((method_signature [
    (function_signature name: (_) @name) (getter_signature name: (_) @name) (setter_signature name: (_) @name)
    (operator_signature "operator" @name) (constructor_signature name: (_) @name . (formal_parameter_list))
    (factory_constructor_signature (identifier) @name . (formal_parameter_list))]) @method
  . (function_body) @body)
(program [(function_signature name: (_) @name) (getter_signature name: (_) @name) (setter_signature name: (_) @name)
  ] @function . (function_body) @body)
(local_function_declaration (lambda_expression
  parameters: (function_signature name: (_) @name) body: (_) @body)) @function
(declaration (constructor_signature name: (_) @name . (formal_parameter_list))) @method
(declaration [(function_signature name: (_) @name) (getter_signature name: (_) @name)]) @declaration
(class_definition name: (_) @name) @class
(mixin_declaration (mixin) . (identifier) @name (class_body) @body) @class
(enum_declaration name: (_) @name) @enum
(extension_declaration name: (_) @name) @impl
(type_alias . (type_identifier) @name) @type
(program (static_final_declaration_list (static_final_declaration . (identifier) @name) @constant))
(declaration (static_final_declaration_list (static_final_declaration . (identifier) @name))) @constant
[(comment) (documentation_comment)] @comment
"""

_ZIG = """
(Decl (FnProto function: (_) @name) (Block) @body) @function
(Decl (FnProto function: (_) @name)) @declaration
(Decl (VarDecl variable_type_function: (_) @name
  (ErrorUnionExpr (SuffixExpr (ContainerDecl (ContainerDeclType "struct")) @body)))) @class
(Decl (VarDecl variable_type_function: (_) @name
  (ErrorUnionExpr (SuffixExpr (ContainerDecl (ContainerDeclType "union")) @body)))) @class
(Decl (VarDecl variable_type_function: (_) @name
  (ErrorUnionExpr (SuffixExpr [(ContainerDecl) (ErrorSetDecl)] @body)))) @enum
(Decl (VarDecl variable_type_function: (_) @name)) @constant
(TestDecl (STRINGLITERALSINGLE) @name (Block) @body) @function
[(doc_comment) (line_comment)] @comment
"""

_SOLIDITY = """
(function_definition name: (_) @name body: (_)) @function
(modifier_definition name: (_) @name) @function
(constructor_definition "constructor" @name) @method
(function_definition name: (_) @name) @declaration
[(contract_declaration name: (_) @name) (library_declaration name: (_) @name) (struct_declaration name: (_) @name)
] @class
(interface_declaration name: (_) @name) @interface
(enum_declaration name: (_) @name) @enum
[(event_definition name: (_) @name) (error_declaration name: (_) @name)
 (user_defined_type_definition name: (_) @name)] @type
[(state_variable_declaration name: (_) @name) (constant_variable_declaration name: (_) @name)] @constant
(comment) @comment
"""

_OBJC = """
(class_implementation . (identifier) @name) @class
(class_interface . (identifier) @name) @impl
(protocol_declaration . (identifier) @name) @interface
(method_definition . (method_type) . (identifier) @name (compound_statement) @body) @method
(method_declaration . (method_type) . (identifier) @name) @declaration
(function_definition declarator: (function_declarator declarator: (identifier) @name)) @function
(function_definition declarator: (pointer_declarator (function_declarator declarator: (identifier) @name))) @function
(type_definition type: (struct_specifier body: (_) @body) declarator: (type_identifier) @name) @class
(type_definition declarator: (type_identifier) @name) @type
(preproc_def name: (_) @name value: (_)) @constant
(comment) @comment
"""

_NIM = """
[(proc_declaration name: [(identifier) @name (exported_symbol (_) @name)])
 (func_declaration name: [(identifier) @name (exported_symbol (_) @name)])
 (method_declaration name: [(identifier) @name (exported_symbol (_) @name)])
 (template_declaration name: [(identifier) @name (exported_symbol (_) @name)])
 (macro_declaration name: [(identifier) @name (exported_symbol (_) @name)])
 (iterator_declaration name: [(identifier) @name (exported_symbol (_) @name)])] @function
(type_declaration (type_symbol_declaration name: [(identifier) @name (exported_symbol (_) @name)])
  (object_declaration)) @class
(type_declaration (type_symbol_declaration name: [(identifier) @name (exported_symbol (_) @name)])
  (enum_declaration)) @enum
(type_declaration (type_symbol_declaration name: [(identifier) @name (exported_symbol (_) @name)])) @type
(const_section (variable_declaration (symbol_declaration_list) @name) @constant)
[(comment) (documentation_comment)] @comment
"""

APPS = {
    "scala": _SCALA,
    "swift": _SWIFT,
    "dart": _DART,
    "zig": _ZIG,
    "solidity": _SOLIDITY,
    "objc": _OBJC,
    "nim": _NIM,
}
