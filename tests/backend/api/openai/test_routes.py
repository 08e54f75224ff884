"""The OpenAI face as the official client sees it, and as it looks on the wire."""

import asyncio
import json
from collections.abc import AsyncGenerator, AsyncIterator, Callable
from contextlib import aclosing, asynccontextmanager
from pathlib import Path
from typing import Any

import httpx2
import openai
import pytest

from models.errors import ContextTooLarge
from models.remote.engine import RemoteEngine
from models.scripted import ScriptedEngine
from models.types import Delta, Fim, Message, Prompt, Sampling, Usage
from prompts.formats import FORMATS
from prompts.passthrough import chat_prompt, conversation
from tests.backend.harness import World, running
from tests.tiny_gguf import tiny_dir

TEXTS = ("It ", "works.")
ASKED: Any = [{"role": "user", "content": "Does it?"}]
PHI3 = "<|user|>\nDoes it?<|end|>\n<|assistant|>\n"
CODE = (
    'def expire_sessions(now):\n    """Sessions are expired an hour after their last use."""\n    return now - 3600\n'
)


@asynccontextmanager
async def client_of(world: World) -> AsyncIterator[openai.AsyncOpenAI]:
    transport = httpx2.AsyncClient(trust_env=False)
    async with openai.AsyncOpenAI(base_url=f"{world.url}/v1", api_key=world.token, http_client=transport) as client:
        yield client


@asynccontextmanager
async def talking(
    folder: Path, engine: ScriptedEngine | None = None, **given: Any
) -> AsyncIterator[tuple[openai.AsyncOpenAI, World]]:
    async with running(folder, engine, **given) as world, client_of(world) as client:
        yield client, world


class Bounded(ScriptedEngine):
    """Refuses what its context does not hold, as a real engine does."""

    async def stream(self, prompt: Prompt, sampling: Sampling) -> AsyncGenerator[Delta, None]:
        if (tokens := self.count_tokens(prompt.segments)) > self.context_length:
            raise ContextTooLarge(tokens, self.context_length)
        async with aclosing(super().stream(prompt, sampling)) as deltas:
            async for delta in deltas:
                yield delta


async def index(world: World, root: Path) -> None:
    root.mkdir()
    (root / "sessions.py").write_text(CODE)
    assert (await world.post("/index", {"path": str(root), "wait": True})).json()["state"] == "done"


def data(text: str) -> list[Any]:
    """What the events of a stream carry, `[DONE]` as it is."""
    lines = [line.removeprefix("data: ") for line in text.splitlines() if line.startswith("data: ")]
    return [line if line == "[DONE]" else json.loads(line) for line in lines]


async def test_an_answer_in_one_piece(tmp_path: Path) -> None:
    engine = ScriptedEngine(TEXTS)
    async with talking(tmp_path, engine) as (client, _):
        said = await client.chat.completions.create(model="scripted", messages=ASKED)
    assert (said.object, said.model, said.id.startswith("lantern-")) == ("chat.completion", "scripted", True)
    [choice] = said.choices
    assert (choice.message.role, choice.message.content, choice.finish_reason) == ("assistant", "It works.", "stop")
    assert said.usage is not None
    assert said.usage.prompt_tokens == engine.count_tokens(engine.prompts[0].segments)
    assert (said.usage.completion_tokens, said.usage.total_tokens) == (2, said.usage.prompt_tokens + 2)
    assert said.usage.prompt_tokens_details is not None
    assert said.usage.prompt_tokens_details.cached_tokens == 0
    assert engine.prompts[0].text == PHI3  # nothing added: no system prompt, no code
    assert engine.prompts[0].snippets == ()


async def test_a_stream_and_its_usage(tmp_path: Path) -> None:
    async with talking(tmp_path, ScriptedEngine(TEXTS)) as (client, _):
        stream = await client.chat.completions.create(
            model="scripted", messages=ASKED, stream=True, stream_options={"include_usage": True}
        )
        chunks = [chunk async for chunk in stream]
    assert [chunk.choices[0].delta.content for chunk in chunks[:-1]] == ["", "It ", "works.", None]
    assert [chunk.choices[0].finish_reason for chunk in chunks[:-1]] == [None, None, None, "stop"]
    assert chunks[0].choices[0].delta.role == "assistant"
    assert (chunks[-1].choices, chunks[-1].usage and chunks[-1].usage.completion_tokens) == ([], 2)
    assert len({chunk.id for chunk in chunks}) == 1


