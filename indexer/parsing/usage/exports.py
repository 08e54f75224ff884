"""The names under which a JavaScript or TypeScript module exports what has another name in it. Pure syntax."""

from dataclasses import dataclass

from indexer.parsing.syntax import Node
from indexer.parsing.usage.parsed import parsed

# @name: the name in the module, or in the module @from. @as: the exported name; without one, it is the default.
_QUERY = """
(export_statement (export_clause (export_specifier name: (_) @name alias: (_) @as)) source: (_)? @from)
(export_statement (export_clause (export_specifier name: _ @name @as !alias)) source: (_)? @from)
(export_statement "*" @name source: (_) @from)
(export_statement "default" value: (identifier) @name)
(export_statement "default" declaration: (_ name: (_) @name))
(export_statement declaration: (_ (variable_declarator name: (identifier) @as value: (identifier) @name)))
(assignment_expression left: (member_expression) @_exports right: (identifier) @name
  (#eq? @_exports "module.exports"))
(assignment_expression left: (member_expression) @_exports
  right: (object [(pair key: (property_identifier) @as value: (identifier) @name)
                  (shorthand_property_identifier) @name @as])
  (#eq? @_exports "module.exports"))
(assignment_expression left: (member_expression object: (_) @_exports property: (_) @as) right: (identifier) @name
  (#any-of? @_exports "exports" "module.exports"))
"""
_ASSIGNED = '(export_statement "=" (identifier) @name)'
_QUERIES = {"javascript": _QUERY, "typescript": _QUERY + _ASSIGNED, "tsx": _QUERY + _ASSIGNED}


@dataclass(frozen=True, slots=True)
class Export:
    """One name that a module exports."""

    name: str  # in the module; "*" is all that another module exports
    exported: str  # "default" for its default
    module: str = ""  # where the name comes from, if that is another module


def exports_of(text: str, language: str, seconds: float) -> tuple[Export, ...]:
    """What a module exports by a clause or an assignment: a declaration with `export` keeps its name.

    Empty for other languages, and when parsing takes longer than `seconds`.
    """
    found: list[Export] = []
    for code in filter(None, parsed(text, language, _QUERIES, seconds)):
        for _, captures in code.matches(_QUERIES[code.grammar]):
            texts = {capture: _text(nodes[0], code.source) for capture, nodes in captures.items()}
            exported = texts.get("as", "*" if texts["name"] == "*" else "default")
            found.append(Export(texts["name"], exported, texts.get("from", "").strip("\"'`")))
    return tuple(dict.fromkeys(found))


def _text(node: Node, source: bytes) -> str:
    return source[node.start_byte : node.end_byte].decode("utf-8", "replace")
