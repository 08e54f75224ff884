import re

import pytest

from indexer.parsing import embedded as module
from indexer.parsing.embedded import embedded, unread
from tests.regex_steps import Steps, instrument, python_steps

VUE = """<script setup lang="ts" generic="T extends Item<Key>">
import { price } from './price'
</script>
<!-- <script>old()</script> -->
<template>
  <p :class="tone(item)" @click='buy(item)' title="as it is">{{ price(item) }} don't</p>
</template>
<style lang="scss" scoped>
.total { color: red; }
</style>
"""

SVELTE = """<script>
  export let items = [];
</script>
{#each items as item}
  <b class="a {tone(item)}">{@html render({ a: "}" })}</b>
{:else if empty(items)}
{/each}
{#snippet row(item)}x{/snippet}
"""

ASTRO = """---
const rows = load();
---
<ul>{rows.map((row) => <li>{label(row)}</li>)}</ul>
<script type="application/ld+json">{"a": 1}</script>
<script>start();</script>
"""

HTML = """<html><script src="a.js"></script><style>p { margin: 0 }</style>
<script type="text/template"><p>x</p></script>
<SCRIPT type="module">run();</SCRIPT>
<script>rest(
"""

ERB = """<p><%= today %></p>
<%# note %><% rows.each do |row| -%>
  <%== row.name %> <%% literal %>
<% end %>
"""


@pytest.mark.parametrize(
    ("language", "text", "expected"),
    [
        (
            "vue",
            VUE,
            {
                "typescript": "import { price } from './price' ; tone(item); buy(item); price(item) ;",
                "scss": ".total { color: red; } ;",
            },
        ),
        (
            "svelte",
            SVELTE,
            {
                "typescript": "export let items = []; ; items as item; tone(item); "
                'render({ a: "}" }); empty(items); ; ; ;',
            },
        ),
        ("astro", ASTRO, {"tsx": "const rows = load(); ; rows.map((row) => <li>{label(row)}</li>); start();;"}),
        ("html", HTML, {"javascript": "; run();; rest(", "css": "p { margin: 0 };"}),
        ("erb", ERB, {"ruby": "today ; rows.each do |row| ; row.name ; end ;"}),
        ("ejs", "<% if (a) { %><%- show(a) %><% } %>", {"javascript": "if (a) { ; show(a) ; } ;"}),
        ("python", "print('<script>a()</script>')", {}),
    ],
)
def test_the_code_of_each_language_is_found(language: str, text: str, expected: dict[str, str]) -> None:
    parts = {part.language: part.text for part in embedded(text, language)}
    assert {name: " ".join(part.split()) for name, part in parts.items()} == expected


def test_lines_and_columns_are_those_of_the_file() -> None:
    (script, _) = embedded(VUE, "vue")
    assert len(script.text) == len(VUE)
    assert [re.sub(r"[^\n]", "", part.text) for part in embedded(VUE, "vue")] == ["\n" * VUE.count("\n")] * 2
    assert script.text.index("tone(item)") == VUE.index("tone(item)")


def test_a_script_in_jsx_makes_the_component_one() -> None:
    (part,) = embedded("<script lang='ts'>a()</script><script lang=tsx>b()</script>{{ c }}", "vue")
    assert (part.language, part.text.split()) == ("tsx", ["a();", "b();", "c", ";"])


@pytest.mark.parametrize("language", ["vue", "svelte", "astro", "html", "erb"])
def test_hostile_text_takes_steps_linear_in_its_length(monkeypatch: pytest.MonkeyPatch, language: str) -> None:
    counter = Steps()
    instrument(monkeypatch, [module], counter)
    for piece in (
        "<script ",
        "<script a='",
        "<script>",
        "<!--",
        "{{",
        "{",
        '{"',
        "{'\\'",
        ' :a="',
        "<%",
        "---\n",
        "<style b",
    ):
        totals = []
        for length in (100, 200):
            counter.by_pattern.clear()
            with python_steps(counter):
                embedded(piece * length, language)
            totals.append(counter.total)
        assert totals[1] <= 2.3 * totals[0] + 1000, piece


@pytest.mark.parametrize(
    ("language", "text", "expected"),
    [
        ("html", "<p id='a' onclick=\"fee(1)\">fee</p><script>fee(2)</script>", ' onclick="fee(1)"'),
        ("html", "<!-- {{ fee(1) }} --><p>{% if fee %}</p>{# fee #}", "{% if fee %}"),
        ("blade", "<p>{{-- fee --}}</p>@if (fee(1))\n", "@if (fee(1))"),
        ("vue", "<p>{{ fee(1) }}</p>", ""),
    ],
)
def test_what_may_be_code_in_markup(language: str, text: str, expected: str) -> None:
    assert unread(text, language) == expected
