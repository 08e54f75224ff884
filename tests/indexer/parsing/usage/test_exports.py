"""The names under which modules export what has another name in them."""

import pytest

from indexer.parsing.usage.exports import Export, exports_of


@pytest.mark.parametrize(
    ("code", "expected"),
    [
        ("export { a as b, c };", [Export("a", "b"), Export("c", "c")]),
        ('export { a as b } from "./x";', [Export("a", "b", "./x")]),
        ('export { default } from "./x";', [Export("default", "default", "./x")]),
        ('export * from "./x";', [Export("*", "*", "./x")]),
        ('export * as a from "./x";', []),
        ("export default a;", [Export("a", "default")]),
        ("export default function a() {}", [Export("a", "default")]),
        ("export default class A {}", [Export("A", "default")]),
        ("export default () => 1;", []),
        ("export const a = b;", [Export("b", "a")]),
        ("export const a = b();\nexport function c() {}", []),
        ("module.exports = a;", [Export("a", "default")]),
        ("module.exports = { a: b, c };", [Export("b", "a"), Export("c", "c")]),
        ("exports.a = b;\nmodule.exports.c = d;", [Export("b", "a"), Export("d", "c")]),
        ("other.a = b; // exports", []),
    ],
)
@pytest.mark.parametrize("language", ["javascript", "typescript", "tsx"])
def test_exports(language: str, code: str, expected: list[Export]) -> None:
    assert list(exports_of(code, language, 2.0)) == expected


def test_of_a_component_and_of_other_languages() -> None:
    assert exports_of("<script>\nexport { a as b };\n</script>\n", "svelte", 2.0) == (Export("a", "b"),)
    assert exports_of("export = a;", "typescript", 2.0) == (Export("a", "default"),)
    assert exports_of("export a=1", "bash", 2.0) == exports_of("export", "text", 2.0) == ()
