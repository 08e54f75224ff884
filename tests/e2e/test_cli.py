"""The command line as a user and a pipe see it: stdout, stderr and exit codes."""

import json
import os
import shutil
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from backend.instance_lock import find
from prompts.task import EXPLAIN
from tests.e2e.harness import INTERRUPTIBLE, LANTERN, TIMEOUT_S, environment, events_of, lantern, serving
from tests.tiny_gguf import ALL, PHI3, tiny_dir

pytestmark = pytest.mark.process

CODE = {
    "shop/cart.py": (
        "class Cart:\n"
        '    """The things a customer wants to buy."""\n\n'
        "    def total(self, prices):\n"
        '        """Sums up what the cart costs, discount included."""\n'
        "        return sum(prices[item] for item in self.items) * self.discount\n"
    ),
    "shop/mail.py": (
        'def send_receipt(address, cart):\n    """Mails the receipt of a finished order."""\n    return address\n'
    ),
    ".env": "PASSWORD=hunter2hunter2\n",
}


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A codebase, indexed by the running server of the data folder beside it: `shop.parent / "data"`."""
    root = tmp_path_factory.mktemp("world") / "code"
    for path, text in CODE.items():
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).write_text(text)
    with serving(root.parent / "data"):
        done = lantern(root.parent / "data", "index", str(root), "--json")
        assert done.returncode == 0, done.stderr
        assert json.loads(done.stdout)["report"]["files"] == 2
        assert json.loads(done.stdout)["report"]["skipped"] == {"secret": 1}
        assert "2 files, 3 chunks" in done.stderr
        yield root


def test_everything_after_the_installation_works_without_a_network(shop: Path, tmp_path: Path) -> None:
    record = tmp_path / "record"
    closed: dict[str, Any] = {"PYTHONPATH": Path(__file__).parent / "offline", "OFFLINE_RECORD": record}
    indexed = lantern(tmp_path / "data", "index", str(shop), **closed)
    with serving(tmp_path / "data", **closed):
        answer = lantern(tmp_path / "data", "ask", "How is the total computed?", "--path", str(shop), **closed)
        found = lantern(tmp_path / "data", "search", "receipt", "--path", str(shop), **closed)
    assert (indexed.returncode, answer.returncode, found.returncode) == (0, 0, 0), answer.stderr
    assert "`Cart.total`" in answer.stdout.split("\n\n")[0]
    assert found.stdout.startswith("shop/mail.py:1-3  send_receipt\n")
    assert not record.exists(), record.read_text()


def test_the_overview_says_the_same_with_and_without_a_server(shop: Path) -> None:
    data = shop.parent / "data"
    alone = lantern(data, "overview", str(shop))
    with serving(data):
        served = lantern(data, "overview", str(shop), "--json")
    assert alone.returncode == served.returncode == 0, alone.stderr + served.stderr
    overview = json.loads(served.stdout)
    assert alone.stdout.startswith(f"{overview['name']}: 2 python\n")
    assert alone.stdout.count("\n") == 1 + len(overview["facts"])
    assert "layout        shop/ 2 files: 2 python  (shop/cart.py:1)" in alone.stdout


def test_the_network_is_closed_in_that_test(tmp_path: Path) -> None:
    code = "import urllib.request; urllib.request.urlopen('http://example.com')"
    closed = {"PYTHONPATH": str(Path(__file__).parent / "offline"), "OFFLINE_RECORD": str(tmp_path / "record")}
    done = subprocess.run([LANTERN[0].replace("lantern", "python"), "-c", code], env=closed, capture_output=True)
    assert done.returncode == 1
    assert "example.com" in (tmp_path / "record").read_text()


def test_the_answer_alone_is_on_stdout(shop: Path) -> None:
    done = lantern(shop.parent / "data", "ask", "What does send_receipt do?", "--path", str(shop), "-u")
    assert done.returncode == 0
    assert done.stdout.startswith(
        "`send_receipt` is a function in `shop/mail.py:1-3` [1]. Mails the receipt of a finished order."
    )
    assert "No model is installed: `lantern models pull " in done.stdout
    assert "[1] shop/mail.py:1-3  send_receipt" in done.stderr
    assert "extractive:" in done.stderr
    assert "\x1b" not in done.stdout + done.stderr


def test_a_conversation_continues_and_json_has_the_complete_answer(shop: Path) -> None:
    data, where = shop.parent / "data", ("--path", str(shop), "--json")
    first = json.loads(lantern(data, "ask", "What does Cart.total do?", *where).stdout)
    second = json.loads(lantern(data, "ask", "and where is it defined?", "-c", *where).stdout)
    third = json.loads(lantern(data, "ask", "again?", "--cid", first["conversation_id"], *where).stdout)
    assert first["conversation_id"] == second["conversation_id"] == third["conversation_id"]
    assert first["model_name"] == "extractive"
    assert "models pull" in first["response"]
    assert "models pull" not in second["response"]  # once in a conversation
    assert second["sources"][0]["path"] == "shop/cart.py"
    assert first["end"]["reason"] == "stop"


def test_jsonl_extract_dry_run_and_context(shop: Path) -> None:
    data, where = shop.parent / "data", ("--path", str(shop))
    events = events_of(lantern(data, "ask", "What does send_receipt do?", *where, "--jsonl").stdout)
    extract = lantern(data, "ask", "What does send_receipt do?", *where, "-x")
    dry = lantern(data, "ask", "What does send_receipt do?", *where, "--dry-run")
    shown = lantern(data, "ask", "What does send_receipt do?", *where, "--show-context", "--json")
    numbered = [event["seq"] for event in events if "seq" in event]
    assert numbered == list(range(1, len(numbered) + 1))
    assert events[-1]["type"] == "end"
    assert extract.stdout.startswith("def send_receipt(address, cart):\n")
    assert "```" not in extract.stdout
    assert dry.stdout.rstrip().endswith(f"Question: What does send_receipt do?\n\n{EXPLAIN}\n\nAssistant:")
    assert "def send_receipt(address, cart):" in shown.stderr
    assert json.loads(shown.stdout)["sources"]


def test_piped_input_is_context(shop: Path) -> None:
    diff = "-    return address\n+    return None\n"
    done = lantern(shop.parent / "data", "ask", "review this", "--path", str(shop), "--dry-run", stdin=diff)
    assert "[1] stdin:1-2\n```text\n-    return address\n+    return None\n```" in done.stdout


def test_search_prints_locations_or_json(shop: Path) -> None:
    data = shop.parent / "data"
    plain = lantern(data, "search", "customer wants to buy", "--path", str(shop), "-k", "1")
    full = json.loads(lantern(data, "search", "receipt", "--path", str(shop), "--json").stdout)
    assert plain.stdout == "shop/cart.py:1-6  Cart\n"
    hit = full["hits"][0]
    assert (hit["path"], hit["symbol"], hit["kind"], hit["language"], hit["fresh"]) == (
        "shop/mail.py",
        "send_receipt",
        "function",
        "python",
        True,
    )
    assert full["generation"] >= 1


def test_a_repository_inside_is_a_codebase_of_its_own(tmp_path: Path) -> None:
    data, root = tmp_path / "data", tmp_path / "code"
    feat = root / "trees" / "feat"
    feat.mkdir(parents=True)
    (root / "mail.py").write_text(CODE["shop/mail.py"])
    (feat / "mail.py").write_text(CODE["shop/mail.py"])
    (feat / ".git").write_text("gitdir: /elsewhere\n")
    outer = lantern(data, "index", str(root))
    assert "1 file, " in outer.stderr
    assert "skipped: 1 repository of its own" in outer.stderr
    message = (
        f"no index for {feat}: {feat} is a codebase of its own (a repository, worktree or submodule): run `lantern"
    )
    refused = lantern(data, "search", "receipt", "--path", str(feat))
    with serving(data):
        also = lantern(data, "ask", "receipt", "--path", str(feat))
        assert lantern(data, "index", str(feat)).returncode == 0
        found = lantern(data, "search", "receipt", "--path", str(feat), "--json")
    for done in (refused, also):
        assert (done.returncode, done.stdout) == (3, "")
        assert f"{message} index {feat}` first" in done.stderr
    assert [hit["path"] for hit in json.loads(found.stdout)["hits"]] == ["mail.py"]


@pytest.mark.parametrize(
    ("words", "code", "message"),
    [
        (("ask", "x", "--path", "{elsewhere}"), 3, "run `lantern index"),
        (("search", "x", "--path", "{elsewhere}"), 3, "run `lantern index"),
        (("ask", "x", "--path", "{shop}", "-m", "codellama-7b"), 4, "lantern models pull codellama-7b"),
        (("ask", "x", "--path", "{shop}", "-m", "nope"), 4, "no model is called 'nope'"),
        (("ask", "x", "--path", "{shop}", "--cid", "missing"), 1, "no conversation missing"),
        (("ask", "  ", "--path", "{shop}"), 1, "empty"),
        (("index", "{elsewhere}/missing"), 1, "missing"),
        (("index", "{elsewhere}"), 1, ""),
        (("models", "pull", "nope"), 4, "no model is called 'nope'"),
        (("ask",), 2, "question"),
        (("frobnicate",), 2, "frobnicate"),
        (("search", "x", "-k", "0"), 2, "-k"),
    ],
)
def test_failures_have_messages_and_exit_codes(
    shop: Path, tmp_path: Path, words: tuple[str, ...], code: int, message: str
) -> None:
    filled = [word.format(elsewhere=tmp_path, shop=shop) for word in words]
    done = lantern(shop.parent / "data", *filled)
    assert (done.returncode, done.stdout) == (code, ""), done.stderr
    assert message in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize(
    ("command", "name", "value"),
    [
        ("serve", "PORT", "99999"),
        ("serve", "HOST", "0.0.0.0"),
        ("serve", "DATABASE_URL", "nonsense"),
        ("serve", "DATABASE_URL", "sqlite:////proc/none/x.db"),
        ("serve", "LOG_LEVEL", "LOUD"),
        ("serve", "MODEL_NAME", "nope"),
        ("doctor", "PORT", "99999"),
        ("doctor", "DATABASE_URL", "sqlite:////proc/none/x.db"),
        ("doctor", "MODEL_NAME", "nope"),
    ],
)
def test_a_malformed_setting_stops_the_start_with_its_name(tmp_path: Path, command: str, name: str, value: str) -> None:
    done = lantern(tmp_path, command, **{name: value})
    assert done.returncode in (1, 2)
    assert name in done.stderr
    assert "Traceback" not in done.stderr


def test_a_running_server_is_used_and_a_second_one_is_refused(shop: Path) -> None:
    data = shop.parent / "data"
    server = find(data)
    assert server is not None
    answer = lantern(data, "ask", "Where is send_receipt?", "--path", str(shop), "--json")
    sessions = httpx.get(
        f"{server.url}/chat/sessions", headers={"Authorization": f"Bearer {(data / 'token').read_text().strip()}"}
    ).json()["sessions"]
    second = lantern(data, "serve")
    assert json.loads(answer.stdout)["session_id"] == sessions[0]["session_id"]
    assert second.returncode == 1
    assert f"is in use by process {server.pid} at {server.url}" in second.stderr


def test_an_interrupt_keeps_the_text_so_far_and_exits_130(tmp_path: Path) -> None:
    (tmp_path / "code").mkdir()
    (tmp_path / "code" / "a.py").write_text("def f():\n    return 1\n")
    settings = {"MODEL_NAME": "phi3-mini", "MODELS_DIR": tiny_dir(), "MAX_TOKENS": 7000}
    with serving(tmp_path / "data", **settings) as served:
        served.post("/index", {"path": str(tmp_path / "code"), "wait": True})
        with subprocess.Popen(
            [*INTERRUPTIBLE, "ask", "Explain everything", "--path", str(tmp_path / "code")],
            env=environment(tmp_path / "data"),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        ) as command:
            assert command.stdout is not None
            first = os.read(command.stdout.fileno(), 10)
            command.send_signal(signal.SIGINT)
            rest, stderr = command.communicate(timeout=TIMEOUT_S)
        session = served.get("/chat/sessions")["sessions"][0]["session_id"]
        conversation = served.get(f"/chat/session/{session}/conversations")["conversations"][0]
    assert command.returncode == 130, stderr
    printed = (first + rest).decode().rstrip("\n")
    assert first
    assert printed
    assert conversation["last_response"].startswith(printed)


def test_help_lists_the_commands(tmp_path: Path) -> None:
    done = lantern(tmp_path, "--help")  # `make bench` measures its time, test_house what it imports
    commands = [line.split()[0] for line in done.stdout.partition("Commands:\n")[2].splitlines()]
    assert commands == [
        *("index", "ask", "chat", "search", "overview", "eval", "serve", "open", "status", "acp"),
        *("doctor", "token", "completion", "models", "mcp"),
    ]


def test_the_token_is_the_one_of_the_server(tmp_path: Path) -> None:
    token = lantern(tmp_path, "token").stdout.strip()
    with serving(tmp_path) as served:
        assert served.token == token


def test_the_doctor_examines_each_installed_model(tmp_path: Path) -> None:
    (tmp_path / "models").mkdir()
    for tiny in ALL:
        shutil.copy(tiny.path, tmp_path / "models")
    fine = lantern(tmp_path, "models", "doctor")
    assert fine.returncode == 0, fine.stderr + fine.stdout
    assert fine.stdout.count("a prompt: ") == 3
    assert "a prompt: '<|system|>\\n' ... '<|end|>\\n<|assistant|>\\n', 8 tokens" in fine.stdout
    content = PHI3.path.read_bytes()
    (tmp_path / "models" / PHI3.path.name).write_bytes(content[: len(content) // 2])
    broken = lantern(tmp_path, "models", "doctor")
    assert broken.returncode == 4
    assert "unusable" in broken.stdout
    assert "1 of 3 installed models cannot be used" in broken.stderr


def test_a_model_is_added_by_its_file_and_listed(tmp_path: Path) -> None:
    file = tmp_path / "mine.gguf"
    file.write_bytes(PHI3.path.read_bytes())
    added = lantern(tmp_path / "data", "models", "add", str(file))
    listed = json.loads(lantern(tmp_path / "data", "models", "list", "--json").stdout)
    plain = lantern(tmp_path / "data", "models").stdout.splitlines()
    assert (added.returncode, added.stdout) == (0, "mine\n")
    assert [line.split()[:2] for line in plain] == [
        ["smollm2-135m", "missing"],
        ["qwen2.5-coder-0.5b", "missing"],
        ["qwen2.5-coder-1.5b", "missing"],
        ["phi3-mini", "missing"],
        ["codellama-7b", "missing"],
        ["llama3.1-8b", "missing"],
        ["mine", "installed"],
    ]
    assert [(m["name"], m["path"]) for m in listed if m["path"]] == [("mine", str(file))]
    assert (tmp_path / "data").stat().st_mode & 0o077 == 0
