"""Repositories that name a program wherever git takes one. Each program leaves a file that says what ran it."""

import os
import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.indexer.harness import put
from tests.indexer.repository import commit, git, shop

# All keys of `git help --config` (2.39, and those that later versions added) whose value is a program or a command.
_PROGRAMS = """
    core.alternateRefsCommand core.askPass core.editor core.fsmonitor core.gitProxy core.pager core.sshCommand
    core.virtualFilesystem browser.evil.cmd browser.evil.path credential.helper credential.https://example.org.helper
    diff.external diff.evil.command diff.shown.textconv difftool.evil.cmd difftool.evil.path
    filter.evil.clean filter.evil.smudge filter.long.process gc.recentObjectsHook
    gpg.program gpg.openpgp.program gpg.x509.program gpg.ssh.program gpg.ssh.defaultKeyCommand
    guitool.evil.cmd hook.evil.command imap.tunnel instaweb.browser instaweb.httpd interactive.diffFilter
    man.evil.cmd man.evil.path merge.evil.driver mergetool.evil.cmd mergetool.evil.path
    pager.log pager.show pager.diff pager.status pager.diff-tree pager.ls-files pager.rev-parse pager.cat-file
    remote.evil.uploadpack remote.evil.receivepack
    sendemail.tocmd sendemail.ccCmd sendemail.headerCmd sendemail.sendmailCmd sendemail.smtpServer sequence.editor
    tar.evil.command trailer.evil.command trailer.other.cmd uploadpack.packObjectsHook web.browser
"""
_SHELL = """
    alias.cat-file alias.check-ignore alias.diff-tree alias.log alias.ls-files alias.rev-parse alias.show alias.own
    submodule.vendor/lib.update
"""  # they begin with "!"
SWITCHES = {
    "core.repositoryFormatVersion": "1",
    "core.untrackedCache": "true",
    "extensions.partialClone": "evil",
    "remote.evil.promisor": "true",
    "protocol.allow": "always",
    "protocol.ext.allow": "always",
    "log.showSignature": "true",
    "log.mailmap": "true",
    "color.ui": "always",
    "diff.submodule": "diff",
    "diff.ignoreSubmodules": "none",
    "diff.tool": "evil",
    "diff.guitool": "evil",
    "merge.tool": "evil",
    "hook.evil.event": "post-index-change",
    "status.submoduleSummary": "true",
    "submodule.recurse": "true",
    "filter.evil.required": "true",
    "gpg.ssh.allowedSignersFile": "/dev/null",
}
_HOOKS = """
    applypatch-msg commit-msg fsmonitor-watchman post-applypatch post-checkout post-commit post-index-change post-merge
    post-receive post-rewrite post-update pre-applypatch pre-auto-gc pre-commit pre-merge-commit pre-push pre-rebase
    pre-receive prepare-commit-msg proc-receive push-to-checkout query-watchman reference-transaction sendemail-validate
    update virtual-filesystem
"""
ATTRIBUTES = "*.py filter=evil diff=evil merge=evil\n*.js filter=long diff=shown\n*.md diff=shown\n"
SIGNATURES = {"openpgp": "PGP SIGNATURE", "ssh": "SSH SIGNATURE", "x509": "SIGNED MESSAGE"}


@dataclass(frozen=True, slots=True)
class Hostile:
    """`root` has a repository inside it, a work tree with a pointer, and the files of a bare repository."""

    root: Path
    marks: Path

    @property
    def roots(self) -> tuple[Path, ...]:
        return tuple(self.root / path for path in (".", "shop", "vendor/lib", "vendor/bare.git", "tree"))

    def ran(self) -> set[str]:
        """What ran a program, and forgets it: PLACE:KEY."""
        names = {file.name.replace("|", "/") for file in self.marks.iterdir()}
        for file in self.marks.iterdir():
            file.unlink()
        return names