async def test_a_stream_on_the_wire(tmp_path: Path) -> None:
    engine = ScriptedEngine(TEXTS)
    async with running(tmp_path, engine) as world:
        answer = await world.post("/v1/chat/completions", {"messages": ASKED, "stream": True})
    read = engine.count_tokens(engine.prompts[0].segments)
    assert answer.headers["content-type"] == "text/event-stream; charset=utf-8"
    assert answer.text.endswith("data: [DONE]\n\n")
    assert f": prompt {read}/{read}\n\n" in answer.text  # keeps the connection while a long prompt is read
    assert all("usage" not in chunk for chunk in data(answer.text)[:-1])


async def test_a_place_in_the_queue_is_a_comment(tmp_path: Path) -> None:
    class Queued(ScriptedEngine):
        async def stream(self, prompt: Prompt, sampling: Sampling) -> AsyncGenerator[Delta, None]:
            yield Delta(waiting=2)
            yield Delta("Now.", "stop", Usage(1, 0, 1))

    async with running(tmp_path, Queued()) as world:
        answer = await world.post("/v1/completions", {"prompt": "x", "stream": True})
    assert answer.text.startswith(": 2 waiting\n\ndata: ")


async def test_lantern_is_a_server_that_lantern_can_use(tmp_path: Path) -> None:
    engine = ScriptedEngine(TEXTS)
    async with running(tmp_path, engine) as world:
        remote = await RemoteEngine.connect(world.url, "scripted", api_key=world.token)
        prompt = chat_prompt(FORMATS["llama3"], conversation([Message("user", "Does it?")]))
        deltas = [delta async for delta in remote.stream(prompt, Sampling(max_tokens=1))]
        await remote.close()
    tokens = engine.count_tokens(engine.prompts[0].segments)
    assert deltas == [Delta("It "), Delta(reason="length", usage=Usage(tokens, 0, 1))]
    assert engine.prompts[0].text == PHI3  # the server's own format, not ours


async def test_sampling_is_what_was_asked_above_what_the_model_has(tmp_path: Path) -> None:
    engine = ScriptedEngine(TEXTS)
    schema: Any = {"type": "object", "properties": {"ok": {"type": "boolean"}}}
    async with talking(tmp_path, engine, max_tokens=77) as (client, world):
        await client.chat.completions.create(
            model="scripted",
            messages=ASKED,
            max_tokens=9,
            max_completion_tokens=1,
            temperature=0.7,
            top_p=0.5,
            seed=7,
            stop="###",
            response_format={"type": "json_schema", "json_schema": {"name": "x", "schema": schema, "strict": True}},
            extra_body={"top_k": 40, "min_p": 0.1, "repeat_penalty": 1.1, "cache_prompt": True},
        )
        plain = {"messages": ASKED, "stop": ["a", "b"], "max_tokens": None, "response_format": {"type": "json_object"}}
        await world.post("/v1/chat/completions", plain)
    assert engine.samplings[0] == Sampling(1, 0.7, 0.5, 40, 0.1, 1.1, 7, ("###",), json.dumps(schema))
    assert engine.samplings[1] == Sampling(max_tokens=77, stop=("a", "b"), json_schema='{"type": "object"}')


async def test_a_limit_is_told_as_length(tmp_path: Path) -> None:
    async with talking(tmp_path, ScriptedEngine(TEXTS)) as (client, _):
        said = await client.chat.completions.create(model="scripted", messages=ASKED, max_tokens=1)
    assert (said.choices[0].message.content, said.choices[0].finish_reason) == ("It ", "length")


async def test_roles_parts_and_calls_of_tools_are_text_in_the_models_own_format(tmp_path: Path) -> None:
    engine = ScriptedEngine(TEXTS)
    call = {"id": "1", "type": "function", "function": {"name": "read", "arguments": '{"path": "a.py"}'}}
    messages = [
        {"role": "developer", "content": "Be brief."},
        {"role": "user", "content": [{"type": "text", "text": "Read"}, {"type": "text", "text": "a.py"}]},
        {"role": "assistant", "content": None, "tool_calls": [call]},
        {"role": "tool", "tool_call_id": "1", "content": "x = 1"},
        {"role": "user", "content": "And?", "name": "jo"},
    ]
    async with running(tmp_path, engine) as world:
        answer = await world.post("/v1/chat/completions", {"messages": messages, "tools": [{"type": "function"}]})
    assert answer.status_code == 200
    assert engine.prompts[0].text == (
        "<|system|>\nBe brief.<|end|>\n<|user|>\nRead\na.py<|end|>\n"
        '<|assistant|>\nread({"path": "a.py"})<|end|>\n<|user|>\nx = 1\n\nAnd?<|end|>\n<|assistant|>\n'
    )


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
        said = await client.completions.create(model="scripted", prompt="def f(", suffix=" <MID>")
    assert refused.value.param == "suffix"
    assert said.choices[0].text == "It works."
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


