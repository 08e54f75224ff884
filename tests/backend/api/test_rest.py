"""REST: the answer shapes of the contract, with values."""

import asyncio
import json
import re
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from sqlalchemy import select

from backend.db.tables import ContextRow
from indexer.files.secrets.masking import MARK
from models.scripted import ScriptedEngine
from tests.backend.harness import running

pytestmark = pytest.mark.process

TEXTS = ("It ", "works.")


async def test_a_query_creates_a_session_and_a_conversation(tmp_path: Path) -> None:
    async with running(tmp_path, ScriptedEngine(TEXTS)) as world:
        first = (await world.post("/chat/query", {"query": "Does it?"})).json()
        ids = {name: first[name] for name in ("session_id", "conversation_id")}
        second = (await world.post("/chat/query", {"query": "Still?", **ids})).json()
        elsewhere = (await world.post("/chat/query", {"query": "New?", "session_id": ids["session_id"]})).json()
        history = (await world.get("/chat/history", conversation_id=ids["conversation_id"])).json()
        context = (await world.get("/chat/context", conversation_id=ids["conversation_id"])).json()
        listed = (await world.get(f"/chat/session/{ids['session_id']}/conversations")).json()
        one = (await world.get(f"/chat/conversation/{ids['conversation_id']}")).json()
        sessions = (await world.get("/chat/sessions")).json()
        session = (await world.get(f"/chat/session/{ids['session_id']}")).json()
    assert (first["response"], first["model_name"], first["reason"]) == ("It works.", "scripted", "stop")
    assert (first["sources"], first["citations"], first["usage"]["completion"]) == ([], [], 2)
    assert set(first["timings"]) == {"queue", "retrieve", "prefill", "generate"}
    assert second["conversation_id"] == ids["conversation_id"] != elsewhere["conversation_id"]
    assert elsewhere["session_id"] == ids["session_id"]
    assert [(m["role"], m["content"], m["status"]) for m in history["messages"]] == [
        ("user", "Does it?", "ok"),
        ("assistant", "It works.", "stop"),
        ("user", "Still?", "ok"),
        ("assistant", "It works.", "stop"),
    ]
    assert history["total_count"] == 4
    assert (context["message_count"], context["user_message_count"], context["assistant_message_count"]) == (4, 2, 2)
    assert (context["last_query"], context["last_response"]) == ("Still?", "It works.")
    assert [c["conversation_id"] for c in listed["conversations"]] == [
        elsewhere["conversation_id"],
        ids["conversation_id"],
    ]
    assert one["messages"] == history["messages"]
    assert (sessions["total_count"], sessions["sessions"][0]["session_id"]) == (1, ids["session_id"])
    assert session["conversation_count"] == 2


async def test_a_stream_has_the_same_events_as_the_socket(tmp_path: Path) -> None:
    async with running(tmp_path, ScriptedEngine(TEXTS)) as world, world.socket() as socket:
        session = (await socket.call("session/open"))["session"]
        body = {"query": "?", "session_id": session, "stream": True, "retrieval": "off"}
        answer = await world.post("/chat/query", body)
        await socket.until("end")
    events = [json.loads(line[6:]) for line in answer.text.splitlines() if line.startswith("data: ")]
    assert answer.headers["content-type"].startswith("text/event-stream")
    assert [event for event in events if "seq" in event] == socket.logged
    assert [line for line in answer.text.splitlines() if line.startswith("id: ")] == [
        f"id: {event['seq']}" for event in socket.logged
    ]


async def test_the_history_keeps_what_was_attached_without_its_secrets(tmp_path: Path) -> None:
    secret = "hunter2-but-longer-0123456789"
    plain = "import os\nTOKEN = os.environ['T']\n"
    context = [
        {"path": "a.py", "range": {"start": 2, "end": 2}, "text": plain},
        {"path": "b.py", "text": f'password = "{secret}"\n'},
    ]
    async with running(tmp_path, ScriptedEngine(TEXTS)) as world:
        asked = (await world.post("/chat/query", {"query": "Does it?", "context": context})).json()
        messages = (await world.get(f"/chat/conversation/{asked['conversation_id']}")).json()["messages"]
        await world.http.delete("/chat/history", params={"conversation_id": asked["conversation_id"]})
        left = await world.services.database.read(lambda db: db.scalars(select(ContextRow.turn_id)).all())
    assert left == []
    assert messages[0]["context"] == [
        {"path": "a.py", "range": [2, 2], "text": plain},
        {"path": "b.py", "text": f'password = "{MARK}"\n'},
    ]
    assert (messages[0]["codebase"], messages[1]["citations"]) == ("", asked["citations"])
    assert secret not in json.dumps(messages)


