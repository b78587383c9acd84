"""AsyncVault: the same for tasks."""

from __future__ import annotations

import asyncio
import os
import signal
import unittest

from agent_vault import AsyncVault, BridgeCrashed, BridgeTimeout, Closed, NotGranted
from tests.machine import API_KEY, BINARY, is_running, machine_for


class Async(unittest.IsolatedAsyncioTestCase):
    def setUp(self) -> None:
        self.machine = machine_for(self, fresh=False)
        self.vault = AsyncVault(agent="ci")

    async def asyncTearDown(self) -> None:
        await self.vault.close()

    def pid(self) -> int:
        pid = self.vault._bridge.pid
        assert pid is not None
        return pid

    async def test_all_methods(self) -> None:
        async with self.vault as vault:
            self.assertEqual((await vault.get("stripe/api-key")).reveal(), API_KEY)
            values = await vault.get_many(["stripe/binary"])
            self.assertEqual(values["stripe/binary"].bytes(), BINARY)
            self.assertTrue(await vault.has("stripe/api-key"))
            self.assertEqual(len(await vault.list("stripe")), 3)
            self.assertEqual((await vault.access()).closed, ("db",))
            with self.assertRaises(NotGranted):
                await vault.get("db/password")
            pid = self.pid()
        self.assertFalse(is_running(pid))
        with self.assertRaises(Closed):
            await vault.get("stripe/api-key")

    async def test_many_tasks_at_once(self) -> None:
        names = ["stripe/api-key", "stripe/binary"] * 50
        values = await asyncio.gather(*(self.vault.get(name) for name in names))
        self.assertEqual([value.name for value in values], names)

    async def test_a_cancelled_task_harms_no_other(self) -> None:
        await self.vault.get("stripe/api-key")
        pid = self.pid()
        os.kill(pid, signal.SIGSTOP)
        tasks = [asyncio.ensure_future(self.vault.get("stripe/api-key")) for _ in range(6)]
        await self.until_waiting(6)
        for task in tasks[::2]:
            task.cancel()
        await asyncio.gather(*tasks[::2], return_exceptions=True)
        os.kill(pid, signal.SIGCONT)
        ended = await asyncio.gather(*tasks, return_exceptions=True)
        for task in ended[::2]:
            self.assertIsInstance(task, asyncio.CancelledError)
        for value in ended[1::2]:
            self.assertEqual(str(value), "[secret stripe/api-key: use .reveal()]")
        self.assertEqual((await self.vault.get("stripe/api-key")).reveal(), API_KEY)
        self.assertEqual(self.pid(), pid)

    async def test_the_loop_goes_on_while_it_waits(self) -> None:
        await self.vault.get("stripe/api-key")
        pid = self.pid()
        os.kill(pid, signal.SIGSTOP)
        self.vault._bridge._timeout = 1
        call = asyncio.ensure_future(self.vault.get("stripe/api-key"))
        steps = 0
        while not call.done():
            await asyncio.sleep(0.01)
            steps += 1
        self.assertGreater(steps, 1)
        os.kill(pid, signal.SIGCONT)
        with self.assertRaises(BridgeTimeout):
            await call

    async def until_waiting(self, count: int) -> None:
        """Until so many calls wait for an answer."""
        child = self.vault._bridge._child
        assert child is not None
        while len(child._waiting) < count:
            await asyncio.sleep(0.01)

    async def test_a_crash(self) -> None:
        await self.vault.get("stripe/api-key")
        pid = self.pid()
        os.kill(pid, signal.SIGSTOP)
        call = asyncio.ensure_future(self.vault.get("stripe/api-key"))
        await self.until_waiting(1)
        os.kill(pid, signal.SIGKILL)
        with self.assertRaises(BridgeCrashed):
            await call
        self.assertEqual((await self.vault.get("stripe/api-key")).reveal(), API_KEY)

    async def test_a_revoke_is_seen_at_the_next_read(self) -> None:
        machine = await asyncio.to_thread(machine_for, self)
        async with AsyncVault(agent="ci") as vault:
            await vault.get("stripe/api-key")
            await asyncio.to_thread(machine.run, "revoke", "ci", "stripe")
            with self.assertRaises(NotGranted):
                await vault.get("stripe/api-key")