async def test_with_repo_the_answer_is_that_of_a_query_and_brings_its_sources(tmp_path: Path) -> None:
    engine = ScriptedEngine(TEXTS)
    async with talking(tmp_path / "data", engine) as (client, world):
        await index(world, tmp_path / "code")
        asked: Any = [
            {"role": "system", "content": "You have tools."},
            {"role": "user", "content": "When do they end?"},
        ]
        said = await client.chat.completions.create(model="scripted+repo", messages=asked, max_tokens=50)
        query = (await world.post("/chat/query", {"query": "When do they end?"})).json()
        stream = await client.chat.completions.create(model="scripted+repo", messages=asked, stream=True)
        chunks = [chunk async for chunk in stream]
    assert said.choices[0].message.content == query["response"] == "It works."
    assert said.model == "scripted+repo"
    assert said.to_dict()["lantern_sources"] == query["sources"]
    assert [source["path"] for source in query["sources"]] == ["sessions.py"]
    assert "".join(chunk.choices[0].delta.content or "" for chunk in chunks) == "It works."
    assert chunks[-1].to_dict()["lantern_sources"] == query["sources"]
    assert "expired an hour after" in engine.prompts[0].text
    assert "You have tools." not in engine.prompts[0].text
    assert (engine.samplings[0].max_tokens, engine.prompts[0].text) == (50, engine.prompts[1].text)


async def test_a_structural_question_is_answered_without_a_model(tmp_path: Path) -> None:
    engine = ScriptedEngine(TEXTS)
    async with talking(tmp_path / "data", engine) as (client, world):
        await index(world, tmp_path / "code")
        asked: Any = [{"role": "user", "content": "Where is expire_sessions defined?"}]
        said = await client.chat.completions.create(model="scripted+repo", messages=asked)
        query = (await world.post("/chat/query", {"query": asked[0]["content"]})).json()
    assert said.choices[0].message.content == query["response"]
    assert "sessions.py:1" in query["response"]
    assert engine.prompts == []


async def test_a_history_that_is_sent_again_is_the_conversation_it_was(tmp_path: Path) -> None:
    engine = ScriptedEngine(TEXTS)
    async with talking(tmp_path, engine) as (client, world):

        async def ask(*said: str) -> None:
            messages: Any = [{"role": "user" if n % 2 == 0 else "assistant", "content": t} for n, t in enumerate(said)]
            await client.chat.completions.create(model="scripted+repo", messages=messages)

        await ask("one?")
        await ask("one?", "It works. ", "two?")  # goes on
        await ask("one?", "It works.", "two?", "It works.", "three?")  # goes on
        await ask("one?", "It works.", "two, again?")  # leaves the path: a conversation of its own
        await ask("old?", "Never said here.", "new?")
        sessions = (await world.get("/chat/sessions")).json()["sessions"]
        histories = []
        for session in reversed(sessions):
            [found] = (await world.get(f"/chat/session/{session['session_id']}/conversations")).json()["conversations"]
            told = (await world.get("/chat/history", conversation_id=found["conversation_id"])).json()["messages"]
            histories.append([message["content"] for message in told])
    assert sorted(histories) == sorted(
        [
            ["one?", "It works.", "two?", "It works.", "three?", "It works."],
            ["one?", "It works.", "two, again?", "It works."],
            ["old?", "Never said here.", "new?", "It works."],
        ]
    )
    assert "Never said here." in engine.prompts[-1].text
    assert engine.prompts[2].text.startswith(engine.prompts[1].text[: -len("two?<|end|>\n<|assistant|>\n")])


async def test_of_two_that_send_the_same_history_at_once_one_goes_on_and_one_branches(tmp_path: Path) -> None:
    async with running(tmp_path, ScriptedEngine(TEXTS)) as world:

        async def ask(*said: str) -> None:
            messages = [{"role": "user" if n % 2 == 0 else "assistant", "content": t} for n, t in enumerate(said)]
            answer = await world.post("/v1/chat/completions", {"model": "scripted+repo", "messages": messages})
            assert answer.status_code == 200

        await ask("one?")
        await asyncio.gather(*(ask("one?", "It works.", f"{n}?") for n in ("two", "three", "four")))
        told = []
        for session in (await world.get("/chat/sessions")).json()["sessions"]:
            [found] = (await world.get(f"/chat/session/{session['session_id']}/conversations")).json()["conversations"]
            messages = (await world.get("/chat/history", conversation_id=found["conversation_id"])).json()["messages"]
            told.append([message["content"] for message in messages if message["role"] == "user"])
    assert sorted(told) == [["one?", "four?"], ["one?", "three?"], ["one?", "two?"]]


