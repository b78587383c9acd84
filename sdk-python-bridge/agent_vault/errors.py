"""Everything that can go wrong, a class for each code.

The codes are those of the program: its command line, its JSON and docs/errors.md use the same.
The name of a class is its code in other letters: ``NOT_GRANTED`` is :class:`NotGranted`. No error
holds a value, in its text, its attributes or its causes.
"""

from __future__ import annotations

import re
from typing import Any, Dict, Optional, Tuple, Type

_BY_CODE: Dict[str, Type[VaultError]] = {}


class VaultError(Exception):
    """The base of all errors. An error with a code that this package does not know is just this.

    ``message`` names the subject, ``hint`` is the next thing to do, and ``exit_code`` is what the
    command line ends with: 2 for a wrong call, 3 not found, 4 denied, 5 tampered with, 6 not now,
    70 a bug.
    """

    code: str = "VAULT_ERROR"
    exit_code: int = 70

    def __init__(
        self,
        message: str,
        hint: Optional[str] = None,
        *,
        code: Optional[str] = None,
        exit_code: Optional[int] = None,
    ) -> None:
        self.message = harmless(message)
        self.hint = None if hint is None else harmless(hint)
        if code is not None:
            self.code = code
        if exit_code is not None:
            self.exit_code = exit_code
        super().__init__(self.message, self.hint)

    def __init_subclass__(cls, is_base: bool = False, **others: Any) -> None:
        super().__init_subclass__(**others)
        if is_base:
            return
        cls.code = re.sub(r"(?<!^)(?=[A-Z])", "_", cls.__name__).upper()
        _BY_CODE[cls.code] = cls

    def __str__(self) -> str:
        return self.message if self.hint is None else "%s (%s)" % (self.message, self.hint)

    def __reduce__(self) -> Tuple[Any, ...]:
        # Errors cross the borders of processes, those of multiprocessing for example.
        state = {"code": self.code, "exit_code": self.exit_code}
        return (type(self), (self.message, self.hint), state)


def harmless(text: str) -> str:
    """Shows what could do more than be read: control characters, and halves of surrogate pairs."""
    text = re.sub(r"AGE-SECRET-KEY-[0-9A-Za-z-]+", "AGE-SECRET-KEY-\u2026", text)
    if text.isprintable():
        return text
    return "".join(c if c.isprintable() else "\\u{%x}" % ord(c) for c in text)


def error_for(code: str, message: str, hint: Optional[str], exit_code: int) -> VaultError:
    """The error of a code, as the program reported it."""
    known = _BY_CODE.get(code)
    if known is None:
        return VaultError(message, hint, code=code, exit_code=exit_code)
    return known(message, hint, exit_code=exit_code)


def error_classes() -> Dict[str, Type[VaultError]]:
    """Every class that has a code of its own, by that code."""
    return dict(_BY_CODE)


class NotFound(VaultError, is_base=True):
    """Something that was named does not exist: the base of exit code 3."""

    exit_code = 3


class Denied(VaultError, is_base=True):
    """Not allowed, or not trusted: the base of exit code 4."""

    exit_code = 4


class Tampered(VaultError, is_base=True):
    """What is on disk is not what an owner signed: the base of exit code 5."""

    exit_code = 5


class NotNow(VaultError, is_base=True):
    """A conflict, a lock, or something pending, which may pass: the base of exit code 6."""

    exit_code = 6


class BridgeError(VaultError, is_base=True):
    """The program behind this package failed, or is not there: the base of these errors."""

    exit_code = 70


class Usage(VaultError):
    """An option, an argument, a time or a descriptor is not understood."""

    exit_code = 2


class NameInvalid(VaultError):
    """A name is outside the rules, or differs from another only in case."""

    exit_code = 2


class NoTerminal(VaultError):
    """A person has to answer a question, and there is no terminal."""

    exit_code = 2


class ValueAsArgument(VaultError):
    """A value stands in the arguments, which end up in the shell's history."""

    exit_code = 2


class ValueTooLarge(VaultError):
    """A value has more than 16 MiB."""

    exit_code = 2


