"""The neural embedder of a server: loaded in the background, missing, or not wanted."""

import logging

import pytest

from backend.errors import ApiError
from backend.indexing.embedders import Embedders
from indexer.embedding.base import Embedder, HashEmbedder
from indexer.embedding.loading import load_embedder
from indexer.errors import EmbedderUnavailable


def damaged() -> Embedder:
    raise EmbedderUnavailable("the weights are damaged")


def test_an_embedder_is_loaded() -> None:
    embedders = Embedders(HashEmbedder(), HashEmbedder)
    embedders.preload()
    name, rows = embedders.embed(["x"])
    assert (name, len(rows), embedders.is_loaded) == (HashEmbedder().model_id, 1, True)


def test_one_that_cannot_be_loaded_is_an_error(caplog: pytest.LogCaptureFixture) -> None:
    embedders = Embedders(HashEmbedder(), damaged)
    embedders.preload()
    with pytest.raises(ApiError, match="see the server's log"):
        embedders.embed(["x"])
    assert [(record.levelno, record.message) for record in caplog.records] == [
        (logging.ERROR, "the weights are damaged")
    ]


def test_none_is_a_choice_and_no_error(caplog: pytest.LogCaptureFixture) -> None:
    embedders = Embedders(HashEmbedder(), lambda: load_embedder("none"))
    embedders.preload()
    with pytest.raises(ApiError, match="EMBEDDING_MODEL=none") as refused:
        embedders.embed(["x"])
    assert (refused.value.code.name, embedders.is_loaded, embedders.neural()) == ("model_unavailable", False, None)
    assert [record for record in caplog.records if record.levelno >= logging.WARNING] == []
