"""Routes and commands of common frameworks, and code that only looks like them."""

import pytest

from indexer.parsing.entrypoints import EntryPoint, commands, routes

ROUTES = [
    ("python", '@app.route("/a")\ndef a(): ...\n', [EntryPoint(1, "a")]),
    ("python", '@api.post(\n    f"/a/{x}",\n)\nasync def make(): ...\n', [EntryPoint(1, "make")]),
    ("python", 'urlpatterns = [\n    path("a/", views.a),\n]\n', [EntryPoint(2, "")]),
    ("python", 'def go():\n    requests.get("/a")\n    client.post("/b", x)\n    # @app.get("/c")\n', []),
    ("python", '"""\n@app.get("/doc")\n"""\n', []),
    ("javascript", "app.get('/a', (req, res) => {});\napi.get('/b', {});\n", [EntryPoint(1, "")]),
    ("typescript", "class C {\n  set(router: R) { router.post(`/a`, this.a); }\n}\n", [EntryPoint(2, "C.set")]),
    (
        "go",
        'func main() {\n\tr.GET("/a", a)\n\tmux.HandleFunc("GET /b", b)\n}\n',
        [EntryPoint(2, "main"), EntryPoint(3, "main")],
    ),
    (
        "rust",
        '#[get("/a")]\nfn a() {}\nfn app() { Router::new().route("/b", get(b)); }\n',
        [EntryPoint(1, "a"), EntryPoint(3, "app")],
    ),
    ("java", 'class A {\n  @GetMapping("/a")\n  String a() { return ""; }\n}\n', [EntryPoint(2, "A.a")]),
    ("csharp", 'class A {\n  [HttpGet("a")]\n  string Get() { return ""; }\n}\n', [EntryPoint(2, "A.Get")]),
    ("php", "<?php\nRoute::get('/a', 'A@a');\n", [EntryPoint(2, "")]),
]
COMMANDS = [
    (
        "python",
        "@cli.command()\ndef run(): ...\n\n@click.group\ndef all(): ...\n",
        [EntryPoint(1, "run"), EntryPoint(4, "all")],
    ),
    ("python", 'def main():\n    subs.add_parser("run")\n    say(".add_parser()")\n', [EntryPoint(2, "main")]),
    ("javascript", "program.command('run <file>').action(run);\n", [EntryPoint(1, "")]),
    ("go", 'func new() {\n\tc := &cobra.Command{Use: "run"}\n}\n', [EntryPoint(2, "new")]),
    (
        "rust",
        'fn cli() { Command::new("app").subcommand(Command::new("run")); Command::new("ls"); }\n',
        [EntryPoint(1, "cli")],
    ),
]


@pytest.mark.parametrize(("language", "text", "expected"), ROUTES)
def test_routes(language: str, text: str, expected: list[EntryPoint]) -> None:
    assert list(routes(text, language)) == expected


@pytest.mark.parametrize(("language", "text", "expected"), COMMANDS)
def test_commands(language: str, text: str, expected: list[EntryPoint]) -> None:
    assert list(commands(text, language)) == expected
