"""The program behind a vault: started, shared, killed, missing, and gone when Python is."""

from __future__ import annotations

import contextlib
import json
import os
import pickle
import shutil
import signal
import stat
import subprocess
import sys
import threading
import time
import unittest
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from agent_vault import (
    AsyncVault,
    BinaryNotFound,
    BridgeCrashed,
    BridgeProtocol,
    BridgeTimeout,
    Closed,
    NotGranted,
    Usage,
    Vault,
)
from tests.machine import (
    API_KEY,
    BIN,
    causes,
    HANG,
    ends,
    error_of,
    is_running,
    machine_for,
    python,
    told_by,
)

READ = """
import os, sys, time
from agent_vault import Vault
vault = Vault(agent="ci")
vault.get("stripe/api-key").reveal()
print(vault._bridge.pid, flush=True)
"""


class Running(unittest.TestCase):
    def setUp(self) -> None:
        self.machine = machine_for(self, fresh=False)
        self.vault = Vault(agent="ci")
        self.addCleanup(self.vault.close)

    def pid(self) -> int:
        pid = self.vault._bridge.pid
        assert pid is not None
        return pid

    def test_one_program_for_the_life_of_the_object(self) -> None:
        self.assertIsNone(self.vault._bridge.pid)
        self.vault.get("stripe/api-key")
        pid = self.pid()
        self.vault.list()
        self.assertRaises(NotGranted, self.vault.get, "db/password")
        self.assertEqual(self.pid(), pid)
        self.vault.close()
        self.assertFalse(is_running(pid))

    def test_thirty_threads_at_once(self) -> None:
        ready = threading.Barrier(30)
        names = ["stripe/api-key", "stripe/binary", "db/password"]

        def work(number: int) -> str:
            ready.wait()
            said = []
            for step in range(20):
                name = names[(number + step) % len(names)]
                try:
                    said.append(self.vault.get(name).name)
                except NotGranted:
                    said.append("db/password")
                if said[-1] != name:
                    return "%s instead of %s" % (said[-1], name)
            return str(self.pid())

        with ThreadPoolExecutor(30) as pool:
            self.assertEqual(set(pool.map(work, range(30))), {str(self.pid_after_one())})

    def pid_after_one(self) -> int:
        self.vault.get("stripe/api-key")
        return self.pid()

    def test_a_crash_is_an_error_and_the_next_call_starts_anew(self) -> None:
        self.vault.get("stripe/api-key")
        first = self.pid()
        os.kill(first, signal.SIGSTOP)
        with ThreadPoolExecutor(3) as pool:
            calls = [pool.submit(self.vault.get, "stripe/api-key") for _ in range(3)]
            child = self.vault._bridge._child
            assert child is not None
            while len(child._waiting) < 3:
                time.sleep(0.01)
            os.kill(first, signal.SIGKILL)
            for call in calls:
                error = call.exception(HANG)
                self.assertIsInstance(error, BridgeCrashed)
                self.assertIn("killed by SIGKILL", str(error))
        self.assertEqual(self.vault.get("stripe/api-key").reveal(), API_KEY)
        self.assertNotEqual(self.pid(), first)

    def test_a_crash_between_calls_is_not_noticed(self) -> None:
        self.vault.get("stripe/api-key")
        first = self.pid()
        os.kill(first, signal.SIGKILL)
        deadline = time.monotonic() + HANG
        while self.vault._bridge.pid is not None and time.monotonic() < deadline:
            time.sleep(0.01)
        self.assertEqual(self.vault.get("stripe/api-key").reveal(), API_KEY)

    def test_too_slow(self) -> None:
        vault = Vault(agent="ci", timeout=HANG)
        self.addCleanup(vault.close)
        vault.get("stripe/api-key")
        pid = vault._bridge.pid
        assert pid is not None
        vault._bridge._timeout = 0.2
        os.kill(pid, signal.SIGSTOP)
        try:
            with self.assertRaises(BridgeTimeout) as raised:
                vault.get("stripe/api-key")
            self.assertEqual(list(causes(raised.exception)), [raised.exception])
        finally:
            os.kill(pid, signal.SIGCONT)
        vault._bridge._timeout = HANG
        self.assertEqual(vault.get("stripe/api-key").reveal(), API_KEY)
        self.assertEqual(vault._bridge.pid, pid)

    def test_close_while_it_hangs(self) -> None:
        self.vault.get("stripe/api-key")
        pid = self.pid()
        os.kill(pid, signal.SIGSTOP)
        self.vault.close()
        self.assertTrue(ends(pid))
        self.assertRaises(Closed, self.vault.get, "stripe/api-key")

    def test_a_vault_that_is_dropped_ends_its_program(self) -> None:
        vault = Vault(agent="ci")
        vault.get("stripe/api-key")
        pid = vault._bridge.pid
        assert pid is not None
        del vault
        self.assertTrue(ends(pid))