async def test_models_are_listed_with_and_without_the_codebase(tmp_path: Path) -> None:
    async with talking(tmp_path, models_dir=tiny_dir()) as (client, _):
        listed = [model.id async for model in client.models.list()]
        one = await client.models.retrieve("phi3-mini+repo")
        with pytest.raises(openai.NotFoundError) as unknown:
            await client.models.retrieve("gpt-4")
    assert {"phi3-mini", "phi3-mini+repo", "llama3.1-8b", "codellama-7b+repo", "extractive+repo"} <= set(listed)
    assert (one.object, one.owned_by) == ("model", "lantern")
    assert unknown.value.code == "model_not_found"


async def test_end_to_end_with_a_real_model(tmp_path: Path) -> None:
    async with talking(tmp_path, models_dir=tiny_dir(), model_name="phi3-mini", n_threads=1, context_length=512) as (
        client,
        _,
    ):
        wanted: dict[str, Any] = {"model": "phi3-mini", "messages": ASKED, "max_tokens": 12, "temperature": 0}
        whole = await client.chat.completions.create(**wanted)
        chunks = [chunk async for chunk in await client.chat.completions.create(**wanted, stream=True)]
        raw = await client.completions.create(model="phi3-mini", prompt=PHI3, max_tokens=12, temperature=0)
    text = "".join(chunk.choices[0].delta.content or "" for chunk in chunks)
    assert whole.choices[0].message.content == text == raw.choices[0].text != ""
    assert (whole.choices[0].finish_reason, whole.model) == ("length", "phi3-mini")
    assert whole.usage is not None
    assert (whole.usage.completion_tokens, whole.usage.prompt_tokens > 5) == (12, True)


@pytest.mark.parametrize(
    ("path", "body", "status", "code", "param", "told"),
    [
        ("chat/completions", {}, 400, "bad_params", "messages", "messages: Field required"),
        ("chat/completions", {"messages": []}, 400, "bad_params", "messages", "at least 1"),
        ("chat/completions", {"messages": ASKED, "n": 2}, 400, "bad_params", "n", "one answer to a request"),
        (
            "chat/completions",
            {"messages": ASKED, "model": "nope"},
            404,
            "model_not_found",
            "model",
            "no model is called",
        ),
        ("chat/completions", {"messages": ASKED, "temperature": -1}, 400, "bad_params", "temperature", "greater"),
        (
            "chat/completions",
            {"messages": ASKED, "tools": [], "tool_choice": "required"},
            400,
            "bad_params",
            "tool_choice",
            "this server calls no tools",
        ),
        (
            "chat/completions",
            {"messages": [{"role": "user", "content": [{"type": "image_url", "image_url": {"url": "data:x"}}]}]},
            400,
            "bad_params",
            "messages.0.content",
            "parts of type 'image_url' are not supported",
        ),
        (
            "chat/completions",
            {"messages": [{"role": "user", "content": "word " * 50_000}]},
            400,
            "context_length_exceeded",
            None,
            "the context holds",
        ),
        (
            "chat/completions",
            {"model": "a+repo", "messages": [{"role": "system", "content": "x"}]},
            400,
            "bad_params",
            "messages",
            "the user's question",
        ),
        (
            "chat/completions",
            {"model": "a+repo", "messages": ASKED, "response_format": {"type": "json_object"}},
            400,
            "bad_params",
            "response_format",
            "ask a without",
        ),
        (
            "chat/completions",
            {"model": "a+repo", "messages": ASKED, "codebase": "x"},
            404,
            "not_found",
            None,
            "no codebase",
        ),
        (
            "completions",
            {"model": "a+repo", "prompt": "x"},
            400,
            "bad_params",
            "model",
            "completions never retrieve",
        ),
        ("completions", {"prompt": [1, 2]}, 400, "bad_params", "prompt", "token arrays are not supported"),
        ("embeddings", {"input": []}, 400, "bad_params", "input", "at least 1"),
        ("no/such/route", {}, 404, "not_found", None, "Not Found"),
    ],
)
@pytest.mark.parametrize("stream", [False, True])
async def test_a_refusal_has_their_shape_and_its_status(
    tmp_path: Path,
    caplog: pytest.LogCaptureFixture,
    stream: bool,
    path: str,
    body: Any,
    status: int,
    code: str,
    param: str | None,
    told: str,
) -> None:
    async with running(tmp_path, Bounded(TEXTS)) as world:
        answer = await world.post(f"/v1/{path}", body | {"stream": stream})
    error = answer.json()["error"]
    assert (answer.status_code, error["code"], error["param"]) == (status, code, param)
    assert error["type"] == "invalid_request_error"
    assert told in error["message"]
    assert answer.headers["x-should-retry"] == "false"
    assert [record.getMessage() for record in caplog.records if record.levelname == "ERROR"] == []


