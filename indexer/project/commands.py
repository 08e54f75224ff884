"""How to test, lint, build, run or install a project: the commands that its files declare, quote or imply.

First what is declared (scripts, make targets, script files), then what the guides say, then what the manifest implies.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass, replace

from indexer.navigation.locations import Location
from indexer.parsing.identifiers import stem
from indexer.parsing.manifests.entry import Entry
from indexer.project.questions import ProjectQuery
from indexer.project.tree import ProjectTree

_VALUE = 160  # characters of a command that are told
_LISTED = 4  # commands of one source
# What is spelled in several ways, in names of scripts and in questions; a hyphen would make two words of it.
_SPELLED = tuple(
    (re.compile(pattern), spelled)
    for pattern, spelled in (
        (r"(?<=[a-z])(?=[A-Z])", " "),
        (r"(?i)\bend[-_ ]?(?:to|2)[-_ ]?end(?![a-z])", "e2e"),
        (r"(?i)(?<![a-z])database(?![a-z])", "db"),
        (r"(?i)(?<![a-z])development(?![a-z])", "dev"),
        (r"(?i)(?<![a-z])pre[-_]?commit(?![a-z])", "precommit"),
    )
)
_SIDE_EFFECT = re.compile(
    r"drop|delete|destroy|reset|(?:dist)?clean(?:up)?|purge|rm|remove|undo|down|downgrade|teardown|rollback|revert|no|wipe"
    r"|prune|flush|truncate|stop|kill|uninstall|publish|deploy|release"
    r"|(?:pre|post)(?:install|build|test|start|publish|pack|version|deploy|dev|lint|format|release|serve|docs|migrate|run)?"
)


@dataclass(frozen=True, slots=True)
class _Task:
    """The words of a task: in the name of a script or target, and in a heading or a command that is about it."""

    names: re.Pattern[str]
    words: re.Pattern[str]
    is_tool: bool = False  # it is the name of a tool: what runs it is about it, too
    needs: frozenset[str] = frozenset()  # stems of words that a name must have
    asked: frozenset[str] = frozenset()  # stems of the question

    def may_run(self, script: str) -> bool:
        """False for what undoes something, publishes it or only surrounds it, if the question does not say so."""
        words = (word for word in _words(script) if _SIDE_EFFECT.fullmatch(word))
        return all(_stem(word) in self.asked or self.names.fullmatch(word) for word in words)

    def names_script(self, script: str) -> bool:
        return bool(self.needs <= set(map(_stem, _words(script))) if self.needs else self.names.fullmatch(script))


def _words(text: str) -> list[str]:
    """The words of a name or a question, some of them spelled one way: `drop-db`, `dropDatabase` -> drop, db."""
    for pattern, spelled in _SPELLED:
        text = pattern.sub(spelled, text)
    return re.findall(r"[^\W_]+", text.lower())


def _stem(word: str) -> str:
    return stem(word).removesuffix("ion")  # migrations, migrate


def _task(names: str, words: str) -> _Task:
    return _Task(re.compile(rf"(?:{names})", re.IGNORECASE), re.compile(rf"\b(?:{words})", re.IGNORECASE))


_TASKS = {
    "test": _task(r"tests?|test[-_:.].*|run[-_]?tests?.*|.*[-_:]tests?|specs?|unit|pytest|check", "test|spec"
                                                                                                  "|pytest|phpunit"),
    "coverage": _task(r"cov|coverage|.*cov.*", "coverage|cov|tarpaulin|nyc"),
    "lint": _task(r"lint.*|.*[-_:]lint|check|style|.*lint|pre-?commit|clippy|cs|ruff|standard|.*stan|.*analy.*|vet",
                  "lint|linter|style|clippy|eslint|ruff|flake8|rubocop|golangci|pre-commit|scalafmt|scalafix"
                  "|biome|shellcheck"),
    "analysis": _task(r".*phpstan.*|.*analy.*|.*psalm.*|stan|vet|lint|check|.*mypy.*|sonar.*",
                      "static anal|phpstan|psalm|analy[sz]|mypy|vet|clang-tidy|lint"),
    "type": _task(r".*type.*|mypy|pyright|tsc|check", "type|mypy|pyright|tsc"),
    "format": _task(r"fmt|format.*|.*[-_:](?:fmt|format|fix)|prettier|fix", "format|fmt|prettier"
                                                                                       "|black|gofmt|rustfmt"),
    "docs": _task(r"docs?.*|.*[-_:]docs?|site|html|apidoc|website", r"docs?\b|documentation|sphinx|mkdocs|website"),
    "bench": _task(r"bench.*|.*[-_:]bench.*|jmh|perf.*", "bench|jmh|perf"),
    "release": _task(r"release.*|publish.*|deploy.*|.*[-_:](?:release|publish)", "release|publish|deploy"
                                                                                 "|version bump"),
    "clean": _task(r"clean.*|distclean", "clean"),
    "setup": _task(r"setup|install.*|bootstrap|dev.*|deps|install[-_]deps|prepare|init",
                   "develop|setting up|set ?up|getting started|environment|install|prerequisite|building"),
    "contribute": _task(r"contribute|check", "contribut|pull request|patch|develop"),
    "build": _task(r"build.*|compile|all|package|dist|.*[-_:]build|make", "build|compil|from source|cmake"
                                                                          "|configure|make"),
    "run": _task(r"start.*|serve.*|run.*|dev|server|up|develop", "run|usage|start|quick ?start|getting started"
                                                                 "|serve"),
    "install": _task(r"install", "install|getting started|quick ?start|usage|download|require|setup|using"),
}  # fmt: skip
# What runs a program; its name comes behind it, or at the beginning of a command.
_RUNS = (
    r"(?:^|[;&|]\s*|\b(?:run|exec|npx|bunx|uvx|dlx|-m|cargo|mvn|go|sudo)\s+(?:-\S+\s+)*)"
    r"(?:\w+=\S+\s+)*[@-]*\s?(?:\$[{(]\w+[)}])?(?:[\w.~-]*/)*"
)
_KNOWN_BY_PROGRAM = frozenset({"coverage", "lint", "analysis", "type", "format", "docs", "bench"})
_SCRIPT_LENGTH = 4000  # characters
_NO_STEP = ("#", "set ", "export ", "if ", "fi", "cd ", "//")
_IN_CI = frozenset({"test", "lint", "analysis", "type", "format", "build", "coverage"})
# Where scripts are declared: file name, the table of their keys, how one is run.
_DECLARED = tuple(
    (re.compile(name, re.IGNORECASE), re.compile(keys), run)
    for name, keys, run in (
        (r"package\.json", r"scripts\.", "npm run {}"),
        (r"composer\.json", r"scripts\.", "composer {}"),
        (r"deno\.jsonc?", r"tasks\.", "deno task {}"),
        (r"pyproject\.toml", r"tool\.hatch\.envs\.\w+\.scripts\.", "hatch run {}"),
        (r"pyproject\.toml", r"tool\.poe\.tasks\.", "poe {}"),
        (r"pyproject\.toml", r"tool\.pdm\.scripts\.", "pdm run {}"),
        (r"pyproject\.toml", r"tool\.taskipy\.tasks\.", "task {}"),
        (r"tox\.ini", r"(?=testenv(?::[^.{]+)?\.commands$)", "tox -e {}"),
        (r"noxfile\.py", r"session\.", "nox -s {}"),
        (r"\.?justfile", r"target\.", "just {}"),
        (r"taskfile\.ya?ml", r"tasks\.", "task {}"),
        (r"(?:gnu)?makefile(?:\.am)?", r"target\.", "make {}"),
        (r"rakefile", r"(?=task$)", "rake {}"),
    )
)
_SHORT = {"npm run test": "npm test", "npm run start": "npm start", "make all": "make", "tox -e ": "tox"}
_SCRIPT = re.compile(r"(?:(?:scripts?|bin|tools|hack|ci|dev|util)/)?([\w.-]+)")
_MODULE = re.compile(r".*\.(?:py|m?js|ts|rb)")  # a script only if it says so
_IS_SCRIPT = re.compile(r"^#!|^if __name__\b|^if .*(?:require\.main|__FILE__)", re.MULTILINE)
_SCRIPT_NAME = re.compile(r"([\w-]+?)(?:\.(?:sh|py|bash|rb|js|mjs|ts|ps1|bat))?")
# What a manifest implies for a task. Told only where nothing is declared; {} is the name of the project.
_CONVENTIONS: tuple[tuple[str, dict[str, str]], ...] = (
    (r"cargo\.toml", {"test": "cargo test", "build": "cargo build", "run": "cargo run", "lint": "cargo clippy",
                      "format": "cargo fmt", "docs": "cargo doc", "bench": "cargo bench", "install": "cargo add {}",
                      "clean": "cargo clean"}),
    (r"go\.mod", {"test": "go test ./...", "build": "go build ./...", "run": "go run .", "lint": "go vet ./...",
                  "format": "gofmt -w .", "bench": "go test -bench=. ./...", "install": "go get {}",
                  "coverage": "go test -cover ./...", "analysis": "go vet ./..."}),
    (r"pom\.xml", {"test": "mvn test", "build": "mvn package", "clean": "mvn clean"}),
    (r"build\.gradle(?:\.kts)?", {"test": "./gradlew test", "build": "./gradlew build", "run": "./gradlew run",
                                  "clean": "./gradlew clean", "lint": "./gradlew check"}),
    (r"build\.sbt", {"test": "sbt test", "build": "sbt compile", "run": "sbt run", "clean": "sbt clean"}),
    (r"mix\.exs", {"test": "mix test", "build": "mix compile", "format": "mix format"}),
    (r"package\.swift", {"test": "swift test", "build": "swift build", "run": "swift run"}),
    (r".*\.(?:cs|fs)proj", {"test": "dotnet test", "build": "dotnet build", "run": "dotnet run"}),
    (r"cmakelists\.txt", {"build": "cmake -B build && cmake --build build", "test": "ctest --test-dir build"}),
    (r"meson\.build", {"build": "meson setup build && meson compile -C build", "test": "meson test -C build"}),
    (r"configure\.ac", {"build": "./configure && make", "test": "make check", "install": "make install"}),
    (r"pyproject\.toml|setup\.py", {"install": "pip install {}", "build": "python -m build", "test": "pytest"}),
    (r"package\.json", {"install": "npm install {}", "setup": "npm install"}),
    (r".*\.gemspec", {"install": "gem install {}", "build": "gem build", "setup": "bundle install"}),
    (r"rakefile", {"test": "rake test"}),
    (r"composer\.json", {"install": "composer require {}", "setup": "composer install"}),
)  # fmt: skip
_NOTHING = re.compile(r"(?!)")
_NEEDS = {"cargo run": "src/main.rs", "go run .": "main.go"}  # a library has nothing to run
_IMPLIED = tuple((re.compile(name, re.IGNORECASE), commands) for name, commands in _CONVENTIONS)


def commands(tree: ProjectTree, query: ProjectQuery) -> Iterator[Location]:
    """The best first.

    Of kind "command", `symbol` is what to type and `text` what that runs; of kind "said", `text` is the command.
    """
    name = query.thing if query.kind == "command" else "install"
    name = "run" if name in ("use", "start") else name
    asked = frozenset(map(_stem, _words(f"{name} {query.text}")))
    task = replace(_TASKS.get(name) or _tool(name), asked=asked)
    declared = [*_declared(tree, task), *_script_files(tree, task)] if name != "install" else []
    if not declared and name in _KNOWN_BY_PROGRAM:  # `scripts/lint` that formats
        task = replace(task, is_tool=True)
        declared = [*_declared(tree, task), *_script_files(tree, task)]
    quoted = list(_quoted(tree, task))
    ci = list(_of_ci(tree, task)) if name in _IN_CI or name not in _TASKS else []
    implied = list(_implied(tree, name)) if all("(in " in item.symbol for item in declared) else []
    own = [item for item in declared if "(in " not in item.symbol]
    others = [item for item in declared if item not in own]
    first = [*implied, *quoted] if name == "install" else [*own, *implied, *quoted, *others]
    yield from first or (_headings(tree, task) if name in _TASKS else ())
    yield from ci[: _LISTED // 2]


def _tool(name: str) -> _Task:
    """A script with exactly this name, or what runs a program with this name; of several words, a script with all."""
    if " " in name:
        return _Task(_NOTHING, _NOTHING, needs=frozenset(map(_stem, _words(name))))
    program = re.compile(rf"{_RUNS}{re.escape(name)}(?![\w.:/-])", re.IGNORECASE)
    return _Task(re.compile(re.escape(name), re.IGNORECASE), program, is_tool=True)


def _declared(tree: ProjectTree, task: _Task) -> list[Location]:
    """Scripts and targets, those nearest to the root and with the plainest name first."""
    found: list[tuple[int, int, Location]] = []
    for path, entry in tree.entries_of("manifest", "task", "configuration"):
        for name, keys, run in _DECLARED:
            table = keys.match(entry.key)
            if not table or not name.fullmatch(path.rpartition("/")[2]):
                continue
            script = entry.key[table.end() :] or entry.value
            script = script.strip(":'\"").split(" ")[0] if "rake" in run else _environment(script)
            is_run = (task.is_tool or (not script and "tox" in run)) and task.words.search(entry.value)
            if task.may_run(script) and (task.names_script(script.partition(".")[0]) or is_run):
                found.append((path.count("/"), len(script), _command(path, entry, run, script)))
    return [item for _, _, item in sorted(found, key=lambda item: item[:2])[:_LISTED]]


def _environment(script: str) -> str:
    """`lint` of tox's `testenv:lint.commands`; any other name as it is."""
    return script.removeprefix("testenv").strip(":").removesuffix(".commands")