class ValueNotText(VaultError):
    """The value is not UTF-8 text: take its ``bytes()``."""

    exit_code = 2


class Closed(VaultError):
    """The vault was closed, or the copy of a value was cleared."""

    exit_code = 2


class ConfigInvalid(VaultError):
    """A client's config, or a file of references, is not what it should be."""

    exit_code = 2


class RecipientInvalid(VaultError):
    """That is not a native age recipient."""

    exit_code = 2


class KeysMixed(VaultError):
    """A classic key for a post-quantum vault, or the other way round."""

    exit_code = 2


class NoVault(NotFound):
    """There is no vault in the folder or above it."""


class NoRepository(NotFound):
    """The folder is in no Git work tree."""


class NoGit(NotFound):
    """There is no ``git`` on PATH."""


class RuntimeUnsupported(NotFound):
    """The runtime of the program lacks a primitive that the vault needs."""


class FormatNewer(NotFound):
    """A record was made by a newer program, and says what this one does not know."""


class NoIdentity(NotFound):
    """Nothing says who reads."""


class KeyNotFound(NotFound):
    """The key file that was named is not there."""


class AgentNotFound(NotFound):
    """There is no agent of that name."""


class GroupNotFound(NotFound):
    """There is no group of that name."""


class OwnerNotFound(NotFound):
    """There is no owner of that name."""


class SecretNotFound(NotFound):
    """There is no secret of that name."""


class NoEscrow(NotFound):
    """The agent's key was made elsewhere: nothing can be recovered."""


class ServerNotFound(NotFound):
    """There is no server of that name in a client's config."""


class ServiceNotFound(NotFound):
    """The catalogue has no service of that name."""


class McpNotListening(NotFound):
    """No ``agent-vault mcp --listen`` of this user runs for the vault and the agent."""


class ProxyNotRunning(NotFound):
    """No ``agent-vault proxy`` of this user runs for the vault and the agent."""


class NotGranted(Denied):
    """The identity may not open the group, or is not the agent's present one."""


class GrantEnded(Denied):
    """The grant had an end, which is past."""


class NotOwner(Denied):
    """Only an owner's key does this."""


class OwnerKeyUnasked(Denied):
    """An agent harness runs here: the owner's key is not used unasked."""


class RevealRefused(Denied):
    """A value may not be shown to a model."""


class SourceUnagreed(Denied):
    """Nobody on this machine agreed to where the value comes from."""


class Unconfirmed(Denied):
    """Under an agent's harness, what gives access or shows a value needs a person."""


class Untrusted(Denied):
    """Nothing names an anchor, or it is not an owner, or it did not bring every owner."""


class TrustMismatch(Denied):
    """Key file, ``AGENT_VAULT_TRUST`` and pin name different owners."""


class KeyInvalid(Denied):
    """The key file holds no age identity, or more than one."""


class KeyWrongVault(Denied):
    """The key belongs to another vault."""


class KeyUnsafe(Denied):
    """Others can read the key file, or it would lie in a work tree."""


class PassphraseWrong(Denied):
    """The passphrase does not open the key file."""


class KeychainFailed(Denied):
    """The system's keychain did not give, keep or remove an owner's key."""


class SharesInvalid(Denied):
    """Shares of an owner's key are mistyped, altered, doubled, too few or of several sets."""


class NoAccess(Denied):
    """The system does not let a file be read or written, or output is not taken."""


class AuditUnwritable(Denied):
    """The audit cannot be written or synced, so nothing was handed out."""


class UseRefused(Denied):
    """No use of the secret names this host, method, path and place."""


class PolicyRefused(Denied):
    """The vault's policy denies the value, or none of its rules allows it."""


class AskRefused(Denied):
    """A person said no, or nothing in time."""


class ProxyTokenWrong(Denied):
    """The token of the proxy is missing, or another run's."""


class AuthorityRefused(Denied):
    """A program does not trust the certificates of the broker."""


class RequestRefused(Denied):
    """The request could mean two things."""


