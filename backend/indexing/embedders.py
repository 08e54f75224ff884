"""The two embedders of this process: the static one is there at once, the neural one loads in the background."""

import logging
import threading
import time
from collections.abc import Callable, Sequence

from backend.errors import ApiError
from indexer.embedding.base import Embedder, Vectors
from indexer.errors import EmbedderOff, EmbedderUnavailable

log = logging.getLogger(__name__)

EMBED_WAIT_S = 60.0  # how long a request for vectors waits for the neural embedder
SEARCH_WAIT_S = 2.0  # from `preload` on: how long searches wait for it; MiniLM in int8 takes 0.3 s


class Embedders:
    """The static embedder makes every vector of an index; the neural one re-ranks what a search finds."""

    def __init__(self, static: Embedder, load_neural: Callable[[], Embedder]) -> None:
        self.static = static
        self._load_neural = load_neural
        self._neural: Embedder | None = None
        self._problem = "the embedding model is not loaded: see the server's log"
        self._finished = threading.Event()  # the load has ended, whether it succeeded or not
        self._search_deadline = 0.0  # on the monotonic clock

    def preload(self) -> None:
        """Starts loading the neural embedder in a thread. Without it, nothing is re-ranked."""

        def load() -> None:
            try:
                self._neural = self._load_neural()
            except EmbedderOff as choice:
                self._problem = str(choice)
                log.info("%s", choice)
            except EmbedderUnavailable as error:
                log.error("%s", error)
            finally:
                self._finished.set()

        self._search_deadline = time.monotonic() + SEARCH_WAIT_S
        threading.Thread(target=load, name="embedder-preload", daemon=True).start()

    @property
    def is_loaded(self) -> bool:
        """Whether the neural embedder is in memory."""
        return self._neural is not None

    def neural(self) -> Embedder | None:
        """The neural embedder, or None. Waits for it in the first `SEARCH_WAIT_S` after `preload` only."""
        self._finished.wait(max(0.0, self._search_deadline - time.monotonic()))
        return self._neural

    def embed(self, texts: Sequence[str]) -> tuple[str, Vectors]:
        """The neural embedder's name, and a row for each text. Waits while it loads; raises `ApiError` without it."""
        self._finished.wait(EMBED_WAIT_S)
        if self._neural is None:
            raise ApiError("model_unavailable", self._problem)
        return self._neural.model_id, self._neural.embed_documents(texts)
