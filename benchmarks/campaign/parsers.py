"""Parser bombs: hostile shapes in every grammar, as files of a codebase and as the unsaved text of an editor."""

from collections.abc import Sequence
from functools import partial

from benchmarks.campaign.server import Server, serving, write
from benchmarks.campaign.shapes import EVERY_BOMB, KNOWN, SUFFIXES, Bomb, bomb
from benchmarks.campaign.trial import Trial
from benchmarks.campaign.watch import harm, unharmed

_HEALTHY = {"healthy.py": "def beacon():\n    return 7\n"}
_JOB_S, _FILE_S = 20.0, 4.0  # what a job may take, with so much for each of its files
_QUESTION_S = 20.0
_REFUSED = (400, 413, 422)


def _chosen(trial: Trial) -> list[Bomb]:
    """The shapes that are known to kill, then others at random; bombs of one grammar follow each other."""
    others = [key for key in EVERY_BOMB if key not in KNOWN]
    wanted = [*KNOWN, *trial.random.sample(others, min(len(others), max(0, trial.count - len(KNOWN))))]
    return [bomb(*key) for key in sorted(wanted[: trial.count], key=lambda key: key[1])]


def indexed(trial: Trial) -> None:
    """Each bomb as a file beside a healthy one. Where a codebase of many fails, halves of it find the guilty ones."""
    bombs = _chosen(trial)
    by_grammar = [[item for item in bombs if item.grammar == grammar] for grammar in SUFFIXES]
    together = len(bombs) <= 100  # one job for all: a job of its own for each grammar takes longer
    with serving(trial.folder / "data") as server:
        for group in [bombs] if together else filter(None, by_grammar):
            trial.cases += len(group)
            _find_guilty(trial, server, group)


def _find_guilty(trial: Trial, server: Server, bombs: Sequence[Bomb]) -> None:
    problem = harm(trial, server, partial(_index, trial, server, bombs))
    if not problem:
        return
    if len(bombs) == 1:
        trial.fail(f"{bombs[0].grammar} {bombs[0].name}", problem, bombs[0].text)
        return
    before = trial.failed
    half = len(bombs) // 2
    _find_guilty(trial, server, bombs[:half])
    _find_guilty(trial, server, bombs[half:])
    if trial.failed == before:
        trial.fail(f"{len(bombs)} together", problem, "\n".join(f"{item.grammar} {item.name}" for item in bombs))


def _index(trial: Trial, server: Server, bombs: Sequence[Bomb]) -> None:
    """Indexes a codebase of these bombs; the healthy file is found afterwards."""
    number = len(list(trial.folder.glob("code-*")))
    files = {f"{item.grammar}/{item.name}": item.text for item in bombs}
    root = write(trial.folder / f"code-{number}", files | _HEALTHY)
    job = server.index(root, _JOB_S + _FILE_S * len(bombs))
    assert job["state"] == "done", f"the job {job['state']}"
    reply = server.post("/search", {"query": "beacon", "codebase": job["codebase"]})
    assert reply.status_code == 200, f"POST /search: {reply.status_code}"
    assert "healthy.py" in {hit["path"] for hit in reply.json()["hits"]}, "a healthy file beside it is not indexed"


def attached(trial: Trial) -> None:
    """Each bomb as the unsaved text of a file that the question finds."""
    names = {grammar: f"beacon_{grammar}{suffix}" for grammar, suffix in SUFFIXES.items()}
    files = {name: f"beacon_{grammar}()\n" for grammar, name in names.items()}
    root = write(trial.folder / "code", files | _HEALTHY)
    with serving(trial.folder / "data") as server:
        server.index(root)
        for item in _chosen(trial):
            context = [{"path": names[item.grammar], "text": item.text}]
            ask = partial(_ask, server, f"what does beacon_{item.grammar} do", context)
            unharmed(trial, server, f"{item.grammar} {item.name}", ask, item.text)


def _ask(server: Server, question: str, context: list[dict[str, str]]) -> None:
    reply = server.post("/chat/query", {"query": question, "context": context}, _QUESTION_S)
    assert reply.status_code in (200, *_REFUSED), f"a question: {reply.status_code} {reply.text[:200]}"
