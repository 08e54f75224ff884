"""Templates of strangers: the honest ones become the format they are, the hostile ones end in words."""

import pytest

from prompts.errors import TemplateRejected
from prompts.formats import FORMATS, content, render
from prompts.template import derive

pytestmark = pytest.mark.process

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


# What is particular to the templates of models that think, shortened.
TURNS = "{% for m in messages %}{{ '<|im_start|>' + m.role + '\\n' + m.content + '<|im_end|>\\n' }}{% endfor %}"
OPEN = "{% if add_generation_prompt %}{{ '<|im_start|>assistant\\n' }}"
QWEN3 = (
    TURNS + OPEN + "{% if enable_thinking is defined and enable_thinking is false %}"
    "{{ '<think>\\n\\n</think>\\n\\n' }}{% endif %}{% endif %}"
)
QWEN35 = QWEN3.replace("{% endif %}{% endif %}", "{% else %}{{ '<think>\\n' }}{% endif %}{% endif %}")
ALWAYS = TURNS + OPEN + "{{ '<think>\\n' }}{% endif %}"  # QwQ, distilled R1, MiniMax: no question about it
SMOLLM3 = (
    "{% if enable_thinking is not defined %}{% set enable_thinking = true %}{% endif %}"
    "{% set mode = '/think' if enable_thinking else '/no_think' %}"
    "{% set empty = '' if enable_thinking else '<think>\\n\\n</think>\\n' %}"
    "{{ '<|im_start|>system\\nReasoning Mode: ' + mode + '\\n\\n' }}"
    "{% if messages[0].role == 'system' %}{{ messages[0].content.replace('/think', '').rstrip() }}{% endif %}"
    "{{ '<|im_end|>\\n' }}"
    "{% for m in messages if m.role != 'system' %}{{ '<|im_start|>' + m.role + '\\n' }}"
    "{% if m.role == 'assistant' %}{{ empty }}{% endif %}{{ m.content + '<|im_end|>\\n' }}{% endfor %}"
    "{% if add_generation_prompt %}{{ '<|im_start|>assistant\\n' + empty }}{% endif %}"
)
LFM25 = (
    "{%- for m in messages -%}{{- '<|im_start|>' + m.role + '\\n' -}}"
    "{%- if m.role == 'assistant' -%}{%- generation -%}"
    "{%- set content = m.content -%}"
    "{%- if '</think>' in content -%}{%- set content = content.split('</think>')[-1] | trim -%}{%- endif -%}"
    "{{- content + '<|im_end|>\\n' -}}{%- endgeneration -%}"
    "{%- else -%}{{- m.content + '<|im_end|>\\n' -}}{%- endif -%}{%- endfor -%}" + OPEN + "{% endif %}"
)
GEMMA = (
    "{{ bos_token }}{% if messages[0].role == 'system' %}{% set first = messages[0].content + '\\n\\n' %}"
    "{% set rest = messages[1:] %}{% else %}{% set first = '' %}{% set rest = messages %}{% endif %}"
    "{% for m in rest %}{{ '<start_of_turn>' + ('model' if m.role == 'assistant' else m.role) + '\\n' }}"
    "{{ (first if loop.first else '') + m.content | trim + '<end_of_turn>\\n' }}{% endfor %}"
    "{% if add_generation_prompt %}{{ '<start_of_turn>model\\n' }}{% endif %}"
)
GEMMA4 = (
    "{{ bos_token }}{% if enable_thinking is defined and enable_thinking %}{{ '<|think|>' }}{% endif %}"
    "{% for m in messages %}{{ '<|turn>' + ('model' if m.role == 'assistant' else m.role) + '\\n' }}"
    "{{ m.content | trim + '<turn|>\\n' }}{% endfor %}"
    "{% if add_generation_prompt %}{{ '<|turn>model\\n' }}"
    "{% if not enable_thinking | default(false) %}{{ '<|channel>thought\\n<channel|>' }}{% endif %}{% endif %}"
)
GRANITE4 = (
    "{% for m in messages %}{{ '<|start_of_role|>' + m.role + '<|end_of_role|>' + m.content + '<|end_of_text|>\\n' }}"
    "{% endfor %}{% if add_generation_prompt %}{{ '<|start_of_role|>assistant<|end_of_role|>' }}{% endif %}"
)
GLM = (
    "{% for m in messages %}{{ '<|' + m.role + '|>' }}"
    "{% if m.role == 'assistant' %}{{ '\\n<think></think>\\n' }}{% endif %}{{ m.content }}{% endfor %}"
    "{% if add_generation_prompt %}{{ '<|assistant|>' }}{% endif %}"
)
GPT_OSS = (
    "{% for m in messages %}{{ '<|start|>' + m.role }}"
    "{% if m.role == 'assistant' %}{{ '<|channel|>final' }}{% endif %}{{ '<|message|>' + m.content + '<|end|>' }}"
    "{% endfor %}{% if add_generation_prompt %}{{ '<|start|>assistant' }}{% endif %}"
)
CHATML_OPEN = "<|im_start|>assistant\n"