class PythonEnds(unittest.TestCase):
    """However it ends, the program ends, too."""

    def setUp(self) -> None:
        self.machine = machine_for(self, fresh=False)

    def started(self, program: str) -> tuple[subprocess.Popen[str], int]:
        other = python(self.machine, READ + program)
        self.addCleanup(other.communicate)
        self.addCleanup(_kill_group, other.pid)
        assert other.stdout is not None
        return other, int(other.stdout.readline())

    def test_by_itself(self) -> None:
        _, pid = self.started("")
        self.assertTrue(ends(pid))

    def test_by_an_error(self) -> None:
        _, pid = self.started("raise SystemError")
        self.assertTrue(ends(pid))

    def test_by_a_kill(self) -> None:
        # Other programs that it started live on, and must not hold the pipe open.
        other, pid = self.started(
            "import subprocess\n"
            "subprocess.Popen(['sleep', '600'], close_fds=False, stdout=subprocess.DEVNULL,"
            " stderr=subprocess.DEVNULL)\n"
            "if os.fork() == 0:\n"
            "    os.close(1); os.close(2); time.sleep(600); os._exit(0)\n"
            "print('ready', flush=True); time.sleep(600)"
        )
        assert other.stdout is not None
        self.assertEqual(other.stdout.readline(), "ready\n")
        self.assertTrue(is_running(pid))
        other.kill()
        self.assertTrue(ends(pid))

    def test_ctrl_c_in_a_call(self) -> None:
        other, pid = self.started(
            "import threading\n"
            "os.kill(vault._bridge.pid, 19)\n"
            "def tell():\n"
            "    while len(vault._bridge._child._waiting) < 1: time.sleep(0.01)\n"
            "    print('asking', flush=True)\n"
            "try:\n"
            "    threading.Thread(target=tell).start()\n"
            "    vault.get('stripe/binary'); print('answered')\n"
            "except KeyboardInterrupt:\n"
            "    print('interrupted', flush=True)\n"
            "os.kill(vault._bridge.pid, 18)\n"
            "print(vault.get('stripe/api-key').name, vault._bridge.pid, flush=True)"
        )
        assert other.stdout is not None
        self.assertEqual(other.stdout.readline(), "asking\n")
        # As a terminal does it: to the whole group.
        os.killpg(other.pid, signal.SIGINT)
        said, errors = other.communicate(timeout=HANG)
        self.assertEqual(said, "interrupted\nstripe/api-key %d\n" % pid, errors)

    def test_a_forked_process_starts_its_own(self) -> None:
        other, pid = self.started(
            "import threading\n"
            "for _ in range(8):\n"
            "    threading.Thread(daemon=True, target=lambda: [\n"
            "        vault.get('stripe/api-key') for _ in range(10**9)]).start()\n"
            "time.sleep(0.2)\n"
            "vault._bridge._lock.acquire()\n"
            "child = os.fork()\n"
            "if child == 0:\n"
            "    name = vault.get('stripe/api-key').name\n"
            "    print(name, vault._bridge.pid, flush=True)\n"
            "    vault.close(); os._exit(0)\n"
            "vault._bridge._lock.release()\n"
            "os.waitpid(child, 0)\n"
            "print(vault.get('stripe/api-key').name, vault._bridge.pid, flush=True)\n"
            "os._exit(0)"
        )
        said, errors = other.communicate(timeout=HANG)
        in_child, in_parent = said.splitlines() or [errors, ""]
        self.assertEqual(in_parent, "stripe/api-key %d" % pid)
        self.assertRegex(in_child, r"^stripe/api-key \d+$")
        self.assertNotEqual(in_child, in_parent)


    def test_a_spawned_process_is_given_none(self) -> None:
        # As multiprocessing hands it to a process that it does not fork.
        for each in (Vault(identity=API_KEY), AsyncVault(identity=API_KEY)):
            with self.assertRaisesRegex(TypeError, "open one in each process") as raised:
                pickle.dumps(each)
            self.assertNotIn(API_KEY, str(raised.exception))


