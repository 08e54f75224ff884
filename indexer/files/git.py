"""Runs git. The only module that does, because a repository is untrusted and git can run programs that it names.

`_SETTINGS`, `_FLAGS` and `_variables` prevent that for the commands in `_FLAGS`. Knows nothing of what they print.
"""

import logging
import os
import selectors
import signal
import subprocess
import time
from contextlib import suppress
from pathlib import Path

from indexer.files.repositories import has_pipes

log = logging.getLogger(__name__)

QUICK_S, LONG_S = 10.0, 120.0  # how long git may take
MAX_OUTPUT = 64 * 2**20  # bytes

# They have precedence over the settings of the repository and of the user. Keys with a free part, as in
# `filter.NAME.clean`, cannot be listed: they are harmless because no command in `_FLAGS` uses them with its flags.
_SETTINGS = (
    # programs
    "core.fsmonitor=false",
    "core.hooksPath=/dev/null",
    "core.virtualFilesystem=",  # of Microsoft's git
    "core.pager=cat",
    "core.editor=false",
    "core.askPass=false",
    "core.sshCommand=false",
    "core.gitProxy=false",
    "core.alternateRefsCommand=false",
    "credential.helper=",
    "diff.external=",
    "interactive.diffFilter=",
    "gpg.program=false",
    "gpg.openpgp.program=false",
    "gpg.x509.program=false",
    "gpg.ssh.program=false",
    "gpg.ssh.defaultKeyCommand=false",
    "log.showSignature=false",
    # other repositories, and the network
    "safe.bareRepository=explicit",
    "submodule.recurse=false",
    "protocol.allow=never",
    "protocol.ext.allow=never",
    # files, some of which would be read even if they are pipes
    "core.attributesFile=/dev/null",
    "log.mailmap=false",
    # what is printed
    "core.quotePath=false",
    "i18n.logOutputEncoding=UTF-8",
    "log.follow=false",
    "log.showRoot=true",
    # memory
    "core.bigFileThreshold=8m",
    "core.packedGitWindowSize=32m",
    "core.packedGitLimit=256m",
    "core.preloadIndex=false",  # each thread would reserve 64 MiB
    "index.threads=1",
)
_OF_DIFFS = ("--no-ext-diff", "--no-textconv", "--submodule=short", "--no-color", "-O/dev/null")
# A command that is missing here may run programs: see what it does with filters, drivers and hooks first.
_FLAGS: dict[str, tuple[str, ...]] = {
    "cat-file": (),
    "check-ignore": (),
    "config": (),
    "diff-tree": _OF_DIFFS,
    "log": ("--no-show-signature", *_OF_DIFFS),
    "ls-files": (),
    "rev-parse": (),
}
# The user's own settings are read for `safe.directory` and `core.excludesFile`; those of the machine are not.
_INHERITED = (
    "PATH",
    "HOME",
    "XDG_CONFIG_HOME",
    "GIT_CONFIG_GLOBAL",
    "GIT_CEILING_DIRECTORIES",
    "SUDO_UID",  # who owns a repository, for git
    "LD_LIBRARY_PATH",
    "DEVELOPER_DIR",  # where macOS has its git
)
_FIXED = {
    "LC_ALL": "C",
    "GIT_ALLOW_PROTOCOL": "none",
    "GIT_ASKPASS": "false",
    "GIT_ATTR_NOSYSTEM": "1",
    "GIT_CONFIG_NOSYSTEM": "1",
    "GIT_EDITOR": "false",
    "GIT_NO_LAZY_FETCH": "1",
    "GIT_NO_REPLACE_OBJECTS": "1",
    "GIT_OPTIONAL_LOCKS": "0",
    "GIT_PAGER": "cat",
    "GIT_SSH_COMMAND": "false",
    "GIT_TERMINAL_PROMPT": "0",
    "SSH_ASKPASS": "false",
}
# The shell stays in front of git: if this process dies, its end of the pipe closes and the whole group is killed. A
# function that runs between fork and exec could do the same on Linux, but is unsafe in a process with threads.
_GUARD = r"""
ulimit -c 0
ulimit -v 1048576 2>/dev/null  # KiB; macOS has no such limit
{ git "$@"; printf '\n%d' $?; } </dev/null &
exec >/dev/null
read -r end
kill -KILL 0
"""


def git(folder: Path, command: str, *arguments: str, limit_s: float = QUICK_S) -> bytes | None:
    """What a command of `_FLAGS` prints in a folder. Paths are literal. It writes, fetches and asks nothing.

    None if it fails, prints more than `MAX_OUTPUT`, takes longer than `limit_s`, would wait for a pipe, or if git
    is missing. Nothing that it started is left when this function returns.
    """
    if has_pipes(folder):
        log.warning("git is not asked about %s: a file of its repository is a pipe", folder)
        return None
    settings = [word for setting in _SETTINGS for word in ("-c", setting)]
    literal = [] if command == "check-ignore" else ["--literal-pathspecs"]  # which it refuses: it knows no patterns
    words = [*settings, "--no-pager", *literal, "-C", str(folder.absolute()), command, *_FLAGS[command], *arguments]
    try:
        process = subprocess.Popen(
            ["/bin/sh", "-c", _GUARD, "git", *words],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env=_variables(),
            cwd="/",  # a relative folder in PATH must not be one of the repository
            process_group=0,
        )
    except OSError as error:
        log.warning("git cannot be started: %s", error)
        return None
    with process:
        try:
            output = _read(process, limit_s)
        finally:
            with suppress(ProcessLookupError, PermissionError):  # PermissionError: macOS, if all of the group has ended
                os.killpg(process.pid, signal.SIGKILL)
    if output is None:
        log.warning("git %s in %s was stopped: more than %.0f s or %d bytes", command, folder, limit_s, MAX_OUTPUT)
        return None
    end = output.rfind(b"\n")
    return bytes(output[:end]) if output[end:] == b"\n0" else None


def default_excludes() -> Path:
    """The user's ignore file, where no setting names another."""
    settings = os.environ.get("XDG_CONFIG_HOME") or Path("~/.config").expanduser()
    return Path(settings, "git", "ignore")


def _variables() -> dict[str, str]:
    return {name: os.environ[name] for name in _INHERITED if name in os.environ} | _FIXED


def _read(process: "subprocess.Popen[bytes]", limit_s: float) -> bytearray | None:
    """All that is printed, up to the end; None beyond a limit."""
    assert process.stdout is not None
    output = bytearray()
    deadline = time.monotonic() + limit_s
    with selectors.DefaultSelector() as ready:
        ready.register(process.stdout, selectors.EVENT_READ)
        while (left := deadline - time.monotonic()) > 0 and len(output) <= MAX_OUTPUT:
            if ready.select(left):
                piece = os.read(process.stdout.fileno(), 2**16)
                if not piece:
                    return output
                output += piece
    return None