@pytest.mark.parametrize(
    ("template", "open_for_answer", "end"),
    [
        (QWEN3, CHATML_OPEN + "<think>\n\n</think>\n\n", "<|im_end|>"),
        (QWEN35, CHATML_OPEN + "<think>\n\n</think>\n\n", "<|im_end|>"),
        (ALWAYS, CHATML_OPEN + "<think>\n\n</think>\n\n", "<|im_end|>"),
        (SMOLLM3, CHATML_OPEN + "<think>\n\n</think>\n", "<|im_end|>"),
        (LFM25, CHATML_OPEN, "<|im_end|>"),
        (GEMMA, "<start_of_turn>model\n", "<end_of_turn>"),
        (GEMMA4, "<|turn>model\n<|channel>thought\n<channel|>", "<turn|>"),
        (GRANITE4, "<|start_of_role|>assistant<|end_of_role|>", "<|end_of_text|>"),
        (GLM, "<|assistant|>\n<think></think>\n", "<|user|>"),
        (GPT_OSS, "<|start|>assistant<|channel|>final<|message|>", "<|end|>"),
    ],
    ids=["Qwen3", "Qwen3.5", "always", "SmolLM3", "LFM2.5", "Gemma 3", "Gemma 4", "Granite 4", "GLM", "gpt-oss"],
)
def test_a_model_that_thinks_is_asked_for_its_answer(template: str, open_for_answer: str, end: str) -> None:
    chat = derive(template, "<s>", "</s>")
    assert chat.after_user.endswith(open_for_answer)
    assert chat.stop == ("</s>", end)
    assert chat.answer_lead.strip() == ""
    past = "".join(segment.text for segment in render(chat, "S", [("Q1", "A1")], "Q2"))
    assert past.count(open_for_answer) == 2  # what was read before an answer stays before it
    assert "/think" not in past.replace("</think>", "")
    bare = "".join(segment.text for segment in render(chat, "", [], "Q"))
    assert bare.endswith("Q" + chat.after_user)
    assert chat.opening_without_system is not None


@pytest.mark.parametrize(
    ("template", "problem"),
    [
        ("{% for a in range(99999) %}{% for b in range(99999) %}{% endfor %}{% endfor %}", "killed by its limits"),
        ("{{ 'x' * 1000000000000 }}", "Memory|cannot be used"),
        ("{% for i in range(99999) %}{{ 'xxxxxxxxxxxxxxxx' }}{% endfor %}", "writes more than"),
        ("{{ ''.__class__.__mro__[1].__subclasses__() }}", "unsafe|undefined|drops"),
        ("{{ cycler.__init__.__globals__.os.system('true') }}", "unsafe|undefined"),
        ("{% if %}", "Expected"),
        ("{{ 1 / 0 }}", "division"),
        ("nothing of the conversation", "drops or repeats"),
        ("{% for m in messages %}{{ loop.length }}{{ m.content }}{% endfor %}!", "changes earlier text"),
        ("x" * 70_000, "longer than"),
    ],
)
def test_a_hostile_or_broken_template_ends_in_words(template: str, problem: str) -> None:
    with pytest.raises(TemplateRejected, match=problem):
        derive(template, "<s>", "</s>")
