"""Which language a file is in: by name, by suffix, by its first line."""

import pytest

from indexer.files.languages import LANGUAGES, language_of


@pytest.mark.parametrize(
    ("path", "head", "language"),
    [
        ("a/b.py", "", "python"),
        ("a/b.PY", "", "python"),
        ("x.tsx", "", "tsx"),
        ("Makefile", "", "make"),
        ("bin/run", "#!/usr/bin/env python3\n", "python"),
        ("bin/run", "#!/usr/bin/env -S node --no-warnings\n", "javascript"),
        ("bin/run", "#!/bin/sh\n", "bash"),
        ("bin/run", "#!/usr/local/bin/python3.11\n", "python"),
        ("bin/run", "plain words\n", "text"),
        ("v.h", "struct a { int b; };\n", "c"),
        ("v.h", "namespace a {\nclass B;\n}\n", "cpp"),
        ("v.h", "template <class T>\nT id(T t);\n", "cpp"),
        ("v.h", "class V_API View : public Base\n{\n", "cpp"),
        ("v.h", "struct Wall : Base {};\n", "cpp"),
        ("v.h", "enum class Color { Red };\n", "cpp"),
        ("v.h", "void show(const std::string& text);\n", "cpp"),
        ("v.h", '#ifdef __cplusplus\nextern "C" {\n#endif\nstruct a { int b : 3; };\n', "c"),
        ("notes.unknown", "", "code"),
        ("v.h", "#import <A/A.h>\n@interface B : C\n", "objc"),
        ("v.m", "@implementation B\n", "objc"),
        ("v.m", "function y = f(x)\n", "code"),
        ("firmware/blink.ino", "", "cpp"),
        ("contracts/Vault.sol", "", "solidity"),
        ("Dockerfile.test", "", "docker"),
        ("README.de", "", "text"),
        ("bin/deploy", 'set_stage() {\n  echo "$1" | tee log;\n}\n', "code"),
        ("NEWS", "Sentences, which (rarely) have marks; and end.\n", "text"),
    ],
)
def test_language_of(path: str, head: str, language: str) -> None:
    assert language_of(path, head).name == language


def test_no_suffix_and_no_name_belongs_to_two_languages() -> None:
    for keys in ([s for row in LANGUAGES for s in row.suffixes], [n for row in LANGUAGES for n in row.names]):
        assert sorted(keys) == sorted(set(keys))