def hostile(folder: Path) -> Hostile:
    """Makes it, with the same programs in the settings of the user: `folder`/home/.gitconfig."""
    root, programs = shop(folder / "hostile"), folder / "programs"
    found = Hostile(root, folder / "marks")
    found.marks.mkdir()
    _more_history(root)
    main, tree = root / ".git", root / "elsewhere"
    for place in ("vendor/lib", "tree"):
        shutil.copytree(root / "shop", root / place / "shop")
    shutil.copytree(main, root / "vendor/bare.git")
    put(root, "vendor/bare.git/README.md", "# Objects\n\nWhat this folder is for.\n")
    git(root, "add", "-A", ".")
    git(root, "commit", "-m", "Objects for tests")
    shutil.copytree(main, root / "vendor/lib/.git")
    shutil.copytree(main, tree)
    put(root, "tree/.git", "gitdir: ../elsewhere\n")
    _lose_a_blob(root)
    for place, repository in (("main", main), ("lib", root / "vendor/lib/.git"), ("tree", tree)):
        _plant(repository / "config", programs / place, found.marks, place)
        put(repository, "info/attributes", ATTRIBUTES)
        for hook in _HOOKS.split():
            _program(repository / "hooks" / hook, found.marks / f"{place}:hooks|{hook}")
    _plant(root / "vendor/bare.git/more", programs / "bare", found.marks, "bare")
    put(root, "vendor/bare.git/config", "[core]\n\tbare = false\n\tworktree = ..\n[include]\n\tpath = more\n")
    _plant(folder / "home/.gitconfig", programs / "home", found.marks, "home")
    for place in (".", "vendor/lib", "tree", "vendor/bare.git"):
        put(root, f"{place}/.gitattributes", ATTRIBUTES)
    return found


def edited_hostile(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Hostile:
    """`hostile` with files that a person has edited, for programs whose user has the settings there."""
    found = hostile(folder)
    monkeypatch.setenv("HOME", str(folder / "home"))
    monkeypatch.delenv("XDG_CONFIG_HOME", raising=False)
    for file in every_file(found.root):
        put(found.root, str(file), file.read_text() + "\n")
    assert found.ran() == set()
    return found


def plain_git(root: Path, *words: str) -> None:
    """As a person runs it there. It may fail."""
    environment = {name: os.environ[name] for name in ("PATH", "HOME")}
    given = {"env": environment, "stdin": subprocess.DEVNULL, "capture_output": True, "timeout": 60}
    subprocess.run(["git", "-C", root, *words], check=False, **given)  # type: ignore[call-overload]


def _more_history(root: Path) -> None:
    """Commits with signatures of three kinds, and one that fixes a file of which the version before is missing."""
    commit(root, "Lost and found", {"shop/lost.js": "// Finds lost things.\nfunction find() {\n  return 1;\n}\n"})
    for kind, armor in SIGNATURES.items():
        commit(root, f"Fix wrong {kind} of lost things", {"shop/lost.js": _lost(kind)})
        raw = subprocess.check_output(["git", "-C", root, "cat-file", "commit", "HEAD"], text=True)
        head, _, message = raw.partition("\n\n")
        signature = f"gpgsig -----BEGIN {armor}-----\n \n aGVsbG8=\n -----END {armor}-----"
        words = ["git", "-C", str(root), "hash-object", "-t", "commit", "-w", "--stdin"]
        signed = subprocess.run(words, input=f"{head}\n{signature}\n\n{message}", capture_output=True, text=True)
        git(root, "update-ref", "HEAD", signed.stdout.strip())


def _lost(kind: str) -> str:
    return f"// Finds lost things.\nfunction find() {{\n  const kind = '{kind}';\n  return kind;\n}}\n"


def _lose_a_blob(root: Path) -> None:
    words = ["git", "-C", str(root), "rev-parse", "HEAD~3:shop/lost.js"]
    sha = subprocess.check_output(words, text=True).strip()
    (root / ".git/objects" / sha[:2] / sha[2:]).unlink()


def _plant(config: Path, programs: Path, marks: Path, place: str) -> None:
    lines = [config.read_text()] if config.exists() else []
    for n, key in enumerate((*_PROGRAMS.split(), *_SHELL.split())):
        program = _program(programs / str(n), marks / f"{place}:{key.replace('/', '|')}")
        lines.append(_setting(key, "!" * (key in _SHELL.split()) + str(program)))
    remote = _program(programs / "remote", marks / f"{place}:remote.evil.url")
    lines.append(_setting("remote.evil.url", f"ext::{remote} /no/such/file"))
    lines += [_setting(key, value) for key, value in SWITCHES.items()]
    config.parent.mkdir(parents=True, exist_ok=True)
    config.write_text("".join(lines))


def _setting(key: str, value: str) -> str:
    section, _, rest = key.partition(".")
    subsection, _, name = rest.rpartition(".")
    return (
        f'[{section} "{subsection}"]\n\t{name} = "{value}"\n' if subsection else f'[{section}]\n\t{name} = "{value}"\n'
    )


def _program(file: Path, mark: Path) -> Path:
    """Copies what it is given, so that git goes on."""
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(f'#!/bin/sh\n: > "{mark}"\ncat "$@" 2>/dev/null\n')
    file.chmod(0o755)
    return file


def every_file(root: Path) -> Iterator[Path]:
    """The files that a person has edited there: all stat data in the indexes of git is out of date."""
    return (file for pattern in ("shop/*", "*/shop/*", "*/*/shop/*") for file in root.glob(pattern) if file.is_file())
