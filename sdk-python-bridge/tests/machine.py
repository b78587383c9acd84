"""Real vaults, made with the built command, on machines of their own."""

from __future__ import annotations

import atexit
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
import traceback
from pathlib import Path
from typing import Callable, Dict, Iterator, Optional
from unittest import TestCase

PACKAGE = Path(__file__).resolve().parents[1]
PROJECT = PACKAGE.parent

API_KEY = "canary-" + "api-4eC39HqLyjWDarjtT1zdp7dc"
BINARY = bytes(range(256)) * 4
SECRETS: Dict[str, bytes] = {
    "stripe/api-key": API_KEY.encode(),
    "stripe/a.b_c-D/9/x.y": "größe 💶\n".encode(),
    "stripe/binary": BINARY,
    "db/password": b"canary-db-Tr0ub4dor",
}

# What a developer's shell or an agent's harness would bring along.
_FOREIGN = re.compile(r"AGENT_VAULT_|AGENT|CLAUDE|CODEX|CURSOR|XDG_|GIT_|NODE_OPTIONS")
_HARNESSES = json.loads((PROJECT / "src/core/keys/harnesses.json").read_text("utf-8"))
_template: Optional[Machine] = None


def _new_folder(at_end: Callable[..., object]) -> Path:
    folder = Path(os.path.realpath(tempfile.mkdtemp(prefix="agent-vault-python-")))
    at_end(shutil.rmtree, folder, True)
    return folder


# A copy of the built command, so that a new build changes nothing.
BIN = _new_folder(atexit.register) / "cli" / "bin.cjs"
shutil.copytree(PROJECT / "dist" / "cli", BIN.parent)


class Machine:
    """A home with a repository in it: alice's vault, where ci opens the group stripe."""

    def __init__(self, home: Path) -> None:
        self.home = home
        self.repo = home / "repo"
        self.env = {
            name: value
            for name, value in os.environ.items()
            if not _FOREIGN.match(name) and name not in _HARNESSES
        }
        self.env.update(
            HOME=str(home),
            USERPROFILE=str(home),
            GIT_CONFIG_NOSYSTEM="1",
            AGENT_VAULT_BIN=str(BIN),
            PYTHONPATH=str(PACKAGE),
            PYTHONDONTWRITEBYTECODE="1",
        )

    def run(self, *arguments: str, stdin: bytes = b"") -> str:
        return self._call(["node", str(BIN), *arguments], stdin)

    def git(self, *arguments: str) -> str:
        return self._call(["git", *arguments], b"")

    def _call(self, words: list[str], stdin: bytes) -> str:
        done = subprocess.run(
            words, cwd=self.repo, env=self.env, input=stdin, capture_output=True, check=False
        )
        if done.returncode != 0:
            raise AssertionError("%s: %s" % (words, done.stderr.decode()))
        return done.stdout.decode()

    @property
    def vault(self) -> Path:
        return self.repo / ".agent-vault"

    def key_file(self, agent: str = "ci") -> Path:
        [file] = (self.home / ".config" / "agent-vault").glob("*/agents/%s.key" % agent)
        return file


def machine_for(test: TestCase, fresh: bool = True) -> Machine:
    """A machine; the test's process is on it until the test is over.

    One that is not fresh is shared by tests that leave the vault as it is.
    """
    machine = _made_once()
    if fresh:
        home = _new_folder(test.addCleanup)
        shutil.copytree(machine.home, home, symlinks=True, dirs_exist_ok=True)
        machine = Machine(home)
    before, folder = dict(os.environ), os.getcwd()
    test.addCleanup(_set_environment, before)
    test.addCleanup(os.chdir, folder)
    _set_environment(machine.env)
    os.chdir(machine.repo)
    return machine


def python(machine: Machine, program: str) -> subprocess.Popen[str]:
    """Starts another Python that runs this program on the machine."""
    return subprocess.Popen(
        [sys.executable, "-c", program],
        cwd=machine.repo,
        env=machine.env,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )


def is_running(pid: int) -> bool:
    """Whether a process lives; one that nobody has reaped yet does not."""
    try:
        os.kill(pid, 0)
        state = Path("/proc/%d/stat" % pid)
        return not state.exists() or state.read_text().rpartition(")")[2].split()[0] != "Z"
    except (ProcessLookupError, FileNotFoundError):
        return False


# Seconds that only a hang takes, on however busy a machine.
HANG = 300


def ends(pid: int) -> bool:
    deadline = time.monotonic() + HANG
    while time.monotonic() < deadline:
        if not is_running(pid):
            return True
        time.sleep(0.01)
    return False


def causes(error: Optional[BaseException]) -> Iterator[BaseException]:
    """An error, and all that it came from."""
    seen = set()
    left = [error]
    while left:
        each = left.pop()
        if each is None or id(each) in seen:
            continue
        seen.add(id(each))
        yield each
        left += [each.__cause__, each.__context__]


def error_of(work: Callable[[], object]) -> Exception:
    """What this raises, with the locals of its frames, which ``assertRaises`` clears."""
    try:
        work()
    except Exception as error:
        return error
    raise AssertionError("nothing was raised")


def told_by(error: BaseException) -> str:
    """All that a report of an error could hold: texts, attributes, and our frames' locals."""
    told = []
    for each in causes(error):
        told += [str(each), repr(each), repr(vars(each))]
        for frame, _ in traceback.walk_tb(each.__traceback__):
            if "tests" not in Path(frame.f_code.co_filename).parts:
                told.append(repr(frame.f_locals))
    return "\n".join(told)


def _made_once() -> Machine:
    global _template
    if _template is None:
        machine = Machine(_new_folder(atexit.register))
        machine.repo.mkdir()
        machine.git("init", "--quiet", "--initial-branch", "main")
        machine.git("config", "user.name", "Test Person")
        machine.git("config", "user.email", "test@example.com")
        machine.run("init", "--name", "alice")
        machine.run("agent", "add", "ci")
        for name, value in SECRETS.items():
            machine.run("set", name, "--from-file", "-", stdin=value)
        machine.run("grant", "ci", "stripe")
        _template = machine
    return _template


def _set_environment(environment: Dict[str, str]) -> None:
    os.environ.clear()
    os.environ.update(environment)