class TargetRefused(Denied):
    """The broker does not go to that host or address."""


class PlaceholderRefused(Denied):
    """A placeholder is in a request in a way that no rule covers."""


class UpstreamUntrusted(Denied):
    """The certificate of the service does not hold."""


class IsolationUnavailable(Denied):
    """A blind run is to be isolated, and this system has not what it takes."""


class GateRefused(Denied):
    """A value of this vault was in a request to where it may not go."""


class ForeignVault(Tampered):
    """``.agent-vault`` holds a manifest but no ``vault.json``: another program's, or damaged;
    or it is not the vault that this clone has seen there.
    """


class FileUnsafe(Tampered):
    """A link or something else stands where a plain file belongs, or it is too large."""


class ManifestInvalid(Tampered):
    """``manifest.yaml`` is not YAML, or not valid against its schema."""


class RecordInvalid(Tampered):
    """A record is not valid, or was signed for another place."""


class SignatureInvalid(Tampered):
    """A record, or the entry of an owner, is not what its owner signed."""


class DigestMismatch(Tampered):
    """A sealed file is missing, or not the one that was signed."""


class RecipientMismatch(Tampered):
    """A key file in the vault holds another key than the signed one."""


class NotAReader(Tampered):
    """A sealed file is not sealed to whom the record says."""


class CiphertextDamaged(Tampered):
    """A sealed file was cut or changed, and was signed so."""


class RolledBack(Tampered):
    """The vault is older than what was seen before, or than ``AGENT_VAULT_MIN_SERIAL``."""


class ReplyRefused(Tampered):
    """The reply of a service cannot be looked through."""


class AuditBroken(Tampered):
    """An audit is not as it was written."""


class SealedToOldKey(NotNow):
    """The secret was set here while its group was rekeyed elsewhere."""


class Pending(NotNow):
    """The manifest asks for changes that are not applied yet."""


class PlanChanged(NotNow):
    """The plan is no longer the one that was reviewed."""


class Exists(NotNow):
    """What was to be made is there already; keys are never overwritten."""


class VaultDirty(NotNow):
    """A file of the vault differs from the last commit."""


class RepositoryState(NotNow):
    """A merge, rebase or bisect is in progress, or HEAD is detached."""


class Conflict(NotNow):
    """Somebody else changed the vault at the same moment, again and again."""


class Locked(NotNow):
    """Another agent-vault, or git, is at work in this clone."""


class Busy(NotNow):
    """A change was interrupted, and is not complete."""


class GitFailed(NotNow):
    """Git refused; the message says what it said."""


class PortTaken(NotNow):
    """Something else listens on the port."""


class RotationFailed(NotNow):
    """A program of a rotation failed."""


class SourceFailed(NotNow):
    """The store that a value lies in gave none."""


class LeaseFailed(NotNow):
    """The issuer of a short-lived value gave none."""


class UpstreamUnreachable(NotNow):
    """The service cannot be reached."""


class Bug(VaultError):
    """Something went wrong that should not."""

    exit_code = 70


class CommandNotStarted(VaultError):
    """The command that ``agent-vault run`` was given cannot be started."""

    exit_code = 126


class CommandNotFound(VaultError):
    """There is no such command for ``agent-vault run``."""

    exit_code = 127


class Interrupted(VaultError):
    """Ctrl-C, or the terminal went away."""

    exit_code = 130


class BinaryNotFound(BridgeError):
    """The program ``agent-vault``, or the Node that runs it, is not on this machine."""

    exit_code = 3


class BridgeCrashed(BridgeError):
    """The program ended in the middle of a call. The next call starts it anew."""


class BridgeTimeout(BridgeError):
    """The program did not answer in time. The next call may."""

    exit_code = 6


class BridgeProtocol(BridgeError):
    """The program speaks another version of the protocol, or is another program."""


__all__ = [
    "VaultError",
    *(base.__name__ for base in (NotFound, Denied, Tampered, NotNow, BridgeError)),
    *(error.__name__ for error in _BY_CODE.values()),
]
