"""Models with hostile templates, and questions that are too long: the client gets an error and the server goes on."""

import os
from pathlib import Path

import pytest

from tests.backend.harness import running
from tests.minimal_models import write_minimal_llama
from tests.processes import workers
from tests.tiny_gguf import ALL, tiny_dir

pytestmark = pytest.mark.process

TEMPLATES = {  # an endless one: tests/prompts/test_template.py
    "greedy": "{{ 'x' * 10 ** 10 }}",
    "curious": "{{ messages.__class__.__mro__[1].__subclasses__() }}",
    "broken": "{% for m in messages %}",
    "forgetful": "{{ messages[0]['content'] }}",
    "deep": "{{ " + "(" * 3000 + "1" + ")" * 3000 + " }}",
}


async def test_a_hostile_template_is_refused_and_leaves_no_process(tmp_path: Path) -> None:
    models = tmp_path / "models"
    models.mkdir()
    for name, template in TEMPLATES.items():
        write_minimal_llama(models / f"{name}.gguf", template)
    write_minimal_llama(models / "plain.gguf", None)
    async with running(tmp_path, models_dir=models, model_name="extractive", n_threads=1) as world:
        for name in TEMPLATES:
            refused = await world.post("/chat/query", {"query": "?", "model": name, "retrieval": "off"})
            assert (refused.status_code, refused.json()["error"]["code"]) == (503, "model_unavailable"), name
            assert "template" in refused.json()["error"]["message"]
            assert workers(os.getpid()) == []
        answer = await world.post("/chat/query", {"query": "?", "model": "plain", "retrieval": "off", "max_tokens": 4})
        assert (answer.status_code, answer.json()["model_name"]) == (200, "plain")
    assert workers(os.getpid()) == []


@pytest.mark.parametrize("name", [tiny.model for tiny in ALL])
async def test_a_question_that_does_not_fit_is_refused_in_every_format(tmp_path: Path, name: str) -> None:
    async with running(tmp_path, models_dir=tiny_dir(), model_name=name, context_length=512, n_threads=1) as world:
        for text in ("word " * 600, "<|end|> [INST] " * 200, "é" * 600):
            refused = await world.post("/chat/query", {"query": text, "retrieval": "off"})
            assert (refused.status_code, refused.json()["error"]["code"]) == (413, "context_too_large")
        answer = await world.post("/chat/query", {"query": "Hi", "retrieval": "off", "max_tokens": 4})
    assert (answer.status_code, answer.json()["model_name"]) == (200, name)