def _command(path: str, entry: Entry, run: str, script: str) -> Location:
    typed = run.format(script)
    folder = path.rpartition("/")[0]
    typed = _SHORT.get(typed, typed) + (f" (in {folder})" if folder else "")
    return Location(path, entry.line, typed, "command", entry.value[:_VALUE])


def _script_files(tree: ProjectTree, task: _Task) -> Iterator[Location]:
    """Files of a folder for scripts whose name is the task: `scripts/test`; for a tool, those that run it."""
    found = []
    for path in tree.paths:
        place = _SCRIPT.fullmatch(path)
        name = _SCRIPT_NAME.fullmatch(place[1]) if place else None
        is_script = path.count("/") or path.endswith((".sh", ".bash"))
        if name and is_script and (not _MODULE.fullmatch(path) or _IS_SCRIPT.search(tree.text(path))):
            is_named = task.may_run(name[1]) and task.names_script(name[1])
            if is_named or (task.is_tool and task.may_run(name[1]) and task.words.search(_steps(tree.text(path)))):
                found.append(path)
    for path in sorted(found, key=len)[:_LISTED]:
        yield Location(path, 1, path, "command", _steps(tree.text(path))[:_VALUE])


def _steps(text: str) -> str:
    """The last commands of a script."""
    rows = (row.strip() for row in text[:_SCRIPT_LENGTH].split("\n"))
    return "; ".join([row for row in rows if row and not row.startswith(_NO_STEP)][-3:])


