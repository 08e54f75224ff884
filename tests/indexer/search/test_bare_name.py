"""A question that is nothing but a name -> its definitions, the likeliest first."""

import pytest

from indexer.search.bare_name import definition_lifts
from indexer.search.query import parse_query
from indexer.search.searcher import Searcher
from tests.indexer.harness import World

FILES = {
    "src/session.rs": "/// Of one user.\npub struct Session { id: u32 }\n\nimpl Session {\n    pub fn open() {}\n}\n",
    "src/names.rs": "pub fn session() {}\n\npub trait Visitor {\n    fn visit(&self) -> u32 { 1 }\n}\n",
    "src/other.rs": "pub struct Visitor { id: u32 }\n",
    "app/helpers.rb": "module Sinatra\n  module Helpers\n    def one; 1; end\n  end\nend\n",
    "app/wrapper.rb": "class Wrapper\n  class Helpers\n    def two; 2; end\n  end\nend\n",
}


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> World:
    world = World(tmp_path_factory.mktemp("names"), FILES)
    world.refresh()
    return world


def lifts(world: World, question: str, allowed: list[int] | None = None) -> dict[tuple[str, str], float]:
    """The lift of each definition, by path and kind."""
    with world.store.read() as snapshot:
        found = definition_lifts(parse_query(question), snapshot, allowed)
        rows = snapshot.rows(found)
    return {(rows[i].chunk.path, rows[i].chunk.kind): lift for i, lift in found.items()}


@pytest.mark.parametrize("question", ["Session", "`Session`", "Session()", " Session "])
def test_a_type_comes_before_its_impl_and_both_before_another_spelling(world: World, question: str) -> None:
    assert lifts(world, question) == pytest.approx(
        {
            ("src/session.rs", "class"): 3 * 1.5,
            ("src/session.rs", "impl"): 3 * 0.4 * 1.5,
            ("src/names.rs", "function"): 3 * 0.9 * 0.5,
        }
    )


@pytest.mark.parametrize("question", ["Sinatra::Helpers", "sinatra.helpers", "Sinatra\\Helpers", "Sinatra#Helpers"])
def test_the_definition_in_the_scope_that_is_spelled_comes_first(world: World, question: str) -> None:
    found = lifts(world, question)
    assert list(found) == [("app/helpers.rb", "module"), ("app/wrapper.rb", "class")]
    assert found["app/helpers.rb", "module"] > found["app/wrapper.rb", "class"]


def test_two_types_of_one_name_count_the_same(world: World) -> None:
    assert lifts(world, "Visitor") == {("src/names.rs", "interface"): 3.0, ("src/other.rs", "class"): 3.0}


@pytest.mark.parametrize("question", ["the Session", "Session?!", "how does Session work", "Nothing", ""])
def test_a_sentence_and_an_unknown_name_lift_nothing(world: World, question: str) -> None:
    assert lifts(world, question) == {}


def test_only_allowed_chunks_are_lifted(world: World) -> None:
    with world.store.read() as snapshot:
        allowed = snapshot.chunk_ids_in(["src/other.rs"])
    assert lifts(world, "Visitor", allowed) == {("src/other.rs", "class"): 3.0}


def test_the_definition_of_a_bare_name_is_the_first_hit(world: World) -> None:
    found = Searcher(world.store, world.embedder).search("Visitor", paths=["src"])
    assert {hit.path for hit in found[:2]} == {"src/names.rs", "src/other.rs"}
    assert found[0].score > 3 * found[2].score
