"""A vault, read through the bridge: real vaults, the built program."""

from __future__ import annotations

import json
import os
import unittest

import agent_vault
from agent_vault import (
    Closed,
    DigestMismatch,
    GroupAccess,
    GroupNotFound,
    KeyNotFound,
    NameInvalid,
    NoIdentity,
    NotFound,
    NotGranted,
    NoVault,
    SecretNotFound,
    SecretValue,
    Tampered,
    TrustMismatch,
    Usage,
    Use,
    ValueNotText,
    Vault,
    VaultError,
)
from tests.machine import API_KEY, BINARY, SECRETS, causes, machine_for


class Reading(unittest.TestCase):
    def setUp(self) -> None:
        self.machine = machine_for(self)
        self.vault = Vault(agent="ci")
        self.addCleanup(self.vault.close)

    def test_get(self) -> None:
        key = self.vault.get("stripe/api-key")
        self.assertIsInstance(key, SecretValue)
        self.assertEqual((key.name, key.version, key.reveal()), ("stripe/api-key", 1, API_KEY))
        self.assertNotIn(API_KEY, "%s %r" % (key, vars(self.vault)))

    def test_every_value_arrives_byte_for_byte(self) -> None:
        for name in ("stripe/a.b_c-D/9/x.y", "stripe/binary"):
            self.assertEqual(self.vault.get(name).bytes(), SECRETS[name])
        self.assertEqual(self.vault.get("stripe/a.b_c-D/9/x.y").reveal(), "größe 💶\n")
        self.assertRaises(ValueNotText, self.vault.get("stripe/binary").reveal)

    def test_the_largest_value(self) -> None:
        large = os.urandom(1 << 20) * 16
        self.machine.run("set", "stripe/large", "--from-file", "-", stdin=large)
        self.assertEqual(self.vault.get("stripe/large").bytes(), large)

    def test_get_many(self) -> None:
        names = ["stripe/binary", "stripe/api-key", "stripe/binary"]
        values = self.vault.get_many(names)
        self.assertEqual(list(values), ["stripe/binary", "stripe/api-key"])
        self.assertEqual(values["stripe/binary"].bytes(), BINARY)
        self.assertEqual(values["stripe/api-key"].reveal(), API_KEY)
        self.assertEqual(self.vault.get_many([]), {})
        with self.assertRaises(NotGranted):
            self.vault.get_many(["stripe/api-key", "db/password"])

    def test_list_and_has(self) -> None:
        listed = {secret.name: secret for secret in self.vault.list()}
        self.assertEqual(set(listed), set(SECRETS))
        self.assertTrue(listed["stripe/api-key"].readable)
        self.assertFalse(listed["db/password"].readable)
        self.assertRegex(listed["db/password"].changed, r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$")
        self.assertEqual([each.name for each in self.vault.list("db")], ["db/password"])
        self.assertTrue(self.vault.has("stripe/api-key"))
        self.assertFalse(self.vault.has("stripe/other"))
        self.assertFalse(self.vault.has("db/password"))

    def test_metadata(self) -> None:
        options = ["--description", "for payments: größe", "--env", "STRIPE", "--reveal", "never"]
        self.machine.run("set", "stripe/api-key", *options, "--expires", "2099-01-01", stdin=b"v")
        [info] = [each for each in self.vault.list("stripe") if each.name == "stripe/api-key"]
        self.assertEqual((info.version, info.env, info.reveal), (2, "STRIPE", "never"))
        self.assertEqual((info.description, info.exposed), ("for payments: größe", ()))
        self.assertEqual((info.expires or "")[:10], "2099-01-01")

    def test_uses(self) -> None:
        rule = ["--host", "api.example.com", "--method", "GET", "--path", "/v1/**"]
        self.machine.run("use", "stripe/api-key", *rule, "--at", "header:x-key", "--yes")
        listed = {info.name: info.use for info in self.vault.list("stripe")}
        use = Use(("api.example.com",), ("GET",), ("/v1/**",), ("header:x-key",), "raw", "never")
        self.assertEqual(listed.pop("stripe/api-key"), (use,))
        self.assertEqual(set(listed.values()), {()})

    def test_access(self) -> None:
        access = self.vault.access()
        self.assertEqual((access.agent, access.closed), ("ci", ("db",)))
        since = access.groups[0].since
        self.assertEqual(access.groups, (GroupAccess("stripe", 3, since, None),))

    def test_a_new_version_is_seen_at_the_next_read(self) -> None:
        self.assertEqual(self.vault.get("stripe/api-key").version, 1)
        self.machine.run("set", "stripe/api-key", stdin=b"canary-new")
        key = self.vault.get("stripe/api-key")
        self.assertEqual((key.version, key.reveal()), (2, "canary-new"))

    def test_a_revoke_is_seen_at_the_next_read(self) -> None:
        kept = self.vault.get("stripe/api-key")
        self.machine.run("revoke", "ci", "stripe")
        for _ in range(2):
            with self.assertRaises(NotGranted) as raised:
                self.vault.get("stripe/api-key")
        self.assertIn("agent-vault grant ci stripe", raised.exception.hint or "")
        self.assertFalse(self.vault.has("stripe/api-key"))
        self.assertEqual(kept.reveal(), API_KEY)
        [info] = [each for each in self.vault.list() if each.name == "stripe/api-key"]
        self.assertEqual([loss.agent for loss in info.exposed], ["ci"])
        self.machine.run("grant", "ci", "stripe")
        self.assertEqual(self.vault.get("stripe/api-key").reveal(), API_KEY)

    def test_what_was_tampered_with_is_refused(self) -> None:
        self.vault.get("stripe/api-key")
        sealed = self.machine.vault / "secrets" / "stripe" / "api-key.age"
        sealed.write_bytes(sealed.read_bytes()[:-1] + b"\0")
        with self.assertRaises(Tampered) as raised:
            self.vault.get("stripe/api-key")
        self.assertIsInstance(raised.exception, DigestMismatch)
        self.assertEqual(raised.exception.exit_code, 5)

    def test_errors_say_what_and_hold_nothing_else(self) -> None:
        cases = {
            "db/password": NotGranted,
            "stripe/other": SecretNotFound,
            "other/name": NotFound,
            "stripe": NameInvalid,
            "../../etc/passwd": NameInvalid,
            "stripe/\udc80": NameInvalid,
            "stripe/a\nb": NameInvalid,
            "": NameInvalid,
            "constructor/__proto__": NameInvalid,
        }
        for name, kind in cases.items():
            with self.subTest(name=name):
                with self.assertRaises(kind) as raised:
                    self.vault.get(name)
                self.assertEqual(list(causes(raised.exception)), [raised.exception])
                str(raised.exception).encode("utf-8")
        with self.assertRaises(GroupNotFound):
            self.vault.list("other")

    def test_wrong_types_do_not_reach_the_program(self) -> None:
        for name in (None, 1, b"stripe/api-key", ["stripe/api-key"]):
            self.assertRaises(TypeError, self.vault.get, name)
            self.assertRaises(TypeError, self.vault.get_many, [name])
        self.assertRaises(TypeError, self.vault.get_many, "stripe/api-key")

    def test_too_many_names_for_one_call(self) -> None:
        names = ["stripe/%d" % number for number in range(100_000)]
        self.assertRaises(Usage, self.vault.get_many, names)
        self.assertEqual(self.vault.get("stripe/api-key").reveal(), API_KEY)

    def test_closed(self) -> None:
        key = self.vault.get("stripe/api-key")
        with self.vault as same:
            self.assertIs(same, self.vault)
        self.assertRaises(Closed, self.vault.get, "stripe/api-key")
        self.vault.close()
        self.assertEqual(key.reveal(), API_KEY)

    def test_each_read_is_noted(self) -> None:
        audit = self.machine.home / "audit.jsonl"
        with Vault(agent="ci", audit=audit) as vault:
            vault.get("stripe/api-key")
            vault.get("stripe/api-key")
            vault.get_many(["stripe/binary"])
            vault.list()
        lines = [json.loads(line) for line in audit.read_text().splitlines()]
        noted = [
            (line["agent"], line["door"], secret["name"])
            for line in lines
            for secret in line["secrets"]
        ]
        api_key = ("ci", "bridge", "stripe/api-key")
        self.assertEqual(noted, [api_key, api_key, ("ci", "bridge", "stripe/binary")])
        self.assertNotIn(API_KEY, audit.read_text())

    def test_no_read_is_noted_where_somebody_says_so(self) -> None:
        def noted() -> list[str]:
            return [file.read_text() for file in self.machine.home.rglob("audit/agents/ci.jsonl")]

        before = noted()
        with Vault(agent="ci", audit=False) as vault:
            vault.get("stripe/api-key")
        self.assertEqual(noted(), before)


class WhoReads(unittest.TestCase):
    def setUp(self) -> None:
        self.machine = machine_for(self, fresh=False)

    def read(self, *arguments: object, **options: object) -> str:
        with Vault(*arguments, **options) as vault:  # type: ignore[arg-type]
            return vault.get("stripe/api-key").reveal()

    def test_nobody(self) -> None:
        # The owner's key lies in this home, and is not used.
        self.assertRaises(NoIdentity, self.read)

    def test_a_key_in_the_wrong_place_starts_nothing(self) -> None:
        key = "age-secret-key-1notarealone"
        for option in ("agent", "identity_file", "trust"):
            with self.assertRaises(Usage) as raised:
                self.read(**{option: key})
            self.assertNotIn("notarealone", str(raised.exception))

    def test_never_the_owner(self) -> None:
        [owner] = (self.machine.home / ".config").glob("agent-vault/*/owner.key")
        with self.assertRaises(VaultError) as raised:
            self.read(identity_file=owner)
        self.assertEqual(raised.exception.code, "OWNER_KEY_UNASKED")

    def test_an_agent_of_this_machine(self) -> None:
        self.assertEqual(self.read(agent="ci"), API_KEY)
        os.environ["AGENT_VAULT_AGENT"] = "ci"
        self.assertEqual(self.read(), API_KEY)

    def test_an_unknown_agent(self) -> None:
        with self.assertRaises(KeyNotFound) as raised:
            self.read(agent="cli")
        self.assertIn("did you mean ci", raised.exception.hint or "")

    def test_a_key_file(self) -> None:
        os.chdir(self.machine.home)
        file = self.machine.key_file()
        self.assertEqual(self.read("repo", identity_file=file), API_KEY)
        self.assertEqual(self.read("repo", identity_file=os.path.relpath(file)), API_KEY)

    def test_the_content_of_a_key_file(self) -> None:
        content = self.machine.key_file().read_text()
        vault = Vault(identity=content)
        self.addCleanup(vault.close)
        self.assertEqual(vault.get("stripe/api-key").reveal(), API_KEY)
        identity = content.split()[-1]
        self.assertTrue(identity.startswith("AGE-SECRET-KEY-"))
        self.assertNotIn(identity, repr(vars(vault)) + repr(vars(vault._bridge)))
        arguments = "/proc/%s/cmdline" % vault._bridge.pid
        if os.path.exists(arguments):
            with open(arguments) as file:
                self.assertNotIn("AGE-SECRET-KEY", file.read())

    def test_two_at_once(self) -> None:
        self.assertRaises(Usage, Vault, agent="ci", identity_file="ci.key")

    def test_paths_are_those_of_when_it_was_made(self) -> None:
        with Vault(agent="ci") as vault:
            os.chdir(self.machine.home)
            self.assertEqual(vault.get("stripe/api-key").reveal(), API_KEY)

    def test_whom_to_trust(self) -> None:
        identity = self.machine.key_file().read_text().split()[-1]
        signer = json.loads((self.machine.vault / "vault.json").read_text())["owners"][0]["signer"]
        other = "ed25519:" + "A" * 43
        self.assertEqual(self.read(identity=identity, trust=signer), API_KEY)
        with self.assertRaises(VaultError) as raised:
            self.read(agent="ci", trust=other)
        self.assertIn(raised.exception.code, ("TRUST_MISMATCH", "UNTRUSTED"))
        os.environ["AGENT_VAULT_TRUST"] = other
        self.assertRaises(TrustMismatch, self.read, identity=identity, trust=signer)

    def test_no_vault(self) -> None:
        with Vault("/", agent="ci") as vault:
            self.assertRaises(NoVault, vault.get, "stripe/api-key")

    def test_what_was_mended_is_seen(self) -> None:
        """An error of the vault does not end the program: the next call looks again."""
        record = self.machine.vault / "vault.json"
        signed = record.read_bytes()
        record.write_bytes(b"{}")
        with Vault(agent="ci") as vault:
            self.assertRaises(Tampered, vault.get, "stripe/api-key")
            process = vault._bridge.pid
            record.write_bytes(signed)
            self.assertEqual(vault.get("stripe/api-key").reveal(), API_KEY)
            self.assertEqual(vault._bridge.pid, process)


class Package(unittest.TestCase):
    def test_is_typed(self) -> None:
        folder = os.path.dirname(agent_vault.__file__)
        self.assertTrue(os.path.exists(os.path.join(folder, "py.typed")))
