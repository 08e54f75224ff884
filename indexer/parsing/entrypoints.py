"""Source text -> the lines where a web route or a command-line command is registered.

Recognises calls, decorators and annotations of common frameworks; text in a comment or string does not count.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass

from indexer.parsing.references import Reference, references

# Every chunk that may register one contains one of the terms and one of the texts; for `Snapshot.files_with`.
ROUTE_TERMS = (
    *("get", "post", "put", "patch", "delet", "rout", "websocket", "path", "handl", "handlefunc"),
    *("getmapping", "postmapping", "putmapping", "patchmapping", "deletemapping", "requestmapping"),
    *("mapget", "mappost", "mapput", "httpget", "httppost", "httpput", "httpdelete"),
)
ROUTE_TEXTS = ('"/', "'/", "`/", 'path("', "path('", "Mapping", "[Http", "[Route", '"GET /', '"POST /')
COMMAND_TERMS = ("command", "add_parser", "group", "subcommand")
COMMAND_TEXTS = ("command", "Command", "add_parser", ".group")

_VERB = "(?:get|post|put|patch|delete|head|options)"
_PATH = r"\(\s*[rfb]?[\"'`](?:/|[A-Z]+ /)[^\"'`\n]*[\"'`]"  # Go writes "GET /path"
_HOLDER = r"\b(?:app|\w*router|\w*routes?|server|bp|blueprint|mux|group|fastify|[regv]\d?)"
_ROUTE = re.compile(
    "|".join(
        (
            rf"@[\w.]+\.(?:{_VERB}|route|websocket|api_route){_PATH}",  # Flask, FastAPI
            rf"{_HOLDER}\.(?:{_VERB}|all|ws|websocket|add_api_route|add_url_rule|any){_PATH}\s*,",  # Express, gin
            rf"\.(?:route|HandleFunc|Handle|Map(?:Get|Post|Put|Patch|Delete)){_PATH}\s*,",  # axum, net/http, ASP.NET
            rf"\bRoute::(?:{_VERB}|any|match){_PATH}",  # Laravel
            r"@(?:(?:Get|Post|Put|Patch|Delete|Request)Mapping|Path)\b",  # Spring, JAX-RS
            r"\[(?:Http(?:Get|Post|Put|Patch|Delete)|Route)\b",  # ASP.NET
            rf"#\[{_VERB}{_PATH}",  # actix, Rocket
            r"(?<![\w.])(?:re_)?path\(\s*r?[\"'][^\"'\n]*[\"']\s*,",  # Django
        )
    ),
    re.IGNORECASE,
)
_COMMAND = re.compile(
    "|".join(
        (
            r"@[\w.]+\.(?:command|group)\b",  # click, typer
            r"\.add_parser\(\s*[\"']",  # argparse
            r"\.command\(\s*[\"'`]",  # commander, yargs
            r"\.subcommand\(\s*\w*Command::new\(\s*\"",  # clap
            r"&cobra\.Command\{",
            r"@Command\(",  # picocli
        )
    )
)


@dataclass(frozen=True, slots=True)
class EntryPoint:
    """Where a route or command is registered."""

    line: int
    symbol: str  # qualified name of the definition it decorates or is registered in; "" outside definitions


def routes(text: str, language: str) -> tuple[EntryPoint, ...]:
    return tuple(_entry_points(_ROUTE, text, language))


def commands(text: str, language: str) -> tuple[EntryPoint, ...]:
    return tuple(_entry_points(_COMMAND, text, language))


def _entry_points(pattern: re.Pattern[str], text: str, language: str) -> Iterator[EntryPoint]:
    matches = list(pattern.finditer(text))
    if not matches:
        return
    calls: dict[int, Reference] = {ref.line: ref for ref in references(text, language) if ref.kind == "call"}
    line, at = 1, 0
    lines: dict[int, None] = {}
    for match in matches:
        line += text.count("\n", at, match.start())
        at = match.start()
        lines[line] = None
    for line in lines:
        if line in calls:
            yield EntryPoint(line, calls[line].enclosing)
