"""Which language a file is written in, by its name or its first line.

Does not read files, and knows only the names of grammars; what a definition looks like is in `definition_queries`.
"""

import re
from dataclasses import dataclass
from pathlib import PurePosixPath


@dataclass(frozen=True, slots=True)
class Language:
    """One row of the table. Files without a grammar are chunked into windows."""

    name: str
    suffixes: tuple[str, ...]
    names: tuple[str, ...] = ()  # full file names
    shebangs: tuple[str, ...] = ()  # interpreters
    grammar: str = ""  # a key of `definition_queries.QUERIES`
    prose: bool = False  # long lines are normal
    data: bool = False  # a large file is generated data, not code


LANGUAGES = (
    Language("python", (".py", ".pyi", ".pyw"), ("SConstruct", "wscript"), ("python",), grammar="python"),
    Language("javascript", (".js", ".mjs", ".cjs", ".jsx"), shebangs=("node",), grammar="javascript"),
    Language("typescript", (".ts", ".mts", ".cts"), shebangs=("deno", "ts-node"), grammar="typescript"),
    Language("tsx", (".tsx",), grammar="tsx"),
    Language("go", (".go",), grammar="go"),
    Language("rust", (".rs",), grammar="rust"),
    Language("java", (".java",), grammar="java"),
    Language("c", (".c", ".h"), grammar="c"),
    Language("cpp", (".cc", ".cpp", ".cxx", ".c++", ".hh", ".hpp", ".hxx", ".h++", ".ipp", ".tpp"), grammar="cpp"),
    Language("csharp", (".cs", ".csx"), grammar="csharp"),
    Language(
        "ruby", (".rb", ".rake", ".gemspec", ".ru"), ("Rakefile", "Gemfile", "Vagrantfile"), ("ruby",), grammar="ruby"
    ),
    Language("php", (".php", ".phtml"), shebangs=("php",), grammar="php"),
    Language("kotlin", (".kt", ".kts"), grammar="kotlin"),
    Language(
        "bash", (".sh", ".bash", ".zsh", ".ksh"), (".bashrc", ".zshrc", ".profile"), ("sh", "bash", "zsh"), "bash"
    ),
    Language("markdown", (".md", ".markdown", ".mdx"), grammar="markdown", prose=True),
    Language("rst", (".rst",), prose=True),
    Language("text", (".txt", ".adoc", ".org", ".tex"), ("README", "LICENSE", "NOTICE", "AUTHORS"), prose=True),
    Language("toml", (".toml",), ("Pipfile",)),
    Language("yaml", (".yaml", ".yml")),
    Language("json", (".json", ".jsonc", ".json5", ".ipynb"), data=True),
    Language("xml", (".xml", ".xsd", ".xsl", ".plist", ".csproj", ".props", ".svg"), data=True),
    Language("csv", (".csv", ".tsv", ".jsonl", ".ndjson"), data=True),
    Language("html", (".html", ".htm", ".xhtml", ".jinja", ".j2", ".tmpl")),
    Language("css", (".css", ".scss", ".sass", ".less")),
    Language("sql", (".sql",)),
    Language("ini", (".ini", ".cfg", ".conf", ".properties"), (".editorconfig", ".flake8")),
    Language("make", (".mk",), ("Makefile", "makefile", "GNUmakefile")),
    Language("cmake", (".cmake",), ("CMakeLists.txt",)),
    Language("docker", (".dockerfile",), ("Dockerfile", "Containerfile")),
    Language("protobuf", (".proto",)),
    Language("graphql", (".graphql", ".gql")),
    Language("terraform", (".tf", ".hcl")),
    Language("vue", (".vue",)),
    Language("svelte", (".svelte",)),
    Language("astro", (".astro",)),
    Language("erb", (".erb", ".rhtml")),
    Language("ejs", (".ejs",)),
    Language("swift", (".swift",)),
    Language("scala", (".scala", ".sc")),
    Language("lua", (".lua",), shebangs=("lua",)),
    Language("perl", (".pl", ".pm"), shebangs=("perl",)),
    Language("r", (".r",), shebangs=("Rscript",)),
    Language("elixir", (".ex", ".exs")),
    Language("haskell", (".hs",)),
    Language("zig", (".zig",)),
    Language("powershell", (".ps1", ".psm1")),
    Language("assembly", (".s", ".asm")),
)

TEXT = next(row for row in LANGUAGES if row.name == "text")
BY_NAME = {row.name: row for row in LANGUAGES}
_BY_SUFFIX = {suffix: row for row in LANGUAGES for suffix in row.suffixes}
_BY_FILE_NAME = {name: row for row in LANGUAGES for name in row.names}
_BY_SHEBANG = {name: row for row in LANGUAGES for name in row.shebangs}

_CPP_IN_A_HEADER = re.compile(
    r"^\s*(?:namespace\s+\w|template\s*<|class\s+\w[^;]*[{:]|(?:public|private|protected):|enum\s+class\s|using\s+\w"
    r"|constexpr\s|virtual\s|struct\s+\w[\w\s]*:\s*[A-Za-z])|\bstd::\w",
    re.MULTILINE,
)


def language_of(path: str, head: str = "") -> Language:
    """The language of a file by its path and the beginning of its text; `TEXT` when neither says."""
    name = PurePosixPath(path).name
    row = _BY_FILE_NAME.get(name) or _BY_SUFFIX.get(PurePosixPath(name).suffix.lower()) or _by_shebang(head)
    if path.endswith(".h") and _CPP_IN_A_HEADER.search(head):
        return BY_NAME["cpp"]
    return row or TEXT


def _by_shebang(head: str) -> Language | None:
    """`#!/usr/bin/env -S python3 -u` is python: the first word that is neither env nor an option, without version."""
    if not head.startswith("#!"):
        return None
    words = (PurePosixPath(word).name for word in head[2:].partition("\n")[0].split() if not word.startswith("-"))
    program = next((word for word in words if word != "env"), "")
    return _BY_SHEBANG.get(program.rstrip(".0123456789"))
