"""The calls of llama-server's clients: shapes as llama.vscode and Zed read them."""

from pathlib import Path
from typing import Any

import pytest

from models.scripted import ScriptedEngine
from models.types import Fim
from tests.backend.api.openai.harness import QUESTION, TEXTS, stream_data, with_tools
from tests.backend.harness import running
from tests.tiny_gguf import LLAMA3, PHI3, tiny_dir

pytestmark = pytest.mark.process

FIM = Fim("<PRE>", "<SUF>", "<MID>", "<REPO>", "<FILE>")


def filling(*texts: str) -> ScriptedEngine:
    engine = ScriptedEngine(texts or TEXTS)
    engine.fim = FIM
    return engine


async def test_props_of_a_loaded_model_say_what_it_can_do(tmp_path: Path) -> None:
    async with with_tools(tmp_path, filling()) as world:
        props = (await world.get("/props", model="scripted")).json()
        with_sources = (await world.get("/props", model="scripted+repo")).json()
        world.http.headers.pop("Authorization")
        assert (await world.get("/props")).status_code == 401
        assert (await world.get("/health")).json()["status"] == "ok"
    assert props["default_generation_settings"]["n_ctx"] == 8192
    assert props["modalities"] == {"vision": False, "audio": False}
    assert (props["chat_template_caps"]["supports_tools"], props["supports_infill"]) == (True, True)
    assert not with_sources["chat_template_caps"]["supports_tools"]


async def test_props_load_nothing(tmp_path: Path) -> None:
    async with running(tmp_path, models_dir=tiny_dir(), model_name="phi3-mini", context_length=512) as world:
        world.services.engines.preload = lambda *_: None  # type: ignore[method-assign]
        props = (await world.get("/props", model="llama3.1-8b")).json()
        missing = await world.get("/props", model="nope")
        listed = {entry["id"]: entry for entry in (await world.get("/v1/models")).json()["data"]}
    assert (props["default_generation_settings"]["n_ctx"], "chat_template_caps" in props) == (512, False)
    assert missing.status_code == 404
    assert listed["llama3.1-8b"]["status"] == {"value": "unloaded"}
    assert listed["llama3.1-8b"]["meta"]["n_ctx"] == 512


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("/tokenize", {"content": "x"}),
        ("/detokenize", {"tokens": [1]}),
        ("/apply-template", {"messages": QUESTION}),
        ("/infill", {"input_prefix": "x", "input_suffix": ""}),
    ],
)
async def test_a_model_that_is_not_installed_has_no_stand_in(tmp_path: Path, path: str, body: dict[str, Any]) -> None:
    """Its error says how to get the model, not what the stand-in cannot do."""
    async with running(tmp_path, models_dir=tmp_path / "none", model_name="phi3-mini") as world:
        answer = await world.post(path, body)
    assert (answer.status_code, answer.json()["error"]["code"]) == (503, "model_unavailable")
    assert "`lantern models pull phi3-mini`" in answer.json()["error"]["message"]


@pytest.mark.parametrize("tiny", [PHI3, LLAMA3], ids=lambda tiny: tiny.model)
async def test_tokens_of_a_real_vocabulary_and_back(tmp_path: Path, tiny: Any) -> None:
    text = "def f(naïve): return '你好'"
    async with running(
        tmp_path, models_dir=tiny_dir(), model_name=tiny.model, n_threads=1, context_length=512
    ) as world:
        plain = (await world.post("/tokenize", {"content": text})).json()["tokens"]
        special = (await world.post("/tokenize", {"content": text, "add_special": True})).json()["tokens"]
        pieces = (await world.post("/tokenize", {"content": text, "with_pieces": True})).json()["tokens"]
        back = (await world.post("/detokenize", {"tokens": plain})).json()["content"]
        unknown = await world.post("/detokenize", {"tokens": [1 << 30]})
        props = (await world.get("/props")).json()
    assert special[-len(plain) :] == plain
    assert len(special) - len(plain) in (0, 1)
    assert [piece["id"] for piece in pieces] == plain
    spelt = b"".join(bytes(p["piece"]) if isinstance(p["piece"], list) else p["piece"].encode() for p in pieces)
    assert back.lstrip() == spelt.decode().lstrip() == text
    assert props["default_generation_settings"] == {"n_ctx": 512}
    assert not props["chat_template_caps"]["supports_tools"]  # its template has none
    assert (unknown.status_code, unknown.json()["error"]["code"]) == (422, "bad_params")


async def test_a_model_without_a_vocabulary_says_so(tmp_path: Path) -> None:
    async with running(tmp_path) as world:
        for path, body in (("/tokenize", {"content": "x"}), ("/detokenize", {"tokens": [1]})):
            answer = await world.post(path, body | {"model": "extractive"})
            assert answer.status_code == 422
            assert "extractive has no vocabulary here" in answer.json()["error"]["message"]


