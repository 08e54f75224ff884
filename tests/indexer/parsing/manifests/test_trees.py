"""Entries of formats with a grammar: keys with the tables around them, values on one line, lines."""

from indexer.parsing.manifests import trees
from indexer.parsing.manifests.entry import Entry


def test_toml() -> None:
    text = '[tool.x]\na = "1"\nlist = [\n  "b",\n]\n\n[[bin]]\nname = "c"\n'
    found = trees.toml(text)
    assert [(item.key, item.line, item.end_line, item.is_table) for item in found] == [
        ("tool.x", 1, 5, True),
        ("tool.x.a", 2, 2, False),
        ("tool.x.list", 3, 5, False),
        ("bin", 7, 8, True),
        ("bin.name", 8, 8, False),
    ]
    assert found[1].value == "1"
    assert found[2].value == '[ "b", ]'


def test_json_with_a_list_of_objects() -> None:
    assert trees.json('{"a": [{"b": 1}],\n "c": "d"}') == [
        Entry("a", '[{"b": 1}]', 1, 1, True),
        Entry("a.b", "1", 1, 1),
        Entry("c", "d", 2, 2),
    ]


def test_yaml() -> None:
    found = trees.yaml(
        "jobs:\n  test:\n    runs-on: linux\n    steps:\n      - run: |\n          make\n          make test\n"
    )
    assert [(item.key, item.line, item.end_line) for item in found] == [
        ("jobs", 1, 7),
        ("jobs.test", 2, 7),
        ("jobs.test.runs-on", 3, 3),
        ("jobs.test.steps", 4, 7),
        ("jobs.test.steps.run", 5, 7),
    ]
    assert found[-1].value == "| make make test"


def test_xml_has_texts_and_attributes() -> None:
    found = trees.xml('<project>\n<a>1</a>\n<ref Include="B" Version="2" />\n</project>')
    assert [(item.key, item.value, item.line) for item in found] == [
        ("project", "", 1),
        ("project.a", "1", 2),
        ("project.ref", 'Include="B" Version="2"', 3),
    ]


def test_a_deep_text_is_read_to_a_depth() -> None:
    assert trees.json('{"a": ' + "[" * 5000 + '{"b": 1}' + "]" * 5000 + "}")[0].key == "a"


def test_a_broken_text_raises_nothing() -> None:
    assert trees.json('{"a": ') == []
    assert [item.key for item in trees.toml("= = =\n[a\n")] in ([], ["a"])


def test_a_comment_behind_a_value_is_no_value() -> None:
    assert trees.toml('geo = "0.31" # waits for another\n')[0].value == "0.31"


def test_a_comment_inside_a_value_is_left_out() -> None:
    text = 'a = [\n # "b", don\'t\n "c", # see http://x, and "z"\n "d#e",\n]\n'
    assert (trees.toml(text)[0].value, trees.toml(text)[0].end_line) == ('[ "c", "d#e", ]', 5)
    assert trees.json('{"a": ["b", // "c"\n "http://d"]}')[0].value == '["b", "http://d"]'
    assert trees.yaml("a:\n  - b # c\n  - http://d/#e\n")[0].value == "- b - http://d/#e"
