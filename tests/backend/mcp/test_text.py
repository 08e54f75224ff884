"""The texts beside the structured answers."""

from backend.mcp.results import AnswerSource, AskResult, CodeHit, IndexResult, IndexStatus, SearchCodeResult
from backend.mcp.text import ask_text, index_text, search_text

READY = IndexStatus(state="ready", generation=3, stale_files=2)


def test_a_search_without_an_answer_says_so() -> None:
    hit = CodeHit(path="a.py", start=1, end=2, symbol="", score=1.0, fresh=False, text="x = 1")
    result = SearchCodeResult(codebase="shop-1", root="/shop", found=False, hits=[hit], more=True, index=READY)
    assert search_text(result) == (
        "[/shop: index ready, generation 3, 2 files changed since]\n"
        "Nothing here answers the query; the closest matches:\n"
        "\na.py:1-2 (changed since it was indexed)\nx = 1\n"
        "\nThere may be more: raise limit or max_chars, narrow with paths, or use read_code."
    )
    assert search_text(result.model_copy(update={"hits": []})).endswith(
        "Nothing found: use other words, or names as they are written in the code."
    )


def test_an_index_that_is_made_says_how_far_it_is() -> None:
    index = IndexStatus(state="indexing", generation=1, stale_files=None, eta_s=12.4)
    result = IndexResult(codebase="shop-1", root="/shop", files=3, chunks=9, done=3, total=10, index=index)
    assert index_text(result) == (
        "[/shop: index indexing, generation 1], 3 files, 9 chunks\n"
        "3/10 files of this run, about 12 s left: call `index` again to wait"
    )


def test_an_answer_lists_what_it_cites() -> None:
    sources = [
        AnswerSource(path="a.py", start=1, end=2, status="ok"),
        AnswerSource(path="b.py", start=1, end=2, status="unused"),
    ]
    result = AskResult(answer="It works [1].", sources=sources, grounding=1.0, model="m", notice="Cut short.")
    assert ask_text(result) == "It works [1].\nCut short.\n\nSources:\na.py:1-2 (ok)"
    unused = result.model_copy(update={"sources": sources[1:], "notice": ""})
    assert ask_text(unused) == "It works [1].\n\nSources:\nb.py:1-2 (unused)"
    ended = unused.model_copy(update={"answer": "It works [1].\n\n"})  # an answer may end with empty lines
    assert ask_text(ended) == ask_text(unused)
    assert ask_text(unused.model_copy(update={"sources": []})) == "It works [1]."
