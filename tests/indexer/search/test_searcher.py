"""Questions find their code: each signal, conversations, filters, freshness, and an index that changes."""

import os
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from indexer.embedding.base import HashEmbedder
from indexer.embedding.loading import load_embedder
from indexer.embedding.rerank import Reranker, VectorCache
from indexer.embedding.static import StaticEmbedder
from indexer.search.searcher import Searcher
from indexer.types import Hit
from tests.indexer.harness import World, put

pytestmark = pytest.mark.process

REPOSITORY = {
    "prompts/build.py": (
        "def build_prompt(question, snippets):\n"
        '    """Puts system text, snippets and the question together."""\n'
        "    return '\\n'.join([*snippets, question])\n"
    ),
    "backend/rag.py": (
        "from prompts.build import build_prompt\n\n\n"
        "def answer(question, searcher):\n"
        "    hits = searcher.search(question)\n"
        "    return build_prompt(question, hits)\n"
    ),
    "backend/masking.py": (
        "def mask_secrets(text):\n"
        '    """Replaces passwords and tokens before anything is stored."""\n'
        "    return PATTERN.sub('x', text)\n"
    ),
    "backend/budget.py": (
        "class Budget:\n"
        '    """Keeps a blocklist below its limit."""\n\n'
        "    def trim(self, blocks):\n"
        "        while self.count(blocks) > self.limit:\n"
        "            blocks.pop(0)\n"
    ),
    "backend/window.py": "class Window:\n    def trim(self, frame):\n        return frame[:-1]\n",
    "tests/test_masking.py": (
        "def test_mask_secrets():\n"
        '    """Replaces passwords and tokens before anything is stored."""\n'
        "    assert mask_secrets('password') == 'x'\n"
    ),
    "docs/secrets.md": "# Secrets\n\nPasswords and tokens are replaced before anything is stored.\n",
    "web/socket.ts": "export class Socket {\n  reconnect(after: number) {\n    return this.open(after);\n  }\n}\n",
}


@pytest.fixture
def world(tmp_path: Path) -> World:
    world = World(tmp_path, REPOSITORY)
    world.refresh()
    return world


@pytest.fixture
def searcher(world: World) -> Searcher:
    return Searcher(world.store, world.embedder)


def symbols(hits: list[Hit]) -> list[str]:
    return [hit.symbol for hit in hits]


@pytest.mark.parametrize(
    ("question", "symbol"),
    [
        ("where is build_prompt defined?", "build_prompt"),
        ("build_prompt", "build_prompt"),
        ("who masks secrets like passwords?", "mask_secrets"),
        ("how does the socket reconnect?", "Socket.reconnect"),
        ("Budget.trim", "Budget.trim"),
        ("function that answers a question", "answer"),
        ("what does the prompt builder join?", "build_prompt"),
    ],
)
def test_the_first_hit_answers(searcher: Searcher, question: str, symbol: str) -> None:
    assert symbols(searcher.search(question))[0] == symbol


def test_a_name_in_the_scope_that_the_question_names_comes_first(searcher: Searcher) -> None:
    for scope, other in (("window", "budget"), ("budget", "window")):
        found = [hit.path for hit in searcher.search(f"the trim of the {scope.title()} class")]
        assert found.index(f"backend/{scope}.py") < found.index(f"backend/{other}.py")


def test_a_file_that_the_question_names_comes_first(searcher: Searcher) -> None:
    assert searcher.search("what happens in window.py?")[0].path == "backend/window.py"
    assert searcher.search("what happens in backend/budget.py?")[0].path == "backend/budget.py"


def test_every_field_of_a_hit(searcher: Searcher, world: World) -> None:
    hit = searcher.search("where is build_prompt defined?")[0]
    assert (hit.path, hit.start_line, hit.end_line, hit.kind, hit.language) == (
        "prompts/build.py",
        1,
        3,
        "function",
        "python",
    )
    assert hit.text == REPOSITORY["prompts/build.py"].rstrip()
    assert (hit.signature, hit.doc) == (
        "def build_prompt(question, snippets)",
        "Puts system text, snippets and the question together.",
    )
    assert hit.fresh
    assert min(hit.why.lexical, hit.why.dense, hit.why.symbol) > 0
    assert hit.score == pytest.approx(sum(hit.why))


def test_a_follow_up_finds_the_callers_of_its_topic(searcher: Searcher) -> None:
    found = symbols(searcher.search("and where is it called?", ["where is build_prompt defined?"], k=4))
    assert {"build_prompt", "answer"} <= set(found)


def test_a_question_that_stands_alone_ignores_the_history(searcher: Searcher) -> None:
    question = "how does the socket reconnect?"
    assert searcher.search(question, ["where is build_prompt defined?"]) == searcher.search(question)


def test_code_comes_before_its_tests_and_its_docs_unless_the_question_wants_them(searcher: Searcher) -> None:
    question = "passwords and tokens are replaced before anything is stored"
    assert searcher.search(question)[0].path == "backend/masking.py"
    assert searcher.search("which tests check that passwords are replaced")[0].path == "tests/test_masking.py"
    assert searcher.search("what do the docs say on passwords and tokens replaced")[0].path == "docs/secrets.md"