async def test_without_the_token_it_is_their_authentication_error(tmp_path: Path) -> None:
    async with running(tmp_path, ScriptedEngine(TEXTS)) as world:
        world.token = "wrong"
        async with client_of(world) as client:
            with pytest.raises(openai.AuthenticationError, match="lantern token") as refused:
                await client.models.list()
    assert (refused.value.code, refused.value.type) == ("unauthorized", "invalid_request_error")


async def test_a_model_that_is_not_here_refuses_where_it_would_have_to_make_things_up(tmp_path: Path) -> None:
    async with talking(tmp_path, model_name="phi3-mini") as (client, _):
        with pytest.raises(openai.InternalServerError, match="lantern models pull phi3-mini") as refused:
            await client.chat.completions.create(model="phi3-mini", messages=ASKED)
        quoted = await client.chat.completions.create(model="phi3-mini+repo", messages=ASKED)
    assert (refused.value.status_code, refused.value.code) == (503, "model_unavailable")
    assert "lantern models pull phi3-mini" in (quoted.choices[0].message.content or "")


@pytest.mark.parametrize("name", ["scripted", "scripted+repo"])
async def test_what_fails_in_the_middle_is_an_event_and_the_end(tmp_path: Path, name: str) -> None:
    async with talking(tmp_path, ScriptedEngine(TEXTS, fail_after=1)) as (client, world):
        answer = await world.post("/v1/chat/completions", {"model": name, "messages": ASKED, "stream": True})
        with pytest.raises(openai.APIError, match="fail here"):
            [chunk async for chunk in await client.chat.completions.create(model=name, messages=ASKED, stream=True)]
        whole = await world.post("/v1/chat/completions", {"model": name, "messages": ASKED})
    events = data(answer.text)
    assert [event["choices"][0]["delta"].get("content") for event in events[:-1]] == ["", "It "]
    assert (events[-1]["error"]["code"], events[-1]["error"]["type"]) == ("engine_failed", "server_error")
    assert (whole.status_code, whole.headers["x-should-retry"]) == (502, "true")


@pytest.mark.parametrize("stream", [False, True], ids=["whole", "stream"])
@pytest.mark.parametrize("stall", [0, 1], ids=["before the first token", "after it"])
@pytest.mark.parametrize("name", ["scripted", "scripted+repo"])
async def test_a_client_that_hangs_up_cancels(tmp_path: Path, name: str, stall: int, stream: bool) -> None:
    engine = ScriptedEngine(TEXTS, stall_after=stall)
    async with running(tmp_path, engine) as world:
        asking = asyncio.create_task(
            world.post("/v1/chat/completions", {"model": name, "messages": ASKED, "stream": stream})
        )
        await until(lambda: bool(engine.prompts) and not engine.idle)
        await asyncio.sleep(0.1)
        asking.cancel()
        with pytest.raises(asyncio.CancelledError):
            await asking
        async with asyncio.timeout(0.5):
            await until(lambda: engine.idle and not world.services.turns.load)
        sessions = (await world.get("/chat/sessions")).json()["total_count"]
    assert sessions == (1 if name.endswith("+repo") else 0)


async def until(true: Callable[[], bool]) -> None:
    async with asyncio.timeout(20):  # a request that is refused never makes it true
        while not true():  # noqa: ASYNC110
            await asyncio.sleep(0.01)


async def test_text_that_is_no_unicode_is_refused(tmp_path: Path) -> None:
    async with running(tmp_path, ScriptedEngine(TEXTS)) as world:
        body = b'{"messages": [{"role": "user", "content": "\\ud800"}]}'
        answer = await world.http.post(
            "/v1/chat/completions", content=body, headers={"Content-Type": "application/json"}
        )
    assert (answer.status_code, answer.json()["error"]["param"]) == (400, "messages.0.content")
