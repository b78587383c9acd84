"""A class for each code of the program, and nothing secret in any of them."""

from __future__ import annotations

import pickle
import re
import unittest

import agent_vault
from agent_vault import _bridge, errors
from tests.machine import PROJECT

_OF_EXIT_CODE = {3: errors.NotFound, 4: errors.Denied, 5: errors.Tampered, 6: errors.NotNow}


class Table(unittest.TestCase):
    def test_every_code_of_the_program_has_its_class(self) -> None:
        source = (PROJECT / "src" / "core" / "words" / "errors.ts").read_text("utf-8")
        table = re.search(r"const EXIT_CODES = \{(.*?)\n\}", source, re.S)
        assert table is not None
        codes = {code: int(exit) for code, exit in re.findall(r"([A-Z_]+): (\d+)", table[1])}
        self.assertGreater(len(codes), 40)
        own = {
            code: each.exit_code
            for code, each in errors.error_classes().items()
            if not issubclass(each, errors.BridgeError)
        }
        self.assertEqual(own, codes)

    def test_exit_codes_have_their_base(self) -> None:
        for code, each in errors.error_classes().items():
            if issubclass(each, errors.BridgeError):
                continue
            base = _OF_EXIT_CODE.get(each.exit_code, errors.VaultError)
            self.assertEqual(each.__bases__, (base,), code)
            self.assertTrue(each.__doc__, code)

    def test_all_are_exported(self) -> None:
        for each in errors.error_classes().values():
            self.assertIs(getattr(agent_vault, each.__name__), each)
            self.assertIn(each.__name__, agent_vault.__all__)


class Limits(unittest.TestCase):
    def test_a_line_is_as_long_as_the_program_takes_it(self) -> None:
        source = (PROJECT / "src" / "core" / "words" / "limits.ts").read_text("utf-8")
        found = re.search(r"bridgeRequest: (?:(\d+) \* )?(KIB|MIB),", source)
        assert found is not None
        unit = {"KIB": 1 << 10, "MIB": 1 << 20}[found[2]]
        self.assertEqual(_bridge._LINE_LIMIT, int(found[1] or 1) * unit)


class Errors(unittest.TestCase):
    def test_by_code(self) -> None:
        error = errors.error_for("NOT_GRANTED", "ci may not open db", "ask an owner", 4)
        self.assertIs(type(error), agent_vault.NotGranted)
        self.assertIsInstance(error, agent_vault.Denied)
        self.assertEqual((error.code, error.exit_code), ("NOT_GRANTED", 4))
        self.assertEqual(str(error), "ci may not open db (ask an owner)")

    def test_of_a_newer_program(self) -> None:
        error = errors.error_for("MOON_IS_FULL", "wait", None, 6)
        self.assertIs(type(error), agent_vault.VaultError)
        self.assertEqual((error.code, error.exit_code, error.hint), ("MOON_IS_FULL", 6, None))

    def test_cross_processes(self) -> None:
        for error in (
            errors.error_for("NOT_GRANTED", "ci may not open db", "ask an owner", 4),
            errors.error_for("MOON_IS_FULL", "wait", None, 6),
        ):
            copy = pickle.loads(pickle.dumps(error))
            self.assertEqual(
                (type(copy), str(copy), copy.code, copy.exit_code),
                (type(error), str(error), error.code, error.exit_code),
            )

    def test_text_drives_no_terminal_and_holds_no_key(self) -> None:
        error = errors.error_for("USAGE", "a\x1b[31m\nb\udc80", "AGE-SECRET-" + "KEY-1QQQQ", 2)
        self.assertEqual(str(error), "a\\u{1b}[31m\\u{a}b\\u{dc80} (AGE-SECRET-KEY-\u2026)")