async def test_history_is_paged_from_the_newest_message(tmp_path: Path) -> None:
    async with running(tmp_path, ScriptedEngine(TEXTS)) as world:
        ids: dict[str, str] = {}
        for n in range(3):
            answer = (await world.post("/chat/query", {"query": f"q{n}", **ids})).json()
            ids = {"conversation_id": answer["conversation_id"], "session_id": answer["session_id"]}
        where = {"conversation_id": ids["conversation_id"]}
        newest = (await world.get("/chat/history", limit=3, **where)).json()
        older = (await world.get("/chat/history", limit=2, offset=3, **where)).json()
    assert [m["content"] for m in newest["messages"]] == ["It works.", "q2", "It works."]
    assert [m["content"] for m in older["messages"]] == ["It works.", "q1"]
    assert newest["total_count"] == older["total_count"] == 6


async def test_clearing_deletes_text_and_events_but_never_reuses_a_number(tmp_path: Path) -> None:
    async with running(tmp_path, ScriptedEngine(TEXTS)) as world, world.socket() as socket:
        first = (await world.post("/chat/query", {"query": "secret one"})).json()
        other = (await world.post("/chat/query", {"query": "q", "session_id": first["session_id"]})).json()
        head = (await world.get(f"/chat/session/{first['session_id']}")).json()["head"]
        gone = await world.http.delete("/chat/history", params={"conversation_id": first["conversation_id"]})
        left = (await world.get("/chat/history", conversation_id=first["conversation_id"])).json()
        kept = (await world.get("/chat/history", conversation_id=other["conversation_id"])).json()
        replay = await socket.answer("session/open", session=first["session_id"], after=0)
        opened = await socket.call("session/open", session=first["session_id"], after=head)
        rest = (await world.post("/chat/session/clear", {"session_id": first["session_id"]})).json()
        nothing = (await world.http.delete("/chat/history")).json()
    assert gone.json() == {"deleted": 2}
    assert (left["messages"], left["total_count"], kept["total_count"]) == ([], 0, 2)
    assert replay["error"]["data"]["code"] == "replay_gone"
    assert opened["head"] == head
    assert (rest, nothing) == ({"deleted": 2}, {"deleted": 0})
    assert b"secret one" not in b"".join(path.read_bytes() for path in [tmp_path / "lantern.db"])


