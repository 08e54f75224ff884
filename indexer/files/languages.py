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
    Language(
        "cpp",
        (".cc", ".cpp", ".cxx", ".c++", ".hh", ".hpp", ".hxx", ".h++", ".ipp", ".tpp", ".ino", ".cu", ".cuh"),
        grammar="cpp",
    ),
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
    Language("scala", (".scala", ".sc", ".sbt", ".mill"), grammar="scala"),
    Language("swift", (".swift",), shebangs=("swift",), grammar="swift"),
    Language("dart", (".dart",), grammar="dart"),
    Language("zig", (".zig", ".zon"), grammar="zig"),
    Language("solidity", (".sol",), grammar="solidity"),
    Language("lua", (".lua", ".rockspec"), shebangs=("lua", "luajit"), grammar="lua"),
    Language("luau", (".luau",), grammar="luau"),
    Language("perl", (".pl", ".pm", ".t"), shebangs=("perl",), grammar="perl"),
    Language("r", (".r",), (".Rprofile",), ("Rscript",), grammar="r"),
    Language("julia", (".jl",), shebangs=("julia",), grammar="julia"),
    Language("elixir", (".ex", ".exs"), shebangs=("elixir",), grammar="elixir"),
    Language("haskell", (".hs", ".hsc"), shebangs=("runghc", "runhaskell"), grammar="haskell"),
    Language("ocaml", (".ml",), shebangs=("ocaml",), grammar="ocaml"),
    Language("ocaml-interface", (".mli",), grammar="ocaml_interface"),
    Language("sql", (".sql", ".ddl", ".psql", ".pgsql"), grammar="sql"),
    Language("objc", (".mm",), grammar="objc"),
    Language("nim", (".nim", ".nims"), grammar="nim"),
    Language("fsharp", (".fs", ".fsx"), grammar="fsharp"),
    Language("erlang", (".erl", ".hrl"), shebangs=("escript",), grammar="erlang"),
    Language("elm", (".elm",), grammar="elm"),
    Language("gleam", (".gleam",), grammar="gleam"),
    Language("clojure", (".clj", ".cljs", ".cljc", ".bb"), grammar="clojure"),
    Language("powershell", (".ps1", ".psm1", ".psd1"), shebangs=("pwsh",), grammar="powershell"),
    Language("gdscript", (".gd",), grammar="gdscript"),
    Language("protobuf", (".proto",), grammar="proto"),
    Language("graphql", (".graphql", ".gql", ".graphqls"), grammar="graphql"),
    Language("terraform", (".tf", ".tfvars"), grammar="terraform"),
    Language("hcl", (".hcl", ".nomad"), grammar="hcl"),
    Language("css", (".css", ".pcss"), grammar="css"),
    Language("scss", (".scss", ".less"), grammar="scss"),
    Language("make", (".mk", ".mak"), ("Makefile", "makefile", "GNUmakefile"), ("make",), grammar="make"),
    Language("cmake", (".cmake",), ("CMakeLists.txt",), grammar="cmake"),
    Language("docker", (".dockerfile",), ("Dockerfile", "Containerfile"), grammar="dockerfile"),
    # These hold code of other languages, which `parsing.embedded` finds.
    Language("html", (".html", ".htm", ".xhtml", ".jinja", ".j2", ".tmpl")),
    Language("vue", (".vue",)),
    Language("svelte", (".svelte",)),
    Language("astro", (".astro",)),
    Language("erb", (".erb", ".rhtml")),
    Language("ejs", (".ejs",)),
    # These are prose or data, or code without a query.
    Language("rst", (".rst",), prose=True),
    Language(
        "text",
        (".txt", ".adoc", ".asciidoc", ".org", ".tex", ".text", ".log", ".po", ".pot", ".srt", ".eml"),
        ("README", "LICENSE", "LICENCE", "NOTICE", "AUTHORS", "CHANGELOG", "CHANGES", "COPYING", "TODO"),
        prose=True,
    ),
    Language("toml", (".toml",), ("Pipfile",)),
    Language("yaml", (".yaml", ".yml")),
    Language("json", (".json", ".jsonc", ".json5"), data=True),
    Language("xml", (".xml", ".xsd", ".xsl", ".plist", ".csproj", ".props", ".svg"), data=True),
    Language("csv", (".csv", ".tsv", ".jsonl", ".ndjson"), data=True),
    Language("notebook", (".ipynb",)),  # one that is damaged; else its language is that of its cells
    Language("sass", (".sass", ".styl")),
    Language("ini", (".ini", ".cfg", ".conf", ".properties"), (".editorconfig", ".flake8")),
    Language("assembly", (".s", ".asm")),
    Language("code", ()),  # what no other row has, unless it reads like prose
)

BY_NAME = {row.name: row for row in LANGUAGES}
TEXT, CODE = BY_NAME["text"], BY_NAME["code"]
_BY_SUFFIX = {suffix: row for row in LANGUAGES for suffix in row.suffixes}
_BY_FILE_NAME = {name: row for row in LANGUAGES for name in row.names}
_BY_SHEBANG = {name: row for row in LANGUAGES for name in row.shebangs}

_CPP_IN_A_HEADER = re.compile(
    r"^\s*(?:namespace\s+\w|template\s*<|class\s+\w[^;]*[{:]|(?:public|private|protected):|enum\s+class\s|using\s+\w"
    r"|constexpr\s|virtual\s|struct\s+\w[\w\s]*:\s*[A-Za-z])|\bstd::\w",
    re.MULTILINE,
)
_MARKS_OF_CODE = re.compile(r"[{}\[\];=<>$|&]")
_OBJECTIVE_C = re.compile(r"^(?:#import\s|@(?:interface|implementation|protocol|import|class)\s)", re.MULTILINE)


def language_of(path: str, head: str = "") -> Language:
    """The language of a file by its path and the beginning of its text.

    A file of an unknown kind is code, unless it has no suffix and reads like prose.
    """
    name = PurePosixPath(path).name
    suffix = PurePosixPath(name).suffix.lower()
    if suffix in (".h", ".m") and _OBJECTIVE_C.search(head):
        return BY_NAME["objc"]
    if suffix == ".h" and _CPP_IN_A_HEADER.search(head):
        return BY_NAME["cpp"]
    known = _BY_FILE_NAME.get(name) or _BY_SUFFIX.get(suffix) or _by_shebang(head)
    known = known or _BY_FILE_NAME.get(name.partition(".")[0])  # `Dockerfile.test`, `README.de`
    return known or (CODE if suffix or _reads_like_code(head) else TEXT)


def _reads_like_code(head: str) -> bool:
    """Whether marks of code are as frequent as they never are in sentences."""
    return len(_MARKS_OF_CODE.findall(head)) > 0.03 * len(head)


def _by_shebang(head: str) -> Language | None:
    """`#!/usr/bin/env -S python3 -u` is python: the first word that is neither env nor an option, without version."""
    if not head.startswith("#!"):
        return None
    words = (PurePosixPath(word).name for word in head[2:].partition("\n")[0].split() if not word.startswith("-"))
    program = next((word for word in words if word != "env"), "")
    return _BY_SHEBANG.get(program.rstrip(".0123456789"))