@pytest.mark.parametrize(
    ("paths", "expected"),
    [
        (["backend"], {"backend/rag.py", "backend/masking.py", "backend/budget.py", "backend/window.py"}),
        (["backend/rag.py"], {"backend/rag.py"}),
        (["**/*.ts", "./docs/"], {"web/socket.ts", "docs/secrets.md"}),
        (["back"], set()),
        (
            ["[bd]*/*.[pm][yd]"],
            {"backend/rag.py", "backend/masking.py", "backend/budget.py", "backend/window.py", "docs/secrets.md"},
        ),
        (["*[*", "[backend]/*[["], set()),
        (["."], set(REPOSITORY)),
    ],
)
def test_only_files_in_the_paths_are_found(searcher: Searcher, paths: list[str], expected: set[str]) -> None:
    hits = searcher.search("build_prompt question trim reconnect secrets passwords window", k=50, paths=paths)
    assert {hit.path for hit in hits} == expected


def test_the_best_candidates_are_re_ranked_as_soon_as_the_model_is_loaded(world: World, tmp_path: Path) -> None:
    loaded: list[HashEmbedder] = []
    reranker = Reranker(lambda: loaded[0] if loaded else None, VectorCache(tmp_path / "vectors.cache"))
    searcher = Searcher(world.store, world.embedder, reranker)
    question = "what puts the question and the snippets together?"
    hit = searcher.search(question)[0]
    assert (hit.symbol, hit.why.rerank) == ("build_prompt", 0.0)
    loaded.append(HashEmbedder(dim=48, model_id="re-ranking"))
    assert searcher.search(question)[0].why.rerank > 0
    named = searcher.find("where is build_prompt defined?")
    assert (named.hits[0].symbol, named.hits[0].why.rerank) == ("build_prompt", 0.0)  # its name decides
    assert named.is_answered


def test_vectors_of_another_embedder_are_not_compared(world: World) -> None:
    searcher = Searcher(world.store, HashEmbedder(dim=16, model_id="other"))
    assert {hit.why.dense for hit in searcher.search("where is build_prompt defined?")} == {0.0}


def test_the_next_search_finds_an_edit_and_no_deleted_file(world: World, searcher: Searcher) -> None:
    before = searcher.generation
    assert searcher.search("retry with backoff")[0].symbol != "retry_with_backoff"
    put(world.root, "backend/retry.py", "def retry_with_backoff(call):\n    return call()\n")
    (world.root / "prompts/build.py").unlink()
    world.refresh()
    assert searcher.search("retry with backoff")[0].symbol == "retry_with_backoff"
    assert "prompts/build.py" not in {hit.path for hit in searcher.search("build_prompt", k=50)}
    assert searcher.generation == before + 2


def test_a_rebuilt_index_is_searched(world: World, searcher: Searcher) -> None:
    searcher.search("build_prompt")
    world.codebases.delete(world.store.id)
    put(world.root, "a_first.py", "def something_new():\n    return 1\n")
    world.refresh()
    hit = searcher.search("where is something_new?")[0]
    assert (hit.symbol, hit.why.dense > 0) == ("something_new", True)


def test_a_hit_is_fresh_if_its_file_is_as_indexed(world: World, searcher: Searcher) -> None:
    def fresh() -> dict[str, bool]:
        return {
            hit.path: hit.fresh for hit in searcher.search("build_prompt question masking window trim socket", k=50)
        }

    assert set(fresh().values()) == {True}
    os.utime(world.root / "backend/budget.py")
    put(world.root, "prompts/build.py", REPOSITORY["prompts/build.py"].replace("system", "SYSTEM"))
    (world.root / "backend/window.py").unlink()
    found = fresh()
    assert [found[p] for p in ("prompts/build.py", "backend/window.py", "backend/budget.py", "web/socket.ts")] == [
        *(False, False, True, True)
    ]


def test_neighbouring_parts_of_one_definition_come_as_one_hit(tmp_path: Path) -> None:
    body = "\n".join(f"    total_{i} = compute_total(total_{i - 1}, step={i})" for i in range(1, 60))
    world = World(tmp_path, {"a.py": f"def compute_everything(total_0):\n{body}\n", **REPOSITORY})
    report = world.refresh()
    assert report.chunks > 12
    hit = Searcher(world.store, world.embedder).search("compute everything total step", k=3)[0]
    assert (hit.symbol, hit.start_line, hit.end_line) == ("compute_everything", 1, 60)
    assert hit.text == (world.root / "a.py").read_text().rstrip()


def test_the_same_question_has_the_same_hits_in_every_thread_and_searcher(world: World) -> None:
    questions = ["build_prompt", "trim", "passwords", "socket reconnect after"] * 8
    searcher = Searcher(world.store, world.embedder)
    expected = [Searcher(world.store, world.embedder).search(question) for question in questions]
    with ThreadPoolExecutor(4) as pool:
        assert list(pool.map(searcher.search, questions)) == expected


@pytest.mark.parametrize(
    "question", ["", "   ", "???", '"', "NEAR(a b) OR *", "x" * 100_000, "\0", "où \ud7ff 你好", "the of and"]
)
def test_no_question_breaks_the_search(searcher: Searcher, question: str) -> None:
    assert len(searcher.search(question, k=3)) <= 3


def test_k_bounds_the_hits(searcher: Searcher) -> None:
    assert [len(searcher.search("build_prompt trim socket", k=k)) for k in (0, 1, 4)] == [0, 1, 4]


def test_the_real_models_understand_other_words(tmp_path: Path) -> None:
    world = World(tmp_path, REPOSITORY)
    world.embedder = StaticEmbedder()  # type: ignore[assignment]
    assert world.refresh().chunks == 12
    model = load_embedder()
    searcher = Searcher(world.store, StaticEmbedder(), Reranker(lambda: model, VectorCache(tmp_path / "vectors.cache")))
    assert searcher.search("how are credentials hidden?")[0].symbol == "mask_secrets"
    assert searcher.search("drop the oldest pieces when there are too many")[0].symbol.startswith("Budget")