def _quoted(tree: ProjectTree, task: _Task) -> Iterator[Location]:
    """Commands in the code blocks of guides: those below a heading about the task, or about it themselves."""
    guides = [*tree.of_role("contributing"), *tree.of_role("readme")[:2], *_guides(tree)]
    for path in guides:
        sections = [section for section in tree.sections(path) if task.words.search(section.heading)]
        lines = [line for section in sections[:3] for line in section.commands()[:_LISTED]]
        about = [line for line in lines if task.words.search(line[1])] or lines * (not task.is_tool)
        yield from (Location(path, at, "", "said", text[:_VALUE]) for at, text in about[:_LISTED])


def _headings(tree: ProjectTree, task: _Task) -> Iterator[Location]:
    for path in [*tree.of_role("contributing"), *tree.of_role("readme")[:2], *_guides(tree)]:
        sections = [section for section in tree.sections(path) if task.words.search(section.heading)]
        yield from (Location(path, section.line, section.heading, "heading", "") for section in sections[:1])


def _guides(tree: ProjectTree) -> list[str]:
    name = re.compile(
        r"(?:.*/)?docs?/(?:.*/)?(?:contribut|develop|install|build|hacking|test|release|quick"
        r"|getting)[^/]*\.(?:md|rst|txt)"
    )
    return [path for path in tree.paths if name.fullmatch(path.lower())][:_LISTED]


