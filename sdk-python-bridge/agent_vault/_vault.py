"""The two faces of a vault: one for threads, one for tasks."""

from __future__ import annotations

import os
from typing import Any, Dict, List, Literal, Optional, Sequence, Union

from . import _answers
from ._answers import Access, SecretInfo
from ._bridge import Bridge
from ._secret import Hidden, SecretValue
from .errors import Usage

Path = Union[str, "os.PathLike[str]"]


class Vault:
    """A vault, read as an agent::

        with Vault(".", agent="ci") as vault:
            key = vault.get("stripe/api-key")   # a SecretValue: print(key) is safe
            use(key.reveal())

    It may live for days, in many threads, and in processes forked from this one: a revoke, the end
    of a grant and a new version are seen at the next read. One program, started at the first call,
    serves it; it ends with :meth:`close`, and with Python, however Python ends.

    Who reads is decided as on the command line, by the first that is set of: ``identity_file=`` (a
    key file), ``identity=`` (its content), the variables AGENT_VAULT_IDENTITY and
    AGENT_VAULT_IDENTITY_FILE, ``agent=`` (a name whose key is on this machine), AGENT_VAULT_AGENT.
    The owner's key is never used.

    ``trust``: the owner to trust, ``ed25519:...``, where the key file does not say it. ``audit``:
    the file to which each read appends a line, instead of the one in the state folder; False
    notes nothing, for an image in which nothing can be written.
    ``timeout``: seconds for a call, or None.
    """

    def __init__(
        self,
        dir: Path = ".",
        *,
        agent: Optional[str] = None,
        identity_file: Optional[Path] = None,
        identity: Optional[str] = None,
        trust: Optional[str] = None,
        audit: Union[Path, Literal[False], None] = None,
        timeout: Optional[float] = 30.0,
    ) -> None:
        hidden, identity = Hidden(identity), None
        self._bridge = _bridge(dir, agent, identity_file, hidden, trust, audit, timeout)

    def get(self, name: str) -> SecretValue:
        """The present value of a secret.

        Raises NotGranted, GrantEnded, SecretNotFound, NameInvalid, NoIdentity, Tampered and others
        of ``agent_vault.errors``; BinaryNotFound, BridgeCrashed or BridgeTimeout where the program
        behind it fails.
        """
        return _answers.one_secret(self._bridge.call("get", {"name": _name(name)}))

    def get_many(self, names: Sequence[str]) -> Dict[str, SecretValue]:
        """Many secrets at once, by name, all from the same state of the vault.

        Raises what ``get`` raises if one of them cannot be read.
        """
        params = {"names": _names(names)}
        return _by_name(params, self._bridge.call("get_many", params))

    def has(self, name: str) -> bool:
        """Whether ``get`` would find a secret and be let in. Raises NameInvalid."""
        return _answers.whether(self._bridge.call("has", {"name": _name(name)}))

    def list(self, group: Optional[str] = None) -> List[SecretInfo]:
        """The secrets of the vault, or of a group: never values. Raises GroupNotFound."""
        return _answers.secret_list(self._bridge.call("list", _group(group)))

    def access(self) -> Access:
        """What this agent may read, until when, and which groups are closed to it."""
        return _answers.access_in(self._bridge.call("access", {}))

    def close(self) -> None:
        """Ends the program behind this vault. Reading afterwards raises Closed."""
        self._bridge.close()

    def __enter__(self) -> Vault:
        return self

    def __exit__(self, *_error: object) -> None:
        self.close()


class AsyncVault:
    """The same for asyncio: every method of :class:`Vault` is awaited.

    ::

        async with AsyncVault(".", agent="ci") as vault:
            key = await vault.get("stripe/api-key")

    Many tasks may use it at once. To cancel one of them harms no other.
    """

    def __init__(
        self,
        dir: Path = ".",
        *,
        agent: Optional[str] = None,
        identity_file: Optional[Path] = None,
        identity: Optional[str] = None,
        trust: Optional[str] = None,
        audit: Union[Path, Literal[False], None] = None,
        timeout: Optional[float] = 30.0,
    ) -> None:
        hidden, identity = Hidden(identity), None
        self._bridge = _bridge(dir, agent, identity_file, hidden, trust, audit, timeout)

    async def get(self, name: str) -> SecretValue:
        """See :meth:`Vault.get`."""
        return _answers.one_secret(await self._bridge.call_async("get", {"name": _name(name)}))

    async def get_many(self, names: Sequence[str]) -> Dict[str, SecretValue]:
        """See :meth:`Vault.get_many`."""
        params = {"names": _names(names)}
        return _by_name(params, await self._bridge.call_async("get_many", params))

    async def has(self, name: str) -> bool:
        """See :meth:`Vault.has`."""
        return _answers.whether(await self._bridge.call_async("has", {"name": _name(name)}))

    async def list(self, group: Optional[str] = None) -> List[SecretInfo]:
        """See :meth:`Vault.list`."""
        return _answers.secret_list(await self._bridge.call_async("list", _group(group)))

    async def access(self) -> Access:
        """See :meth:`Vault.access`."""
        return _answers.access_in(await self._bridge.call_async("access", {}))

    async def close(self) -> None:
        """See :meth:`Vault.close`."""
        await self._bridge.close_async()

    async def __aenter__(self) -> AsyncVault:
        return self

    async def __aexit__(self, *_error: object) -> None:
        await self.close()


def _bridge(
    folder: Path,
    agent: Optional[str],
    identity_file: Optional[Path],
    identity: Hidden[Optional[str]],
    trust: Optional[str],
    audit: Union[Path, Literal[False], None],
    timeout: Optional[float],
) -> Bridge:
    """What the arguments of a vault mean: paths are those of now, not of the first call."""
    given = {"agent": agent, "identity_file": identity_file, "identity": identity.take()}
    named = [name for name, value in given.items() if value is not None]
    del given
    if len(named) > 1:
        raise Usage("%s= and %s= both say who reads" % (named[0], named[1]), "give one of them")
    for name, value in (("agent", agent), ("identity_file", identity_file), ("trust", trust)):
        if value is not None and "AGE-SECRET-KEY-" in str(value).upper():
            raise Usage("%s= was given a key" % name, "the content of a key file goes to identity=")
    options = {
        "dir": os.path.abspath(folder),
        "agent": agent,
        "identity": None if identity_file is None else os.path.abspath(identity_file),
        "audit": None if audit is None or audit is False else os.path.abspath(audit),
    }
    switches = ["--no-audit"] if audit is False else []
    # A key never stands in the arguments, which everybody on the machine may read.
    own = {"AGENT_VAULT_IDENTITY": identity.take(), "AGENT_VAULT_TRUST": trust}
    return Bridge(
        ["--%s=%s" % (name, value) for name, value in options.items() if value is not None]
        + switches,
        {name: value for name, value in own.items() if value is not None},
        timeout,
    )


def _name(name: str) -> str:
    if not isinstance(name, str):
        raise TypeError("the name of a secret is a str, not %s" % type(name).__name__)
    return name


def _names(names: Sequence[str]) -> List[str]:
    if isinstance(names, str):
        raise TypeError("get_many takes a list of names; get takes one")
    return [_name(name) for name in names]


def _group(group: Optional[str]) -> Dict[str, str]:
    return {} if group is None else {"group": _name(group)}


def _by_name(params: Dict[str, List[str]], answer: Dict[str, Any]) -> Dict[str, SecretValue]:
    names = params["names"]
    return dict(zip(names, _answers.many_secrets(answer, len(names))))
