"""Sections, commands, first paragraphs and licences of guides."""

import pytest

from indexer.project.documents import first_paragraph, licence_name, plain, sections

GUIDE = """# Shop

<!-- a
comment that is long -->
[![badge](https://shields.io/x)](x)

A [small](https://x) shop
for **things**.

## Tests

```sh
$ scripts/test
if you like
npm test -- -x
```

Usage
-----

    make run
"""


def test_sections_have_their_headings_and_commands() -> None:
    found = sections(GUIDE)
    assert [(section.heading, section.line) for section in found] == [("Shop", 1), ("Tests", 10), ("Usage", 19)]
    assert found[1].commands() == [(13, "scripts/test"), (15, "npm test -- -x")]
    assert found[2].commands() == [(21, "make run")]


def test_only_the_fences_of_a_shell_hold_commands() -> None:
    rows = "# Use\n\n```python\nmake = 1\ngo home\n```\n\n```console\n$ make x\n```\n\n```\nmake y\n```\n"
    assert sections(rows)[0].commands() == [(9, "make x"), (13, "make y")]


def test_the_first_paragraph_is_prose() -> None:
    assert first_paragraph(GUIDE) == (7, 8, "A [small](https://x) shop for **things**.")
    assert first_paragraph("# Only a title\n") is None
    assert plain("A [small](https://x) shop for **things** ![x](y).") == "A small shop for things ."


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("Apache License\n   Version 2.0, January 2004", "Apache License 2.0"),
        ("Permission is hereby granted, free of\ncharge, to any", "MIT"),
        ("Redistribution and use in source and binary forms ... Neither the name", "BSD 3-Clause"),
        ("Redistribution and use in source and binary forms", "BSD 2-Clause"),
        ("GNU LESSER GENERAL PUBLIC LICENSE", "GNU Lesser General Public License"),
        ("All rights reserved.", ""),
    ],
)
def test_a_licence_is_known_by_its_words(text: str, name: str) -> None:
    assert licence_name(text) == name


def test_a_heading_of_many_blanks_is_cut() -> None:
    (section,) = sections("# a" + " " * 200_000 + "b\n")
    assert section.heading == "a"