def _of_ci(tree: ProjectTree, task: _Task) -> Iterator[Location]:
    """Steps of the CI that are about the task."""
    for path, entry in tree.entries_of("ci"):
        if entry.name in ("run", "script", "command") and not entry.is_table and task.words.search(entry.value):
            yield Location(path, entry.line, entry.key, "said", entry.value.removeprefix("|").strip()[:_VALUE])


def _implied(tree: ProjectTree, task: str) -> Iterator[Location]:
    """One command for each program."""
    programs: set[str] = set()
    for path in tree.of_role("manifest", "task"):
        for name, implied in _IMPLIED:
            typed = implied.get(task, "") if "/" not in path and name.fullmatch(path) else ""
            if typed in _NEEDS and _NEEDS[typed] not in tree.paths:
                continue
            package = _name_in(tree, path) if "{}" in typed else ""
            program = typed.split(" ")[0]
            if typed and program not in programs and (package or "{}" not in typed):
                programs.add(program)
                yield Location(path, 1, typed.replace("{}", package), "implied", path)


def _name_in(tree: ProjectTree, path: str) -> str:
    """The name of the package that a manifest declares, or that of the member that the project is named after."""
    names = ("name", "module", "project.name", "package.name", "tool.poetry.name", "metadata.name")
    alike = [
        path,
        *(other for other in tree.of_role("manifest") if other.endswith(f"/{path}") and tree.rank(other)[0] == 1),
    ]
    found = [entry.value for other in alike for entry in tree.entries(other) if entry.key in names]
    return found[0] if found else path.removesuffix(".gemspec") if path.endswith(".gemspec") else ""