@pytest.mark.parametrize(
    ("method", "path", "body", "status", "code"),
    [
        ("POST", "/chat/query", {"query": "  "}, 422, "bad_params"),
        ("POST", "/chat/query", {}, 422, "bad_params"),
        ("POST", "/chat/query", {"query": "x", "session_id": "missing"}, 404, "not_found"),
        ("POST", "/chat/query", {"query": "x", "conversation_id": "missing"}, 404, "not_found"),
        ("POST", "/chat/query", {"query": "x", "model": "nope"}, 503, "model_unavailable"),
        ("POST", "/chat/query", {"query": "x", "codebase": "missing"}, 404, "not_found"),
        ("POST", "/chat/query", {"query": "word " * 6_500, "retrieval": "off"}, 413, "context_too_large"),
        ("POST", "/chat/query", {"query": "x" * 32_769, "session_id": "missing"}, 413, "context_too_large"),
        ("POST", "/chat/query", {"query": "x" * 32_768, "session_id": "missing"}, 404, "not_found"),
        ("POST", "/chat/preview", {"query": "x" * 32_769}, 413, "context_too_large"),
        ("POST", "/search", {"query": "x" * 32_769}, 413, "context_too_large"),
        ("POST", "/search", {"query": "x" * 32_768}, 503, "index_unavailable"),
        ("POST", "/chat/query", {"query": "x", "first_token_s": -1}, 422, "bad_params"),
        ("POST", "/search", {"query": "x"}, 503, "index_unavailable"),
        ("POST", "/search", {"query": "x", "k": 51}, 422, "bad_params"),
        ("POST", "/index", {"path": "/does/not/exist"}, 422, "bad_params"),
        ("GET", "/index/jobs/missing", None, 404, "not_found"),
        ("DELETE", "/codebases/missing", None, 404, "not_found"),
        ("GET", "/codebases/missing/overview", None, 404, "not_found"),
        ("GET", "/chat/history?conversation_id=missing", None, 404, "not_found"),
        ("GET", "/chat/context?conversation_id=missing", None, 404, "not_found"),
        ("GET", "/chat/session/missing", None, 404, "not_found"),
        ("GET", "/chat/conversation/missing", None, 404, "not_found"),
        ("POST", "/chat/session/clear", {"session_id": "missing"}, 404, "not_found"),
        ("GET", "/no/such/route", None, 404, "not_found"),
        ("PUT", "/search", {}, 405, "invalid"),
    ],
)
async def test_errors_have_their_status_and_code(
    tmp_path: Path, method: str, path: str, body: object, status: int, code: str
) -> None:
    async with running(tmp_path, ScriptedEngine(TEXTS)) as world:
        answer = await world.http.request(method, path, json=body)
    assert (answer.status_code, answer.json()["error"]["code"]) == (status, code)
    assert len(answer.json()["error"]["message"]) > 5


@pytest.mark.parametrize("body", [b"{", b"[" * 50_000, b"\xff\xfe", b""])
async def test_a_body_that_does_not_parse_is_a_clear_error(tmp_path: Path, body: bytes) -> None:
    async with running(tmp_path, ScriptedEngine(TEXTS)) as world:
        answer = await world.http.post("/search", content=body, headers={"Content-Type": "application/json"})
    assert answer.status_code in (400, 422)
    assert answer.json()["error"]["code"] in ("parse", "bad_params")


async def test_an_attached_text_is_the_first_source_and_its_secrets_are_masked(tmp_path: Path) -> None:
    engine = ScriptedEngine(TEXTS)
    key = "AKIA" + "IOSFODNN7EXAMPLQ"
    text = f"line one\naws_key = '{key}'\nline three"
    async with running(tmp_path, engine) as world:
        body = {"query": "What is this?", "context": [{"path": "notes.py", "text": text}]}
        answer = (await world.post("/chat/query", body)).json()
    assert [(s["n"], s["path"], s["start"], s["end"]) for s in answer["sources"]] == [(1, "notes.py", 1, 3)]
    assert "line three" in engine.prompts[0].text
    assert key not in engine.prompts[0].text


async def test_an_attachment_that_does_not_fit_is_an_error(tmp_path: Path) -> None:
    async with running(tmp_path, ScriptedEngine(TEXTS)) as world:
        body = {"query": "review this", "context": [{"path": "diff", "text": "+ a line of it\n" * 20_000}]}
        answer = await world.post("/chat/query", body)
    assert (answer.status_code, answer.json()["error"]["code"]) == (413, "context_too_large")
    assert "do not fit" in answer.json()["error"]["message"]


async def test_a_range_selects_lines_of_an_attached_text(tmp_path: Path) -> None:
    engine = ScriptedEngine(TEXTS)
    text = "\n".join(f"line {n}" for n in range(1, 501))
    async with running(tmp_path, engine) as world:
        body = {"query": "?", "context": [{"path": "a.py", "range": [10, 12], "text": text}]}
        answer = (await world.post("/chat/query", body)).json()
        outside = await world.post("/chat/query", {"query": "?", "context": [{"path": "/etc/passwd"}]})
    assert [(s["start"], s["end"]) for s in answer["sources"]] == [(10, 12)]
    assert "line 10\nline 11\nline 12\n```" in engine.prompts[0].text
    assert (outside.status_code, outside.json()["error"]["code"]) == (422, "bad_params")


