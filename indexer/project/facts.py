"""Facts of a project, from the entries of its manifests and from its readme: licence, versions, dependencies, ...

Each fact is a line of a file with the key and the value that stand there. Does not word an answer.
"""

import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace

from indexer.files.roles import Role
from indexer.navigation.locations import Location
from indexer.parsing.manifests.entry import HASH_COMMENTS, Entry, flat, uncommented
from indexer.project.documents import first_paragraph, licence_name, plain
from indexer.project.keys import ALIASES, CODE_VERSIONS, DEVELOPMENT, FACTS, MAIN_FILE, Keys
from indexer.project.products import KINDS, products
from indexer.project.questions import ProjectKind, ProjectQuery
from indexer.project.tree import ProjectTree

_LINE = 1000  # characters of a line that is read
_VALUE = 200  # characters of a line that are told
_TOLD = 2000  # characters of a value
_PER_FILE = 6  # facts of one file
_NAMES = 30  # of a table that are listed
_NUMBER = r"\d+(?:\.\d+|\+| (?:or|and) \w+)"
_VERSION = re.compile(r"\d")
_LISTED_TOOL = re.compile(r"(?:lint|test|format|type)")  # one that is a development dependency
_TABLES = ("require", "requirements", "dependency-groups", "project.itemgroup.packagereference", "deps")
_TEXT = re.compile(r"\"[^\"]*\"|'[^']*'")
_ITEM = re.compile(rf"{_TEXT.pattern}|[^\s,\"'][^,\"']*")
_NESTED = re.compile(r"[\[\](){}]")
_OTHERS = r"(?:external|runtime|third[- ]party|additional|required|mandatory|production|npm|python)"
_NEEDS_NOTHING = re.compile(  # a list has an item for it, or a sentence says it of the project
    rf"(?:^\W*|\b(?:has|have|with|requires?|needs?) )(?:no|zero)(?:[- ]{_OTHERS}){{0,2}}[- ]dependenc\w+"
    r"|\bdependenc\w+ other than\b|\bonly depends on\b",
    re.IGNORECASE,
)
# What a link is asked for -> what its key or its address has.
_LINKS = tuple(
    (re.compile(asked), re.compile(words, re.IGNORECASE))
    for asked, words in (
        ("doc", "doc"),
        ("bug|issue", "bug|issue|tracker|support"),
        ("vuln|secur", "vuln|secur"),
        ("home|web", "home|site"),
        ("source|repo|git|code|project", "repo|source|scm|git|code"),
        ("change", "change|release|history"),
    )
)
_NO_SENTENCE = re.compile(
    r"badge|shields\.io|^\s*#|^\s*[-*] \[[^\]]*\](?:\(#|\[)|^\[[^\]]+\]:|^\s*:\w+:|^\s*\||^\s*\S+\s*$"
)

Find = Callable[[ProjectTree, ProjectQuery], Iterable[Location]]


def keyed(tree: ProjectTree, keys: Iterable[Keys], *roles: Role) -> Iterator[Location]:
    """The entries that match, by the order of `keys`. Members of a project tell only what its root does not."""
    seen: set[tuple[str, int]] = set()
    for row in keys:
        nearest = None
        for path, entry in tree.own_entries_of(*roles):
            if not row.has(path, entry.key) or (path, entry.line) in seen or (row.part and entry.is_table):
                continue
            nearest = nearest or tree.rank(path)
            if tree.rank(path) == nearest:
                seen.add((path, entry.line))
                yield from [fact(tree, path, entry)] if row.part is None else _parts(tree, path, entry, row.part)


def fact(tree: ProjectTree, path: str, entry: Entry) -> Location:
    """A table is told by the names in it."""
    value = _table(tree, path, entry) if entry.is_table else entry.value
    return Location(path, entry.line, entry.key, "key", _tidy(value)[:_TOLD], end=entry.end_line)


def _artifacts(inner: Sequence[Entry]) -> str:
    """The dependencies of a pom.xml, which have no keys with their names."""
    found: list[str] = []
    for entry in inner:
        if entry.name.lower() == "artifactid" and "exclusion" not in entry.key.lower():
            found.append(entry.value)
        elif entry.name.lower() == "version" and found:
            found[-1] += f" {entry.value}"
    return ", ".join(found[:_NAMES])


def _tidy(value: str) -> str:
    """A list of words without its brackets and quotes."""
    if value[:1] != "[" or value[-1:] != "]" or _NESTED.search(_TEXT.sub("", value[1:-1])):
        return value
    return ", ".join(flat(item) for item in _ITEM.findall(value[1:-1]))


def _table(tree: ProjectTree, path: str, table: Entry) -> str:
    inner = [
        entry
        for entry in tree.entries(path)
        if entry.key.startswith(f"{table.key}.") and table.line <= entry.line <= table.end_line and not entry.is_table
    ]
    named = (f"{entry.key[len(table.key) + 1 :]} {_tidy(entry.value)}" for entry in inner[:_NAMES])
    return _artifacts(inner) or ", ".join(named) or table.value