class Program(unittest.TestCase):
    """Where it is found, and what else may be found there."""

    def setUp(self) -> None:
        self.machine = machine_for(self, fresh=False)
        del os.environ["AGENT_VAULT_BIN"]

    def read(self) -> str:
        with Vault(agent="ci", timeout=HANG) as vault:
            return vault.get("stripe/api-key").reveal()

    def script(self, text: str, path: str = "bin/agent-vault") -> Path:
        file = self.machine.home / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)
        file.chmod(file.stat().st_mode | stat.S_IXUSR)
        return file

    def test_nowhere(self) -> None:
        os.environ["PATH"] = str(self.machine.home / "empty")
        with self.assertRaises(BinaryNotFound) as raised:
            self.read()
        self.assertIn("npm link", str(raised.exception))
        # Who has that name at a registry is not ours to say.
        self.assertNotIn("npm install", str(raised.exception))
        self.assertEqual(list(causes(raised.exception)), [raised.exception])

    def test_on_the_path(self) -> None:
        script = self.script("#!/bin/sh\nexec node '%s' \"$@\"\n" % BIN)
        os.environ["PATH"] = "%s%s%s" % (script.parent, os.pathsep, os.environ["PATH"])
        self.assertEqual(self.read(), API_KEY)

    def test_in_node_modules(self) -> None:
        os.environ["PATH"] = os.pathsep.join(
            folder
            for folder in os.environ["PATH"].split(os.pathsep)
            if not os.path.exists(os.path.join(folder, "agent-vault"))
        )
        self.script(
            "#!/bin/sh\nexec node '%s' \"$@\"\n" % BIN, "repo/node_modules/.bin/agent-vault"
        )
        self.addCleanup(shutil.rmtree, self.machine.repo / "node_modules")
        deep = self.machine.repo / "a" / "b"
        deep.mkdir(parents=True)
        os.chdir(deep)
        self.assertEqual(self.read(), API_KEY)

    def test_the_variable_comes_first(self) -> None:
        script = self.script("#!/bin/sh\nexit 3\n")
        os.environ["PATH"] = "%s%s%s" % (script.parent, os.pathsep, os.environ["PATH"])
        os.environ["AGENT_VAULT_BIN"] = str(BIN)
        self.assertEqual(self.read(), API_KEY)

    def test_the_variable_names_nothing(self) -> None:
        os.environ["AGENT_VAULT_BIN"] = "/nowhere/agent-vault"
        with self.assertRaises(BinaryNotFound) as raised:
            self.read()
        self.assertIn("/nowhere/agent-vault", str(raised.exception))

    def test_what_cannot_be_started(self) -> None:
        file = self.machine.home / "plain"
        file.write_text("no program")
        os.environ["AGENT_VAULT_BIN"] = str(file)
        identity = "AGE-SECRET-" + "KEY-1FAKE"
        with Vault(identity=identity) as vault:
            error = error_of(lambda: vault.get("stripe/api-key"))
        self.assertIsInstance(error, BinaryNotFound)
        self.assertNotIn("KEY-1FAKE", told_by(error))

    def test_a_key_is_in_no_error(self) -> None:
        identity = "AGE-SECRET-" + "KEY-1FAKE"
        error = error_of(lambda: Vault(identity=identity, agent="ci"))
        self.assertIsInstance(error, Usage)
        self.assertIn("both say who reads", told_by(error))
        self.assertNotIn("KEY-1FAKE", told_by(error))

    def test_its_last_words_are_in_the_error(self) -> None:
        key = "AGE-SECRET-" + "KEY-1FAKE"
        script = self.script("#!/bin/sh\nread line\necho 'oh no %s' >&2\nexit 9\n" % key)
        os.environ["AGENT_VAULT_BIN"] = str(script)
        with self.assertRaises(BridgeCrashed) as raised:
            self.read()
        self.assertIn("exit code 9", str(raised.exception))
        self.assertIn("oh no", str(raised.exception))
        self.assertNotIn(key, str(raised.exception))

    def test_an_older_program(self) -> None:
        script = self.script("#!/bin/sh\necho 'agent-vault: USAGE: no command bridge' >&2; exit 2\n")
        os.environ["AGENT_VAULT_BIN"] = str(script)
        with self.assertRaises(BridgeCrashed) as raised:
            self.read()
        self.assertIn("no command bridge", str(raised.exception))

    def test_another_program(self) -> None:
        for said in ("Welcome!", '{"jsonrpc":"2.0","id":null}', "[" * 100_000, "\\377"):
            script = self.script("#!/bin/sh\nread line\nprintf '%s\\n'\ncat >/dev/null\n" % said)
            os.environ["AGENT_VAULT_BIN"] = str(script)
            with self.subTest(said=said[:30]), self.assertRaises(BridgeProtocol):
                self.read()

    def test_a_newer_protocol(self) -> None:
        hello = json.dumps({"jsonrpc": "2.0", "id": 1, "result": {"protocol": 2}})
        # The script's own child has the pipes: to kill the script alone would leave us waiting.
        script = self.script("#!/bin/sh\n(read line; echo '%s'; cat >/dev/null; true)\ntrue\n" % hello)
        os.environ["AGENT_VAULT_BIN"] = str(script)
        with self.assertRaises(BridgeProtocol):
            self.read()

    def test_an_answer_of_another_form_holds_no_value_in_its_error(self) -> None:
        canary = "Y2FuYXJ5" + "LXZhbHVl"
        for result in ({"value": canary}, {"name": "a/b", "version": "x", "value": canary}):
            answer = json.dumps({"jsonrpc": "2.0", "id": 2, "result": result})
            script = self.script("#!/bin/sh\nread line\nread line\necho '%s'\ncat >/dev/null" % answer)
            os.environ["AGENT_VAULT_BIN"] = str(script)
            error = error_of(self.read)
            self.assertIsInstance(error, BridgeProtocol)
            self.assertNotIn(canary, told_by(error))


def _kill_group(pid: int) -> None:
    with contextlib.suppress(ProcessLookupError):
        os.killpg(pid, signal.SIGKILL)


if sys.platform == "win32":
    del PythonEnds
