"""The program behind a vault: started when it is needed, and anew when it has ended."""

from __future__ import annotations

import asyncio
import concurrent.futures
import os
import threading
import weakref
from concurrent.futures import Future
from typing import Any, Dict, List, Mapping, NoReturn, Optional

from ._child import Answer, Child, encode_request
from ._program import find_program
from ._secret import Hidden
from .errors import BinaryNotFound, BridgeTimeout, Closed, TrustMismatch, Usage

# The program refuses longer lines, and then cannot say to which call.
_LINE_LIMIT = 1 << 20
_TRUST = "AGENT_VAULT_TRUST"

_bridges: weakref.WeakSet[Bridge] = weakref.WeakSet()


class Bridge:
    """Calls to one program, from any thread, task or forked process."""

    def __init__(
        self, arguments: List[str], own: Mapping[str, str], timeout: Optional[float]
    ) -> None:
        """``own`` is what the program's environment has besides that of this process."""
        self._arguments = arguments
        self._own = Hidden(dict(own))
        self._timeout = timeout
        self._lock = threading.Lock()
        self._child: Optional[Child] = None
        self._finalizer: Optional[weakref.finalize[Any, Any]] = None
        self._is_closed = False
        _bridges.add(self)

    def __reduce_ex__(self, _protocol: Any) -> NoReturn:
        raise TypeError("a Vault is not pickled: open one in each process")

    def call(self, method: str, params: Mapping[str, Any]) -> Answer:
        """The result of a call. Raises what the program answers, and the errors of the bridge."""
        future = self._send(method, params)
        try:
            return future.result(self._timeout)
        except concurrent.futures.TimeoutError:
            pass
        finally:
            # After a time-out or a Ctrl-C, nobody waits for the answer.
            future.cancel()
        raise self._timed_out(method)

    async def call_async(self, method: str, params: Mapping[str, Any]) -> Answer:
        """The same for a task. To cancel the task forgets the call, and harms no other."""
        future = asyncio.wrap_future(self._send(method, params))
        try:
            return await asyncio.wait_for(future, self._timeout)
        except asyncio.TimeoutError:
            pass
        raise self._timed_out(method)

    def close(self) -> None:
        """Ends the program. It answers first what it was asked before."""
        with self._lock:
            self._is_closed = True
            child = self._forget_child()
        if child is not None:
            child.close()

    async def close_async(self) -> None:
        await asyncio.get_running_loop().run_in_executor(None, self.close)

    @property
    def pid(self) -> Optional[int]:
        """The process id of the program, while it runs."""
        child = self._child
        return child.pid if child is not None and child.is_alive() else None

    def after_fork(self) -> None:
        """In the new process, where no other thread is: it starts a program of its own."""
        self._lock = threading.Lock()
        child = self._forget_child()
        if child is not None:
            child.leave_to_parent()

    def _send(self, method: str, params: Mapping[str, Any]) -> Future[Answer]:
        if len(encode_request(0, method, params)) > _LINE_LIMIT - 32:
            raise Usage("the names of one call are over 1 MiB", "ask for fewer of them at once")
        with self._lock:
            if self._is_closed:
                raise Closed("this vault was closed", "open it again: Vault(...)")
            if self._child is None or not self._child.is_alive():
                self._forget_child()
                self._child = self._start()
                # When the vault is dropped without close(), and when Python ends.
                self._finalizer = weakref.finalize(self, self._child.end)
            return self._child.send(method, params)

    def _forget_child(self) -> Optional[Child]:
        if self._finalizer is not None:
            self._finalizer.detach()
        child, self._child, self._finalizer = self._child, None, None
        return child

    def _start(self) -> Child:
        _refuse_other_trust(self._own)
        words = [*find_program(), "bridge", *self._arguments]
        # An error of the system has frames that know the environment, perhaps a key in it: it must
        # not become the context of another.
        try:
            return Child(words, {**os.environ, **self._own.take()})
        except (OSError, ValueError) as error:
            why = getattr(error, "strerror", None) or type(error).__name__
        raise BinaryNotFound("%s cannot be started: %s" % (words[0], why), "see AGENT_VAULT_BIN")

    def _timed_out(self, method: str) -> BridgeTimeout:
        return BridgeTimeout(
            "agent-vault bridge did not answer %s within %s s" % (method, self._timeout),
            "try again; a slow disk, or a store that waits for a person, may need a longer timeout=",
        )


def _refuse_other_trust(own: Hidden[Dict[str, str]]) -> None:
    """All that name an owner to trust must agree: one does not replace the other."""
    trust = own.take().get(_TRUST)
    if trust is None or os.environ.get(_TRUST, trust) == trust:
        return
    raise TrustMismatch(
        "trust= names another owner than %s" % _TRUST,
        "ask the owner which is right, and correct the other",
    )


def _after_fork() -> None:
    for bridge in list(_bridges):
        bridge.after_fork()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork)