def _parts(tree: ProjectTree, path: str, entry: Entry, part: re.Pattern[str]) -> Iterator[Location]:
    rows = uncommented(tree.text(path), HASH_COMMENTS).split("\n")
    for line in range(entry.line, entry.end_line + 1):
        if part.search(rows[line - 1]):
            yield Location(path, line, entry.key, "key", short(flat(rows[line - 1])))


def short(text: str) -> str:
    """Cut to what a line may be."""
    return text if len(text) <= _VALUE else f"{text[:_VALUE]}…"


def _of_kind(kind: ProjectKind, *roles: Role) -> Find:
    return lambda tree, _: keyed(tree, FACTS[kind], *roles)


def _licence(tree: ProjectTree, _: ProjectQuery) -> Iterator[Location]:
    declared = list(keyed(tree, FACTS["licence"], "manifest"))
    yield from declared
    texts = tree.of_role("licence")  # that of a folder is its own: of a vendored library
    for path in (path for path in texts if "/" not in path or not (declared or "/" not in texts[0])):
        if name := licence_name(tree.text(path)):
            yield Location(path, 1, name, "licence", name)
    yield from _readme_lines(tree, re.compile(r"\blicen[cs]ed?\b(?! agreement)", re.IGNORECASE))


def _version(tree: ProjectTree, _: ProjectQuery) -> Iterator[Location]:
    for found in keyed(tree, FACTS["version"], "manifest"):
        if _VERSION.search(found.text):
            yield found
    for path in tree.of_role("configuration"):
        if path.rpartition("/")[2].lower().startswith("version"):
            yield from (fact(tree, path, entry) for entry in tree.entries(path))
    for item in tree.versions(CODE_VERSIONS)[:_PER_FILE]:
        symbol = item.symbol
        found = Location(item.path, symbol.start_line, symbol.qualified, "code", symbol.signature)
        if re.search(r"\d+\.\d+", found.text) and tree.still_has(found):
            yield found
    for path in tree.of_role("changelog")[:1]:
        released = (section for section in tree.sections(path) if re.search(r"\d+\.\d+", section.heading))
        yield from (Location(path, section.line, section.heading, "heading", "") for section in list(released)[:1])


def _runtime(tree: ProjectTree, query: ProjectQuery) -> Iterator[Location]:
    """What the manifests require, then what the readme says, then what is tested."""
    words = query.thing.split(" ")
    thing = next((ALIASES[word] for word in words if word in ALIASES), re.escape(words[-1] if words else ""))
    about = re.compile(thing, re.IGNORECASE)
    for found in keyed(tree, FACTS["runtime"], "manifest", "configuration"):
        if about.search(found.symbol) or about.search(found.text):
            yield found
    yield from list(_named_versions(tree, thing))[:_PER_FILE]
    spoken = "|".join(map(re.escape, [*words, "c++" if words[0] in ("cpp", "cxx") else words[0]]))
    yield from _readme_lines(
        tree, re.compile(rf"\b(?:{spoken})(?!://)\W{{0,6}}(?:\w+ ){{0,3}}(?:v|version )?{_NUMBER}", re.IGNORECASE)
    )


def _named_versions(tree: ProjectTree, thing: str) -> Iterator[Location]:
    """Entries with the name of the thing and a version: `kotlin_version`, a dependency, the matrix of the CI."""
    named = re.compile(rf"(?:(?:min|minimum|required)[-_]?)?(?:{thing})(?:[-_.]?(?:version|release))?s?", re.IGNORECASE)
    version_file = re.compile(rf"(?:.*/)?\.(?:{thing})-version|(?:.*/)?\.nvmrc", re.IGNORECASE)
    seen: set[str] = set()
    for path, entry in tree.own_entries_of("manifest", "configuration", "task", "ci"):
        is_file = bool(version_file.fullmatch(path)) and ("nvmrc" not in path or "node" in thing)
        is_named = named.fullmatch(entry.name) and entry.name not in ("edition", "toolchain")
        if (is_named or is_file) and _VERSION.search(entry.value) and not entry.is_table and entry.value not in seen:
            seen.add(entry.value)
            yield fact(tree, path, entry)


def _dependencies(tree: ProjectTree, query: ProjectQuery) -> Iterator[Location]:
    is_development = re.search(r"\b(?:dev|development|test|testing|build|docs?)\b", query.thing)
    keys = [DEVELOPMENT] if is_development else FACTS["dependencies"]
    keys = FACTS["dependencies"][-1:] if query.thing == "optional" else keys
    yield from _grouped(keyed(tree, keys, "manifest"))
    yield from _headings(tree, re.compile(r"dependenc|requirement|prerequisite", re.IGNORECASE))
    if not is_development:
        yield from _readme_lines(tree, _NEEDS_NOTHING)


def _requirements(tree: ProjectTree, query: ProjectQuery) -> Iterator[Location]:
    """The language or the platform first, then where it says so in words, then the packages."""
    yield from list(keyed(tree, FACTS["runtime"][:1], "manifest", "configuration"))[:_PER_FILE]
    yield from list(_platforms(tree))[:_PER_FILE]
    yield from _headings(tree, re.compile(r"requirement|prerequisite", re.IGNORECASE))
    yield from _dependencies(tree, query)


