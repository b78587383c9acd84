"""The examples of the documentation, word for word."""

from __future__ import annotations

import contextlib
import io
import re
import subprocess
import unittest

from tests.machine import API_KEY, PACKAGE, PROJECT, machine_for

MASK = "[secret stripe/api-key: use .reveal()]"


class Examples(unittest.TestCase):
    def setUp(self) -> None:
        self.machine = machine_for(self)
        self.machine.run("set", "stripe/webhook", stdin=b"canary-webhook")
        self.machine.run("set", "payroll/key", stdin=b"canary-payroll")

    def test_python(self) -> None:
        said = {}
        for page in (PACKAGE / "README.md", PROJECT / "docs" / "python.md"):
            blocks = re.findall(r"^```python\n(.*?)^```", page.read_text("utf-8"), re.S | re.M)
            head = "from agent_vault import Vault\n"
            for number, block in enumerate(blocks):
                out = io.StringIO()
                with contextlib.redirect_stdout(out):
                    exec(compile(head + block, "%s block %d" % (page, number), "exec"), {})
                said["%s %d" % (page.name, number)] = out.getvalue()
        ask = "ask an owner: agent-vault grant ci payroll\n"
        masks = "%s %s\n" % (MASK, MASK.replace("api-key", "webhook"))
        self.assertEqual(
            list(said.values()),
            [
                "%s\nNOT_GRANTED %s" % (MASK, ask),
                "%s\n%d\n" % (MASK, len(API_KEY)),
                "",
                masks,
                ask,
            ],
        )

    def test_the_protocol(self) -> None:
        page = (PROJECT / "docs" / "python.md").read_text("utf-8")
        example = re.search(r"^```\n\$ (.*\| )agent-vault (bridge.*)\n(.*)\n```", page, re.M)
        assert example is not None
        command = "%s node '%s' %s" % (
            example[1], self.machine.env["AGENT_VAULT_BIN"], example[2],
        )
        said = subprocess.run(
            ["sh", "-c", command], cwd=self.machine.repo, env=self.machine.env,
            capture_output=True, text=True, check=True,
        )
        self.assertEqual(said.stdout, example[3] + "\n")
