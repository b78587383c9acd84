"""What the program answers, as types."""

from __future__ import annotations

import base64
import binascii
from dataclasses import dataclass
from typing import Any, Callable, List, Optional, Tuple, TypeVar

from ._child import Answer
from ._secret import SecretValue
from .errors import BridgeProtocol

T = TypeVar("T")


@dataclass(frozen=True)
class Exposure:
    """An agent that could read the present value, and may not read it now."""

    agent: str
    at: str
    why: str


@dataclass(frozen=True)
class Use:
    """A rule: where the broker may send a secret."""

    #: ``api.example.com``, ``*.example.com`` for one label, ``host:8443``.
    hosts: Tuple[str, ...]
    methods: Tuple[str, ...]
    #: ``/v1/**``: ``*`` within a segment, ``**`` one or more segments.
    paths: Tuple[str, ...]
    #: ``header:NAME``, ``query:NAME``, ``path``, ``body:json`` or ``body:form``.
    at: Tuple[str, ...]
    #: ``raw``, ``bearer``, ``basic``, ``sigv4`` or ``hmac-sha256``.
    scheme: str
    #: Whether a person is asked: ``never``, ``session`` or ``each``.
    ask: str
    user: Optional[str] = None
    template: Optional[str] = None
    encoding: Optional[str] = None
    service: Optional[str] = None


@dataclass(frozen=True)
class SecretInfo:
    """What anyone may know of a secret. Times are UTC, ``YYYY-MM-DDTHH:MM:SSZ``."""

    name: str
    #: Counts the values that the secret had.
    version: int
    #: When the present value was set.
    changed: str
    #: Whether this agent may read it now.
    readable: bool
    expires: Optional[str] = None
    description: Optional[str] = None
    #: The environment variable that ``agent-vault run`` gives it to.
    env: Optional[str] = None
    #: Whether MCP may show it to a model: ``never``, ``confirm`` or ``allow``.
    reveal: Optional[str] = None
    #: Words that people tell it by: ``pci,prod``.
    tags: Optional[str] = None
    #: Not empty: rotate it at its source, then set it.
    exposed: Tuple[Exposure, ...] = ()
    #: Where the broker may send it; empty: nowhere.
    use: Tuple[Use, ...] = ()


@dataclass(frozen=True)
class GroupAccess:
    """A group that the agent may open."""

    group: str
    #: How many secrets it has.
    secrets: int
    since: Optional[str] = None
    until: Optional[str] = None


@dataclass(frozen=True)
class Access:
    """What an agent may read, and which groups it could ask an owner for."""

    vault: str
    agent: Optional[str]
    groups: Tuple[GroupAccess, ...]
    closed: Tuple[str, ...]


# Answers hold values. An error that is raised here has frames that know the answer, and a traceback
# may show what its frames know: so what is wrong with an answer is found first, and raised after.


def one_secret(answer: Answer) -> SecretValue:
    """The answer of ``get``. Raises BridgeProtocol."""
    secret = _secret(answer)
    del answer
    return _understood(secret)


def many_secrets(answer: Answer, count: int) -> List[SecretValue]:
    """The answer of ``get_many``, in the order asked. Raises BridgeProtocol."""
    secrets = [_secret(item) for item in _items(answer, "secrets")]
    del answer
    if len(secrets) != count:
        raise _misunderstood()
    return [_understood(secret) for secret in secrets]


def secret_list(answer: Answer) -> List[SecretInfo]:
    """The answer of ``list``. Raises BridgeProtocol."""
    return [_understood(_built(_info, item)) for item in _items(answer, "secrets")]


def whether(answer: Answer) -> bool:
    """The answer of ``has``. Raises BridgeProtocol."""
    has = answer.get("has")
    if not isinstance(has, bool):
        raise _misunderstood()
    return has


def access_in(answer: Answer) -> Access:
    """The answer of ``access``. Raises BridgeProtocol."""
    return _understood(_built(_access, answer))


def _secret(item: Any) -> Optional[SecretValue]:
    try:
        value = base64.b64decode(item["value"], validate=True)
        return SecretValue(str(item["name"]), int(item["version"]), bytearray(value))
    except (KeyError, TypeError, ValueError, binascii.Error):
        return None


def _info(item: Any) -> SecretInfo:
    return SecretInfo(
        name=item["name"],
        version=item["version"],
        changed=item["changed"],
        readable=item["readable"],
        expires=item.get("expires"),
        description=item.get("description"),
        env=item.get("env"),
        reveal=item.get("reveal"),
        tags=item.get("tags"),
        exposed=tuple(
            Exposure(loss["agent"], loss["at"], loss["why"]) for loss in item.get("exposed", ())
        ),
        use=tuple(_use(rule) for rule in item.get("use", ())),
    )


def _use(rule: Any) -> Use:
    return Use(
        hosts=tuple(rule["hosts"]),
        methods=tuple(rule["methods"]),
        paths=tuple(rule["paths"]),
        at=tuple(rule["at"]),
        scheme=rule["scheme"],
        ask=rule["ask"],
        user=rule.get("user"),
        template=rule.get("template"),
        encoding=rule.get("encoding"),
        service=rule.get("service"),
    )


def _access(answer: Any) -> Access:
    return Access(
        vault=answer["vault"],
        agent=answer.get("agent"),
        groups=tuple(
            GroupAccess(item["group"], item["secrets"], item.get("since"), item.get("until"))
            for item in answer["groups"]
        ),
        closed=tuple(answer["closed"]),
    )


def _built(build: Callable[[Any], T], item: Any) -> Optional[T]:
    try:
        return build(item)
    except (KeyError, TypeError, AttributeError):
        return None


def _items(answer: Answer, key: str) -> List[Any]:
    items = answer.get(key)
    return items if isinstance(items, list) else [None]


def _understood(thing: Optional[T]) -> T:
    if thing is None:
        raise _misunderstood()
    return thing


def _misunderstood() -> BridgeProtocol:
    return BridgeProtocol(
        "agent-vault bridge gave an answer that this package does not understand",
        "bring the program agent-vault and this package to the same version",
    )