def _platforms(tree: ProjectTree) -> Iterator[Location]:
    return keyed(tree, FACTS["requirements"], "manifest")


def _grouped(locations: Iterable[Location]) -> Iterator[Location]:
    """Entries of the same table, or with the same key, as one: `require` of a go.mod, `gem` of a Gemfile."""
    groups: dict[tuple[str, str], list[Location]] = {}
    for location in locations:
        table = next((table for table in _TABLES if location.symbol.startswith(f"{table}.")), location.symbol)
        groups.setdefault((location.path, table), []).append(location)
    for (_, table), members in groups.items():
        first, *others = members
        if not others or first.symbol == table != others[0].symbol:  # a table, and what is in it
            yield first
        else:
            names = [f"{item.symbol.removeprefix(table).strip('.')} {item.text}".strip() for item in members[:_NAMES]]
            yield replace(first, symbol=table, text=", ".join(names)[:_TOLD], end=max(item.end for item in members))


def _headings(tree: ProjectTree, pattern: re.Pattern[str]) -> Iterator[Location]:
    """The sections of the readme with such a heading."""
    for path in tree.of_role("readme")[:1]:
        found = [section for section in tree.sections(path) if pattern.search(section.heading)]
        yield from (Location(path, section.line, section.heading, "heading", "") for section in found[:1])


def _entry_points(tree: ProjectTree, _: ProjectQuery) -> Iterator[Location]:
    named = keyed(tree, FACTS["entry points"], "manifest")
    yield from (item for item in named if not item.path.endswith("go.mod"))  # `module` is its path
    main = [path for path in tree.paths if MAIN_FILE.fullmatch(path)]
    yield from (
        Location(path, 1, path, "file", "") for path in sorted(main, key=lambda path: path.count("/"))[:_PER_FILE]
    )
    for path, entry in tree.entries_of("task"):
        if entry.key in ("ENTRYPOINT", "CMD"):
            yield fact(tree, path, entry)


def _purpose(tree: ProjectTree, _: ProjectQuery) -> list[Location]:
    described = list(keyed(tree, FACTS["purpose"], "manifest"))[:2]
    for path in tree.of_role("readme")[:1]:
        if paragraph := first_paragraph(tree.text(path)):
            said = Location(path, paragraph[0], "", "text", plain(paragraph[2]))
            return [*described, said] if said.text.endswith(":") else [said, *described]
    return described


def _links(tree: ProjectTree, query: ProjectQuery) -> list[Location]:
    """Without a thing, all of them."""
    wanted = next((words for asked, words in _LINKS if asked.match(query.thing)), re.compile(""))
    found = keyed(tree, FACTS["links"], "manifest", "configuration")
    return [item for item in found if wanted.search(f"{item.symbol} {item.text}")]


def _tools(tree: ProjectTree, query: ProjectQuery) -> Iterator[Location]:
    word = query.thing.rstrip("s").removesuffix("ter").removesuffix("ing")
    for found in keyed(tree, FACTS["tools"], "manifest"):
        if word in f"{found.symbol} {found.text}".lower():
            yield found
    if query.thing in KINDS:
        yield from products(tree, query.thing)
    if _LISTED_TOOL.match(query.thing):
        yield from list(_grouped(keyed(tree, [DEVELOPMENT], "manifest")))[:2]


def _ci(tree: ProjectTree, _: ProjectQuery) -> Iterator[Location]:
    """What the manifests say, then each value of the CI once."""
    seen: set[str] = set()
    yield from list(_platforms(tree))[:_PER_FILE]
    for item in keyed(tree, FACTS["ci"], "ci"):
        if "${{" not in item.text and item.text not in seen:
            seen.add(item.text)
            yield item
    yield from _readme_lines(tree, re.compile(r"\b(?:windows|macos|linux)\b", re.IGNORECASE))


def _readme_lines(tree: ProjectTree, pattern: re.Pattern[str]) -> Iterator[Location]:
    """Lines of the readme and its like that say it in words."""
    for path in [*tree.of_role("readme")[:1], *tree.of_role("contributing")[:1], *tree.opening_pages()]:
        rows = enumerate((row[:_LINE] for row in tree.text(path).split("\n")), 1)
        lines = [(at, plain(row)) for at, row in rows if pattern.search(row) and not _NO_SENTENCE.search(row)]
        yield from (Location(path, at, "", "text", short(row)) for at, row in lines[:2])


FINDERS: dict[ProjectKind, Find] = {
    "licence": _licence,
    "version": _version,
    "runtime": _runtime,
    "dependencies": _dependencies,
    "entry points": _entry_points,
    "purpose": _purpose,
    "authors": _of_kind("authors", "manifest"),
    "links": _links,
    "name": _of_kind("name", "manifest"),
    "ci": _ci,
    "tools": _tools,
    "requirements": _requirements,
}
