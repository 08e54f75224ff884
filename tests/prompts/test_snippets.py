"""Code in a prompt."""

from prompts.snippets import code_block


def test_a_fence_is_longer_than_those_inside() -> None:
    assert code_block("x = 1", "python") == "```python\nx = 1\n```"
    assert code_block("a ``b`` `c`", "") == "```\na ``b`` `c`\n```"
    assert code_block("````\n```", "markdown") == "`````markdown\n````\n```\n`````"
