"""Templates of strangers: the honest ones become the format they are, the hostile ones end in words."""

import time

import pytest

from prompts.errors import TemplateRejected
from prompts.formats import FORMATS, content, render
from prompts.template import derive

CHATML = (
    "{% for m in messages %}{{ '<|im_start|>' + m['role'] + '\\n' + m['content'] + '<|im_end|>' + '\\n' }}{% endfor %}"
    "{% if add_generation_prompt %}{{ '<|im_start|>assistant\\n' }}{% endif %}"
)
LLAMA2 = (
    "{% if messages[0].role == 'system' %}{% set sys = messages[0].content %}{% set rest = messages[1:] %}"
    "{% else %}{% set sys = '' %}{% set rest = messages %}{% endif %}"
    "{% for m in rest %}{% if m.role == 'user' %}{{ bos_token + '[INST] ' }}"
    "{% if loop.first and sys %}{{ '<<SYS>>\\n' + sys + '\\n<</SYS>>\\n\\n' }}{% endif %}{{ m.content + ' [/INST]' }}"
    "{% else %}{{ ' ' + m.content + ' ' + eos_token }}{% endif %}{% endfor %}"
)
NO_SYSTEM = (
    "{% for m in messages %}{% if m.role == 'system' %}{{ raise_exception('no system role') }}{% endif %}"
    "{{ '<start>' + ('model' if m.role == 'assistant' else 'user') + '\\n' }}{{ m.content | trim + '<end>\\n' }}"
    "{% endfor %}"
    "{% if add_generation_prompt %}{{ '<start>model\\n' }}{% endif %}"
)


def rendered(template: str, bos: str = "<s>", eos: str = "</s>") -> str:
    chat = derive(template, bos, eos)
    return "".join(segment.text for segment in render(chat, "S", [("Q1", "A1")], "Q2"))


def test_chatml_is_found_in_its_template() -> None:
    assert rendered(CHATML) == (
        "<|im_start|>system\nS<|im_end|>\n<|im_start|>user\nQ1<|im_end|>\n<|im_start|>assistant\nA1<|im_end|>\n"
        "<|im_start|>user\nQ2<|im_end|>\n<|im_start|>assistant\n"
    )
    assert derive(CHATML, "<s>", "</s>").stop == ("</s>", "<|im_end|>")


def test_the_llama_2_template_gives_the_built_in_format_after_its_bos() -> None:
    built_in = "".join(segment.text for segment in render(FORMATS["codellama"], "S", [("Q1", "A1")], "Q2"))
    assert rendered(LLAMA2) == "<s>" + built_in


def test_markup_of_a_template_is_broken_in_content() -> None:
    chat = derive(LLAMA2, "<s>", "</s>")
    assert {"[INST]", "[/INST]", "<<SYS>>"} <= set(chat.markers)
    assert [segment.text for segment in content(chat, "a [INST] b")] == ["a [I", "NST] b"]


def test_without_a_system_role_its_text_heads_the_first_user_message() -> None:
    assert rendered(NO_SYSTEM) == (
        "<start>user\nS\n\nQ1<end>\n<start>model\nA1<end>\n<start>user\nQ2<end>\n<start>model\n"
    )


DEFAULT_SYSTEM = CHATML.replace(
    "{% for m",
    "{% if messages[0].role != 'system' %}{{ '<|im_start|>system\\nBe kind.<|im_end|>\\n' }}{% endif %}{% for m",
    1,
)
NEEDS_SYSTEM = "{% if messages[0].role != 'system' %}{{ raise_exception('no') }}{% endif %}" + CHATML


@pytest.mark.parametrize(
    ("template", "written"),
    [
        (CHATML, "<|im_start|>user\nQ<|im_end|>\n<|im_start|>assistant\n"),
        (LLAMA2, "<s>[INST] Q [/INST]"),
        (NO_SYSTEM, "<start>user\nQ<end>\n<start>model\n"),
        (
            DEFAULT_SYSTEM,
            "<|im_start|>system\nBe kind.<|im_end|>\n<|im_start|>user\nQ<|im_end|>\n<|im_start|>assistant\n",
        ),
        (
            NEEDS_SYSTEM,
            "<|im_start|>system\n<|im_end|>\n<|im_start|>user\nQ<|im_end|>\n<|im_start|>assistant\n",
        ),
    ],
    ids=["chatml", "llama-2", "no system role", "a system prompt of its own", "insists on one"],
)
def test_without_a_system_prompt_it_is_the_templates_own_beginning(template: str, written: str) -> None:
    chat = derive(template, "<s>", "</s>")
    assert "".join(segment.text for segment in render(chat, "", [], "Q")) == written


@pytest.mark.parametrize(
    ("template", "told"),
    [
        ("{% for a in range(99999) %}{% for b in range(99999) %}{% endfor %}{% endfor %}", "limits"),
        ("{{ 'x' * 1000000000000 }}", "Memory|cannot be used"),
        ("{% for i in range(99999) %}{{ 'xxxxxxxxxxxxxxxx' }}{% endfor %}", "writes more than"),
        ("{{ ''.__class__.__mro__[1].__subclasses__() }}", "unsafe|undefined|drops"),
        ("{{ cycler.__init__.__globals__.os.system('true') }}", "unsafe|undefined"),
        ("{% if %}", "Expected"),
        ("{{ 1 / 0 }}", "division"),
        ("nothing of the conversation", "drops or repeats"),
        ("{% for m in messages %}{{ loop.length }}{{ m.content }}{% endfor %}!", "changes what it said"),
        ("x" * 70_000, "longer than"),
    ],
)
def test_a_hostile_or_broken_template_ends_in_words(template: str, told: str) -> None:
    began = time.monotonic()
    with pytest.raises(TemplateRejected, match=told):
        derive(template, "<s>", "</s>")
    assert time.monotonic() - began < 12