async def test_a_template_is_applied(tmp_path: Path) -> None:
    async with running(tmp_path, filling()) as world:
        answer = await world.post("/apply-template", {"messages": QUESTION})
    assert answer.json() == {"prompt": "<|user|>\nDoes it?<|end|>\n<|assistant|>\n"}


async def test_code_is_filled_in_after_pieces_of_other_files(tmp_path: Path) -> None:
    engine = filling()
    body = {
        "input_prefix": "def f(",
        "input_suffix": "):\n",
        "prompt": "a, ",
        "input_extra": [{"filename": "b.py", "text": "x = '<MID>'"}],
        "n_predict": 9,
        "top_k": 40,
        "top_p": 0.99,
        "samplers": ["top_k", "top_p", "infill"],
        "cache_prompt": True,
        "t_max_prompt_ms": 500,
        "t_max_predict_ms": 60_000,
    }
    async with running(tmp_path, engine) as world:
        answer = (await world.post("/infill", body)).json()
    assert (answer["content"], answer["stop"], answer["stop_type"]) == ("It works.", True, "eos")
    assert (answer["tokens_predicted"], answer["timings"]["predicted_n"], answer["truncated"]) == (2, 2, False)
    assert [(segment.text, segment.parse_special) for segment in engine.prompts[0].segments] == [
        ("<REPO>project\n", True),
        ("<FILE>", True),
        ("b.py\nx = '<MID>'", False),
        ("\n", True),
        ("<FILE>", True),
        ("file\n", False),
        ("<PRE>", True),
        ("def f(", False),
        ("<SUF>", True),
        ("):\n", False),
        ("<MID>", True),
        ("a, ", False),
    ]
    assert (engine.samplings[0].max_tokens, engine.samplings[0].top_p, engine.samplings[0].temperature) == (9, 0.99, 0)


async def test_a_prompt_that_is_only_read_takes_no_time_to_generate(tmp_path: Path) -> None:
    """As llama.vscode warms the cache up: `n_predict` is 0."""
    async with running(tmp_path, filling()) as world:
        answer = (await world.post("/infill", {"input_prefix": "a", "input_suffix": "", "n_predict": 0})).json()
    assert (answer["content"], answer["tokens_predicted"], answer["timings"]["predicted_ms"]) == ("", 0, 0.0)
    assert answer["timings"]["prompt_ms"] > 0


async def test_filling_in_is_streamed_too(tmp_path: Path) -> None:
    async with running(tmp_path, filling()) as world:
        answer = await world.post("/infill", {"input_prefix": "a", "input_suffix": "", "stream": True})
    *pieces, last = stream_data(answer.text)
    assert [(piece["content"], piece["stop"]) for piece in pieces] == [(text, False) for text in TEXTS]
    assert (last["content"], last["stop"], last["tokens_predicted"]) == ("", True, 2)


async def test_a_late_answer_ends_with_its_line(tmp_path: Path) -> None:
    async with running(tmp_path, filling("a\n", "b", "c")) as world:
        body = {"input_prefix": "", "input_suffix": "", "t_max_predict_ms": 1e-6}
        answer = (await world.post("/infill", body)).json()
    assert (answer["content"], answer["stop_type"]) == ("a\n", "limit")


async def test_what_does_not_fit_is_left_out_oldest_first(tmp_path: Path) -> None:
    engine = ScriptedEngine(TEXTS, context_length=1000)
    engine.fim = FIM
    extra = [{"filename": f"{n}.py", "text": "x" * 1000} for n in range(5)]
    async with running(tmp_path, engine) as world:
        await world.post("/infill", {"input_prefix": "a", "input_suffix": "", "input_extra": extra})
    assert [n for n in range(5) if f"{n}.py" in engine.prompts[0].text] == [3, 4]


@pytest.mark.parametrize(
    ("body", "message"),
    [
        ({"input_prefix": "a", "input_suffix": ""}, "scripted cannot fill in the middle"),
        ({"input_suffix": ""}, "input_prefix: Field required"),
        ({"input_prefix": "", "input_suffix": "", "input_extra": [{"filename": "a"}]}, "input_extra.0.text"),
    ],
)
async def test_what_cannot_be_filled_in_is_refused(tmp_path: Path, body: dict[str, Any], message: str) -> None:
    async with running(tmp_path, ScriptedEngine(TEXTS)) as world:
        answer = await world.post("/infill", body)
    assert (answer.status_code, answer.json()["error"]["code"]) == (422, "bad_params")
    assert message in answer.json()["error"]["message"]
