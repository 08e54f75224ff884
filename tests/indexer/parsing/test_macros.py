"""Macros between the keyword and the name of a C++ type: the type is found as if they were not there."""

import pytest

from indexer.parsing.definitions import parse
from indexer.parsing.macros import without_macros
from indexer.parsing.references import references

ENGINE = """\
UCLASS(Blueprintable)
class GAME_API ADoor final : public AActor, public IOpen
{
\tGENERATED_BODY()
public:
\tADoor();
\tUPROPERTY(EditAnywhere)
\tfloat Width = 100.f;
\tvirtual void Open(float By) override;
};

enum class CORE_API EState : int { Open, Shut };
struct EXPORT_DECL(core) ALIGNED Handle {
  int id;
};
"""


def test_a_class_with_an_export_macro_is_the_class_with_its_members() -> None:
    found = [definition.symbol for definition in parse(ENGINE, "cpp")]
    assert [(s.qualified, s.kind, s.start_line, s.end_line) for s in found if s.name != "GENERATED_BODY"] == [
        ("ADoor", "class", 2, 10),
        ("ADoor.ADoor", "declaration", 6, 6),
        ("ADoor.Open", "declaration", 9, 9),
        ("EState", "enum", 12, 12),
        ("Handle", "class", 13, 15),
    ]
    assert found[0].signature == "class GAME_API ADoor final : public AActor, public IOpen"


def test_its_bases_are_inherited() -> None:
    found = [(ref.name, ref.enclosing, ref.line) for ref in references(ENGINE, "cpp") if ref.kind == "inherit"]
    assert found == [("AActor", "ADoor", 2), ("IOpen", "ADoor", 2)]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("class A_API B {", "class       B {"),
        ("class A_API ns::B<int> : C {", "class       ns::B<int> : C {"),
        ("struct A_API B{\n", "struct       B{\n"),
        ("union A_API B {", "union       B {"),
        ("struct POINT p{1, 2};", None),  # a variable
        ("struct POINT p = {1, 2};", None),
        ("class POINT {", None),
        ("class Point : A {", None),
        ("class A_API B;", None),
        ("struct POINT middle(void) {", None),
        ("case A_API B :", None),
    ],
)
def test_only_macros_are_blanked(text: str, expected: str | None) -> None:
    assert without_macros(text.encode()).decode() == (text if expected is None else expected)
