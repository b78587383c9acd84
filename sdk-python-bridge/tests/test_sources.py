"""A value that lies in another store, read through the bridge: a program stands in for the store's."""

from __future__ import annotations

import os
import re
import unittest
from pathlib import Path

from agent_vault import SourceFailed, SourceUnagreed, Vault
from tests.machine import error_of, machine_for, told_by

NAME = "stripe/elsewhere"
REFERENCE = "op://CI/Stripe/password"
VALUE = "not-a-real-key-of-a-store"


class Sources(unittest.TestCase):
    def setUp(self) -> None:
        self.machine = machine_for(self)
        stores = self.machine.home / "stores"
        stores.mkdir()
        self.op = stores / "op"
        self.store("printf %s " + VALUE)
        os.environ["PATH"] = "%s:%s" % (stores, os.environ["PATH"])
        self.machine.env["PATH"] = os.environ["PATH"]
        self.machine.run("set", NAME, "--source", REFERENCE)

    def store(self, script: str) -> None:
        self.op.write_text("#!/bin/sh\n%s\n" % script)
        self.op.chmod(0o755)

    def opened(self) -> Vault:
        vault = Vault(agent="ci")
        self.addCleanup(vault.close)
        return vault

    def agree(self) -> None:
        error = error_of(lambda: self.opened().get(NAME))
        assert isinstance(error, SourceUnagreed), error
        [fingerprint] = re.findall("--agree ([0-9a-f]{32})", error.hint or "")
        self.machine.run("get", NAME, "--agent", "ci", "--agree", fingerprint)

    def test_nothing_is_fetched_where_nobody_agreed(self) -> None:
        self.store(": > %s; printf x" % (self.machine.home / "ran"))
        error = error_of(lambda: self.opened().get(NAME))
        self.assertIsInstance(error, SourceUnagreed)
        self.assertNotIn(REFERENCE, told_by(error))
        self.assertFalse(Path(self.machine.home / "ran").exists())

    def test_the_value_is_that_of_the_store(self) -> None:
        self.agree()
        key = self.opened().get(NAME)
        self.assertEqual((key.name, key.version, key.reveal()), (NAME, 1, VALUE))

    def test_a_store_that_fails_is_told_without_what_it_said(self) -> None:
        self.agree()
        self.store("printf %s; echo %s >&2; exit 3" % (VALUE, VALUE))
        error = error_of(lambda: self.opened().get(NAME))
        self.assertIsInstance(error, SourceFailed)
        self.assertNotIn(VALUE, told_by(error))
