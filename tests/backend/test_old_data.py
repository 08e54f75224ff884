"""A data folder that an older commit wrote is opened, migrated and used. See `data/README.md`."""

import shutil
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from backend.chat.question import Question
from backend.db import conversation_list, conversations
from backend.engines.loader import kernel_results_file
from backend.indexing.embedders import Embedders
from backend.indexing.indexes import Indexes
from backend.indexing.workers import no_workers
from backend.instance_lock import token
from backend.services import Services
from backend.wiring import build_services
from indexer.embedding.base import HashEmbedder
from indexer.embedding.static import StaticEmbedder
from models.llama.kernel_results import Choice, KernelResult, KernelResults
from tests.backend.harness import settings_in

WRITTEN = Path(__file__).parent / "data" / "commit-6009585"
SESSION, CONVERSATION = "01M8MJ9NTXE478EFZ3PRYD4QAG", "01M8MJ9NV60675XHSB13PZRQVE"
CODEBASE = "lantern-example-4def9f95"


@pytest.fixture
async def services(tmp_path: Path) -> AsyncIterator[Services]:
    """The services of a server on a copy of the folder."""
    folder = tmp_path / "data"
    shutil.copytree(WRITTEN, folder)
    settings = settings_in(folder, model_name="extractive", watch=False)
    indexes = Indexes(folder / "indexes", Embedders(StaticEmbedder(), HashEmbedder), no_workers())
    async with build_services(settings, indexes) as built:
        yield built
    indexes.codebases.close()


async def test_its_conversation_is_there(services: Services) -> None:
    session = await services.database.read(lambda db: conversations.require_session(db, SESSION))
    turns = await services.database.read(
        lambda db: [conversations.messages(row) for row in conversations.turns(db, CONVERSATION)]
    )
    assert (session.workspace, session.head, session.floor) == ("/srv/lantern-example", 19, 0)
    question, answer = turns[0]
    assert (len(turns), question["content"]) == (1, "How is a mail delivered when an attempt fails?")
    assert answer["content"].startswith("`send_mail` is a function in `mail.py:6-8` [1]. Delivers a text")
    assert (answer["role"], answer["status"]) == ("assistant", "stop")
    assert [(item["path"], item["start"], item["end"]) for item in answer["sources"][:2]] == [
        ("mail.py", 6, 8),
        ("mail.py", 11, 13),
    ]


async def test_its_conversation_has_a_title(services: Services) -> None:
    listed = await services.database.read(lambda db: conversation_list.search(db, "mail attempt", 10, 0))
    (found,) = listed["conversations"]
    assert (found["conversation_id"], found["title"]) == (
        CONVERSATION,
        "How is a mail delivered when an attempt fails?",
    )
    assert (found["message_count"], found["workspace"]) == (2, "/srv/lantern-example")


async def test_its_events_are_replayed(services: Services) -> None:
    events = []
    async for event in services.turns.watch(SESSION, 0):
        events.append(event)
        if event.type == "end":
            break
    assert [event.seq for event in events] == list(range(1, 20))
    assert [event.type for event in events[:3]] == ["accepted", "sources", "delta"]
    assert (events[-1].body["reason"], events[-1].body["usage"]["completion"]) == ("stop", 170)


async def test_its_conversation_is_continued(services: Services) -> None:
    question = Question(SESSION, "turn-2", "And how is it retried?", CONVERSATION, retrieval="off")
    await services.turns.accept(question)
    async for event in services.turns.watch(SESSION, 19):
        if event.type == "end":
            break
    turns = await services.database.read(lambda db: conversations.turns(db, CONVERSATION))
    assert [(turn.ordinal, turn.status) for turn in turns] == [(1, "stop"), (2, "stop")]
    assert event.seq > 19


async def test_its_index_is_searched(services: Services) -> None:
    (summary,) = services.indexes.summaries()
    assert (summary["id"], summary["root"]) == (CODEBASE, "/srv/lantern-example")
    assert (summary["state"], summary["files"], summary["chunks"], summary["generation"]) == ("ready", 2, 5, 1)
    found = services.indexes.searcher(CODEBASE).find(
        "where is the configuration read from a JSON file", k=1, joined=False
    )
    assert [(hit.path, hit.start_line, hit.symbol) for hit in found.hits] == [("config.py", 7, "load_config")]
    assert (found.hits[0].why.lexical > 0, found.hits[0].why.dense) == (True, 0.0)  # its vectors are of a former table


def test_its_token_and_its_kernel_results_are_read(tmp_path: Path) -> None:
    settings = settings_in(tmp_path / "data")
    shutil.copytree(WRITTEN, settings.data_dir)
    written = (WRITTEN / "token").read_text().strip()
    assert token(settings.token_file) == written
    stored = dict(KernelResults(kernel_results_file(settings)).of("Example CPU [avx2]", "llama.cpp b1234"))
    assert stored == {"phi3": KernelResult({"repack": "SIGILL"}, "", {"32x3072": Choice(("tinyblas",), 2, 4)})}
