"""Plain completions, filling in and embeddings of the OpenAI API."""

from pathlib import Path

import openai
import pytest

from models.scripted import ScriptedEngine
from models.types import Fim
from tests.backend.api.openai.harness import TEXTS, talking

pytestmark = pytest.mark.process


async def test_plain_completions_take_a_rendered_prompt_or_several(tmp_path: Path) -> None:
    engine = ScriptedEngine(TEXTS)
    async with talking(tmp_path, engine) as (client, _):
        one = await client.completions.create(model="scripted", prompt="<|user|>\nHi<|end|>\n<|assistant|>\n")
        two = await client.completions.create(model="scripted", prompt=["a", "b"], max_tokens=1)
        stream = await client.completions.create(
            model="scripted", prompt=["a", "b"], stream=True, stream_options={"include_usage": True}
        )
        chunks = [chunk async for chunk in stream]
    assert (one.object, one.choices[0].text, one.choices[0].finish_reason) == ("text_completion", "It works.", "stop")
    assert engine.prompts[0].segments[0].parse_special  # the client's own markup works
    assert engine.prompts[0].messages == ()
    assert [(choice.index, choice.text, choice.finish_reason) for choice in two.choices] == [
        (0, "It ", "length"),
        (1, "It ", "length"),
    ]
    assert (two.usage and two.usage.completion_tokens) == 2
    assert [(c.choices[0].index, c.choices[0].text) for c in chunks[:-1]] == [
        (n, text) for n in (0, 1) for text in (*TEXTS, "")
    ]
    assert (chunks[-1].usage and chunks[-1].usage.completion_tokens) == 4


async def test_a_suffix_is_filled_in_by_a_model_that_can(tmp_path: Path) -> None:
    engine = ScriptedEngine(TEXTS)
    async with talking(tmp_path, engine) as (client, _):
        with pytest.raises(openai.BadRequestError, match="scripted cannot fill in the middle") as refused:
            await client.completions.create(model="scripted", prompt="def f(", suffix=" pass")
        engine.fim = Fim("<PRE>", "<SUF>", "<MID>")
        answer = await client.completions.create(model="scripted", prompt="def f(", suffix=" <MID>")
    assert refused.value.param == "suffix"
    assert answer.choices[0].text == "It works."
    assert [(segment.text, segment.parse_special) for segment in engine.prompts[0].segments] == [
        ("<PRE>", True),
        ("def f(", False),
        ("<SUF>", True),
        (" <MID>", False),
        ("<MID>", True),
    ]


async def test_embeddings_are_those_of_the_searches_as_numbers_or_bytes(tmp_path: Path) -> None:
    texts = ["expire sessions", "weather"]
    async with talking(tmp_path, ScriptedEngine(TEXTS)) as (client, world):
        as_bytes = await client.embeddings.create(model="any", input=texts)  # the client's default is base64
        as_floats = await client.embeddings.create(model="any", input=texts[0], encoding_format="float")
        wanted = world.services.indexes.embedders.static.embed_documents(texts)
        with pytest.raises(openai.BadRequestError, match="have 64 dimensions"):
            await client.embeddings.create(model="any", input="x", dimensions=8)
        with pytest.raises(openai.BadRequestError, match="token arrays are not supported: send text"):
            await client.embeddings.create(model="any", input=[[1, 2]])
    assert [row.index for row in as_bytes.data] == [0, 1]
    assert [row.embedding for row in as_bytes.data] == [pytest.approx(row.tolist()) for row in wanted]
    assert as_floats.data[0].embedding == pytest.approx(wanted[0].tolist())
    assert (as_bytes.model, as_bytes.usage.prompt_tokens) == ("hash-64", 6)
