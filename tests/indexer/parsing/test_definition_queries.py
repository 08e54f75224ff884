"""Constants of classes, interfaces and modules are symbols with their value, in every language that has them."""

import pytest

from indexer.parsing.definitions import parse

CONSTANTS = {
    "python": (
        "class A:\n    MAX = 3\n    name = 2\n    LIMIT: int = 4\n    Q: int\n    def f(self):\n        X = 3\n",
        [("A.MAX", 2, "MAX = 3"), ("A.LIMIT", 4, "LIMIT: int = 4")],
    ),
    "javascript": (
        "class A {\n  static MAX = 3;\n  other = 4;\n  static go = () => 1;\n}\n",
        [("A.MAX", 2, "static MAX = 3")],
    ),
    "typescript": (
        "class A {\n  private static LIMIT: number = 3;\n  readonly size = 4;\n  readonly z: number;\n}\n",
        [("A.LIMIT", 2, "private static LIMIT: number = 3"), ("A.size", 3, "readonly size = 4")],
    ),
    "go": (
        "package p\nconst (\n\tMax = 1\n)\nvar (\n\tName = 2\n)\n",
        [("Max", 3, "Max = 1"), ("Name", 6, "Name = 2")],
    ),
    "rust": (
        "impl A {\n  pub const MAX: usize = 3;\n}\ntrait T { const LIMIT: u8 = 4; }\n",
        [("A.MAX", 2, "pub const MAX: usize = 3"), ("T.LIMIT", 4, "const LIMIT: u8 = 4")],
    ),
    "java": (
        'class A {\n  public static final int MAX = 3;\n  final static String Q = "a";\n  final int z = 3;\n}\n'
        "interface I { int LIMIT = 4; }\n",
        [
            ("A.MAX", 2, "public static final int MAX = 3"),
            ("A.Q", 3, 'final static String Q = "a"'),
            ("I.LIMIT", 6, "int LIMIT = 4"),
        ],
    ),
    "cpp": (
        "class A {\n  static constexpr int kMax = 3;\n  int z = 3;\n};\n",
        [("A.kMax", 2, "static constexpr int kMax = 3")],
    ),
    "csharp": (
        "class A {\n  public const int Max = 3;\n  static readonly int Limit = 4;\n  int z = 3;\n}\n",
        [("A.Max", 2, "public const int Max = 3"), ("A.Limit", 3, "static readonly int Limit = 4")],
    ),
    "ruby": ("class A\n  MAX = 3\n  def f\n    x = 3\n  end\nend\n", [("A.MAX", 2, "MAX = 3")]),
    "php": (
        "<?php\nclass A {\n  public const MAX = 3;\n  private $z = 3;\n}\nenum L: int { case B = 1; const X = 3; }\n",
        [("A.MAX", 3, "public const MAX = 3"), ("L.X", 6, "const X = 3")],
    ),
    "kotlin": (
        "class A {\n  companion object {\n    const val MAX = 3\n  }\n  val z = 3\n}\nobject B {\n  val C = 4\n}\n",
        [("A.MAX", 3, "const val MAX = 3"), ("B.C", 8, "val C = 4")],
    ),
}


@pytest.mark.parametrize("language", CONSTANTS)
def test_constants_of_a_class_are_symbols_with_their_value(language: str) -> None:
    text, expected = CONSTANTS[language]
    symbols = [definition.symbol for definition in parse(text, language)]
    assert [(s.qualified, s.start_line, s.signature) for s in symbols if s.kind == "constant"] == expected
