"""The short text of each answer: for clients that show the model the text, and not the structured content."""

from backend.mcp.results import AskResult, FindSymbolResult, IndexResult, IndexStatus, ReadCodeResult, SearchCodeResult
from backend.wording import plural


def search_text(result: SearchCodeResult) -> str:
    """A line for each hit, and its code below."""
    lines = [_head(result.root, result.index)]
    if not result.hits:
        return f"{lines[0]}\nNothing found: use other words, or names as they are written in the code."
    if not result.found:
        lines.append("Nothing here answers the query; the closest matches:")
    for hit in result.hits:
        stale = "" if hit.fresh else " (changed since it was indexed)"
        lines.append(f"\n{hit.path}:{hit.start}-{hit.end} {hit.symbol}".rstrip() + stale)
        lines.append(hit.text)
    if result.more:
        lines.append("\nThere may be more: raise limit or max_chars, narrow with paths, or use read_code.")
    return "\n".join(lines)


def symbol_text(result: FindSymbolResult) -> str:
    """Definitions, then uses, a line each."""
    lines = [_head(result.root, result.index)]
    lines += [f"{item.path}:{item.start}-{item.end} {item.kind} {item.symbol}" for item in result.definitions]
    if not result.definitions:
        lines.append("No definition found: use the name as it is written in the code, or search_code.")
    if result.uses:
        lines.append("Uses:")
        lines += [f"{item.path}:{item.line} {item.text}" for item in result.uses]
    if result.note:
        lines.append(result.note)
    return "\n".join(lines)


def read_text(result: ReadCodeResult) -> str:
    """The lines, below where they are."""
    return f"[{result.root}] {result.path}:{result.start}-{result.end} of {plural(result.lines, 'line')}\n{result.text}"


def index_text(result: IndexResult) -> str:
    """The state of the index in one line, and what to do if it is not ready."""
    head = f"{_head(result.root, result.index)}, {plural(result.files, 'file')}, {plural(result.chunks, 'chunk')}"
    if result.index.state == "indexing":
        eta = "" if result.index.eta_s is None else f", about {result.index.eta_s:.0f} s left"
        head += f"\n{result.done}/{plural(result.total, 'file')} of this run{eta}: call `index` again to wait"
    elif result.index.stale_files:
        head += "\nCall `index` with refresh=true to index what changed"
    return head


def ask_text(result: AskResult) -> str:
    """The answer, and the sources that it cites; if it cites none, all that the model has read."""
    cited = [item for item in result.sources if item.status != "unused"] or result.sources
    sources = [f"{item.path}:{item.start}-{item.end} ({item.status})" for item in cited]
    notice = [] if not result.notice or result.notice in result.answer else [result.notice]
    return "\n".join([result.answer.rstrip(), *notice, *(["", "Sources:", *sources] if sources else [])])


def _head(root: str, index: IndexStatus) -> str:
    stale = f", {plural(index.stale_files, 'file')} changed since" if index.stale_files else ""
    return f"[{root}: index {index.state}, generation {index.generation}{stale}]"
