"""Plain completions, filling in and embeddings of the OpenAI API."""

from pathlib import Path

import openai
import pytest

from backend.api.openai.schemas import MOST_TOKENS
from models.scripted import ScriptedEngine
from models.types import Fim
from tests.backend.api.openai.harness import QUESTION, TEXTS, talking
from tests.backend.harness import running

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


@pytest.mark.parametrize("field", ["max_tokens", "max_completion_tokens"])
@pytest.mark.parametrize(("limit", "expected"), [(-1, MOST_TOKENS), (1 << 40, MOST_TOKENS), (7, 7)])
async def test_minus_one_is_no_limit_of_tokens(tmp_path: Path, field: str, limit: int, expected: int) -> None:
    engine = ScriptedEngine(TEXTS)
    async with running(tmp_path, engine) as world:
        for model in ("scripted", "scripted+repo"):
            body = {"model": model, "messages": QUESTION, field: limit}
            answer = await world.post("/v1/chat/completions", body)
            assert answer.json()["choices"][0]["message"]["content"] == "It works."
    assert [sampling.max_tokens for sampling in engine.samplings] == [expected] * 2


@pytest.mark.parametrize(("body", "field"), [({"max_tokens": 0}, "max_tokens"), ({"max_tokens": -2}, "max_tokens")])
async def test_other_numbers_below_one_are_no_limits(tmp_path: Path, body: dict[str, int], field: str) -> None:
    async with running(tmp_path, ScriptedEngine(TEXTS)) as world:
        answer = await world.post("/v1/completions", {"prompt": "x"} | body)
    assert (answer.status_code, answer.json()["error"]["param"]) == (400, field)


@pytest.mark.parametrize(("top_k", "expected"), [(-1, 0), (0, 0), (40, 40), (None, None)])
async def test_a_top_k_of_minus_one_is_off(tmp_path: Path, top_k: int | None, expected: int | None) -> None:
    engine = ScriptedEngine(TEXTS)
    async with running(tmp_path, engine) as world:
        assert (await world.post("/v1/completions", {"prompt": "x", "top_k": top_k})).status_code == 200
    assert [sampling.top_k for sampling in engine.samplings] == [expected]


@pytest.mark.parametrize(("count", "status"), [(17, 200), (64, 200), (65, 400)])
async def test_up_to_64_stop_texts_are_taken(tmp_path: Path, count: int, status: int) -> None:
    engine, stops = ScriptedEngine(TEXTS), [f"stop{n}" for n in range(count)]
    async with running(tmp_path, engine) as world:
        assert (await world.post("/v1/completions", {"prompt": "x", "stop": stops})).status_code == status
    assert [sampling.stop for sampling in engine.samplings] == ([tuple(stops)] if status == 200 else [])


async def test_an_end_mark_in_ordinary_text_does_not_end_an_answer(tmp_path: Path) -> None:
    """A mark ends an answer as a token only; what an engine sends as text is text, whatever the interface."""
    texts = ("Qwen ends with ", "<|im_", "end|>", " and ", "<|end|>", ".")
    async with running(tmp_path, ScriptedEngine(texts)) as world:
        for model in ("scripted", "scripted+repo"):
            answer = await world.post("/v1/chat/completions", {"model": model, "messages": QUESTION})
            assert answer.json()["choices"][0]["message"]["content"] == "".join(texts)
        asked = await world.post("/chat/query", {"query": "How does it end?", "retrieval": "off"})
    assert asked.json()["response"] == "".join(texts)
