"""A SecretValue shows itself nowhere."""

from __future__ import annotations

import copy
import dataclasses
import inspect
import io
import json
import logging
import pickle
import pprint
import sys
import traceback
import unittest

from agent_vault import Closed, SecretValue, ValueNotText, VaultError
from tests.machine import causes, error_of, told_by

CANARY = "canary-" + "4eC39HqLyjWDarjtT1zdp7dc"
MASK = "[secret stripe/api-key: use .reveal()]"


def secret(value: bytes = CANARY.encode(), name: str = "stripe/api-key") -> SecretValue:
    return SecretValue(name, 3, bytearray(value))


class Masked(unittest.TestCase):
    def setUp(self) -> None:
        self.secret = secret()

    def assert_masked(self, text: str) -> None:
        self.assertNotIn(CANARY, text)
        self.assertIn(MASK, text)

    def test_in_text(self) -> None:
        value = self.secret
        for text in (
            str(value),
            repr(value),
            ascii(value),
            f"{value}",
            f"{value!r}",
            f"{value!s:>80}",
            f"{value:10}",
            f"{value:.5}",
            "%s %r %a" % (value, value, value),
            "{} {!r}".format(value, value),
            format(value, ">100"),
            str([value]),
            repr({"key": (value,)}),
            pprint.pformat({"key": value}),
        ):
            self.assert_masked(text)

    def test_a_format_cuts_nothing_off(self) -> None:
        self.assertEqual(f"{self.secret:.3}", MASK)

    def test_joined_with_text_is_an_error(self) -> None:
        for join in (
            lambda: "Bearer " + self.secret,  # type: ignore[operator]
            lambda: "".join([self.secret]),  # type: ignore[list-item]
            lambda: b"%b" % self.secret,  # type: ignore[str-bytes-safe]
            lambda: bytes(self.secret),  # type: ignore[call-overload]
            lambda: list(self.secret),  # type: ignore[call-overload]
        ):
            with self.assertRaises(TypeError) as raised:
                join()
            self.assertNotIn(CANARY, str(raised.exception))

    def test_in_logs(self) -> None:
        out = io.StringIO()
        logger = logging.Logger("test")
        logger.addHandler(logging.StreamHandler(out))
        logger.error("key %s, %r, %s", self.secret, self.secret, {"key": self.secret})
        logger.error(self.secret)
        try:
            raise RuntimeError(self.secret)
        except RuntimeError:
            logger.exception("failed with %s", self.secret)
        self.assert_masked(out.getvalue())

    def test_in_json(self) -> None:
        with self.assertRaises(TypeError) as raised:
            json.dumps({"key": self.secret})
        self.assertNotIn(CANARY, str(raised.exception))
        self.assert_masked(json.dumps({"key": self.secret}, default=str))

    def test_is_not_pickled(self) -> None:
        for protocol in range(pickle.HIGHEST_PROTOCOL + 1):
            for thing in (self.secret, [self.secret], {"key": self.secret}):
                with self.assertRaises(TypeError) as raised:
                    pickle.dumps(thing, protocol)
                self.assertNotIn(CANARY, str(raised.exception))

    def test_copies_are_itself(self) -> None:
        self.assertIs(copy.copy(self.secret), self.secret)
        self.assertIs(copy.deepcopy([self.secret])[0], self.secret)

    def test_in_dataclasses(self) -> None:
        @dataclasses.dataclass
        class Config:
            key: SecretValue

        config = Config(self.secret)
        self.assert_masked(repr(config))
        self.assert_masked(str(dataclasses.asdict(config)))
        self.assert_masked(str(dataclasses.astuple(config)))

    def test_in_what_dumps_attributes(self) -> None:
        with self.assertRaises(TypeError):
            vars(self.secret)
        attributes = {name: getattr(self.secret, name, None) for name in dir(self.secret)}
        self.assertNotIn(CANARY, repr(attributes))
        self.assertNotIn(CANARY, repr(inspect.getmembers(self.secret)))

    def test_in_tracebacks(self) -> None:
        def use(key: SecretValue) -> None:
            everything = {"key": key, "members": inspect.getmembers(key)}
            raise RuntimeError("failed with %s" % everything["key"])

        try:
            use(self.secret)
        except RuntimeError:
            shown = traceback.format_exc()
            error = traceback.TracebackException(*sys.exc_info(), capture_locals=True)
            self.assert_masked(shown)
            self.assert_masked("".join(error.format()))


class Revealed(unittest.TestCase):
    def test_text_and_bytes(self) -> None:
        value = secret("größe 💶".encode())
        self.assertEqual(value.reveal(), "größe 💶")
        self.assertEqual(value.bytes(), "größe 💶".encode())
        self.assertEqual((value.name, value.version), ("stripe/api-key", 3))

    def test_what_is_no_text_is_not_in_the_error(self) -> None:
        value = secret(CANARY.encode() + b"\xff")
        error = error_of(value.reveal)
        self.assertIsInstance(error, ValueNotText)
        self.assertIn("reveal", told_by(error))
        self.assertNotIn(CANARY, told_by(error))
        self.assertEqual(list(causes(error)), [error])

    def test_cleared(self) -> None:
        raw = bytearray(CANARY.encode())
        value = SecretValue("stripe/api-key", 1, raw)
        with value as same:
            self.assertIs(same, value)
            self.assertEqual(value.reveal(), CANARY)
        self.assertEqual(bytes(raw), bytes(len(CANARY)))
        for use in (value.reveal, value.bytes, lambda: value == secret()):
            self.assertRaises(Closed, use)
        self.assertEqual(str(value), MASK)
        value.clear()

    def test_equal_by_value(self) -> None:
        self.assertEqual(secret(), secret(name="other/name"))
        self.assertNotEqual(secret(), secret(b"another"))
        self.assertNotEqual(secret(), CANARY)
        with self.assertRaises(TypeError):
            hash(secret())

    def test_errors_are_vault_errors(self) -> None:
        self.assertTrue(issubclass(ValueNotText, VaultError))
        self.assertTrue(issubclass(Closed, VaultError))