async def test_health_and_metrics_count_what_happened(tmp_path: Path) -> None:
    async with running(tmp_path, ScriptedEngine(TEXTS, fail_after=1)) as world:
        failed = await world.post("/chat/query", {"query": "?"})
        health = (await world.get("/health")).json()
        metrics = (await world.get("/metrics")).text
        docs = (await world.get("/docs")).text
    assert failed.status_code == 502
    assert (health["status"], health["turns_failed"], health["turns_succeeded"]) == ("ok", 1, 0)
    assert health["memory_bytes"] > 10_000_000
    assert 'lantern_turns_total{reason="error"} 1.0' in metrics
    assert "POST /chat/query" in docs


async def test_health_is_answered_while_all_threads_are_busy(tmp_path: Path) -> None:
    loop, busy, end = asyncio.get_running_loop(), asyncio.Event(), threading.Event()

    def work() -> None:
        loop.call_soon_threadsafe(busy.set)
        assert end.wait(30)

    with ThreadPoolExecutor(1) as threads:
        loop.set_default_executor(threads)
        async with running(tmp_path, ScriptedEngine(TEXTS)) as world:
            waiting = asyncio.create_task(asyncio.to_thread(work))
            await busy.wait()
            try:
                assert (await asyncio.wait_for(world.get("/health"), 20)).status_code == 200
            finally:
                end.set()
                await waiting


async def test_a_cancelled_query_returns_its_text_so_far(tmp_path: Path) -> None:
    engine = ScriptedEngine(TEXTS, stall_after=1)
    async with running(tmp_path, engine) as world, world.socket() as socket:
        session = (await socket.call("session/open"))["session"]
        query = asyncio.create_task(world.post("/chat/query", {"query": "?", "session_id": session}))
        await socket.until("delta")
        cancelled = (await world.post("/chat/cancel", {"session_id": session})).json()
        answer = (await query).json()
    assert cancelled == {}
    assert (answer["response"], answer["reason"]) == ("It ", "cancelled")


async def test_a_preview_shows_the_prompt_and_stores_nothing(tmp_path: Path) -> None:
    engine = ScriptedEngine(TEXTS)
    async with running(tmp_path, engine) as world:
        answer = (await world.post("/chat/preview", {"query": "What?", "retrieval": "off"})).json()
        sessions = (await world.get("/chat/sessions")).json()
    assert answer["prompt"].endswith("<|user|>\nWhat?<|end|>\n<|assistant|>\n")
    assert (sessions["total_count"], engine.prompts) == (0, [])


@pytest.mark.parametrize("kind", ["one", "all", "session"])
async def test_a_deleted_history_is_gone_from_every_byte_of_the_data_folder(tmp_path: Path, kind: str) -> None:
    def planted() -> set[bytes]:
        files = [path for path in tmp_path.rglob("*") if path.is_file()]
        return {word for path in files for word in re.findall(rb"plant\w+", path.read_bytes())}

    async with running(tmp_path, ScriptedEngine(("It is plantanswer", " here."))) as world:
        asked = (await world.post("/chat/query", {"query": "Where is plantquestion?"})).json()
        before = planted()
        if kind == "session":
            deleted = await world.post("/chat/session/clear", {"session_id": asked["session_id"]})
        else:
            only = {"conversation_id": asked["conversation_id"]} if kind == "one" else {}
            deleted = await world.http.request("DELETE", "/chat/history", params=only)
        after = planted()
    assert before == {b"plantanswer", b"plantquestion"}
    assert (deleted.json(), after) == ({"deleted": 2}, set())


async def test_only_what_deleted_something_purges_the_database(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async with running(tmp_path, ScriptedEngine(TEXTS)) as world:
        purges: list[str] = []
        purge = world.services.database.purge

        async def counted() -> None:
            purges.append("purge")
            await purge()

        monkeypatch.setattr(world.services.database, "purge", counted)
        answer = (await world.post("/chat/query", {"query": "?"})).json()
        only = {"conversation_id": answer["conversation_id"]}
        replies = [await world.http.delete("/chat/history", params=only) for _ in range(3)]
        replies.append(await world.post("/chat/session/clear", {"session_id": answer["session_id"]}))
    assert [reply.json() for reply in replies] == [{"deleted": 2}, *[{"deleted": 0}] * 3]
    assert purges == ["purge"]
