"""A value that does not show itself."""

from __future__ import annotations

import builtins
import hmac
from typing import Any, Generic, NoReturn, Optional, TypeVar

from .errors import Closed, ValueNotText

T = TypeVar("T")


class Hidden(Generic[T]):
    """Holds something that no dump of an object's attributes is to show."""

    __slots__ = ("_content",)

    def __init__(self, content: T) -> None:
        self._content = content

    def take(self) -> T:
        return self._content

    def __repr__(self) -> str:
        return "<hidden>"

    def __reduce_ex__(self, _protocol: Any) -> NoReturn:
        raise TypeError("what is hidden is not pickled")


class SecretValue:
    """A value that does not show itself.

    Wherever it becomes text (``print``, an f-string, a log, a traceback, ``json`` with
    ``default=str``) there stands ``[secret stripe/api-key: use .reveal()]``, so that a mask sent as
    a token explains itself. It is not pickled. Two are equal if their bytes are, compared in
    constant time.

    Each owns its bytes; :meth:`clear`, or the end of a ``with`` block, overwrites them. What
    ``reveal()`` and ``bytes()`` handed out cannot be overwritten, and Python hides nothing from
    code that means to look: this is against accidents.
    """

    __slots__ = ("__name", "__version", "__hidden", "__weakref__")

    def __init__(self, name: str, version: int, value: builtins.bytearray) -> None:
        """Takes over ``value``: it is not copied. Values come from ``Vault.get``."""
        self.__name = name
        self.__version = version
        self.__hidden: Optional[Hidden[builtins.bytearray]] = Hidden(value)

    @property
    def name(self) -> str:
        """The name of the secret, for example ``stripe/api-key``."""
        return self.__name

    @property
    def version(self) -> int:
        """Counts the values that the secret had: 1, 2, ..."""
        return self.__version

    def reveal(self) -> str:
        """The value as text, decoded as UTF-8.

        Raises ValueNotText if it is none, Closed after :meth:`clear`.
        """
        text = _as_text(self.__alive())
        if text is None:
            raise ValueNotText("%s is not UTF-8 text" % self.__name, "take its bytes: .bytes()")
        return text

    def bytes(self) -> builtins.bytes:
        """A copy of the value's bytes. Raises Closed after :meth:`clear`."""
        return builtins.bytes(self.__alive())

    def clear(self) -> None:
        """Overwrites this copy of the value."""
        hidden, self.__hidden = self.__hidden, None
        if hidden is not None:
            value = hidden.take()
            value[:] = builtins.bytes(len(value))

    def __alive(self) -> builtins.bytearray:
        if self.__hidden is None:
            raise Closed("this copy of %s was cleared" % self.__name, "get it again: vault.get(name)")
        return self.__hidden.take()

    def __enter__(self) -> SecretValue:
        return self

    def __exit__(self, *_error: object) -> None:
        self.clear()

    def __repr__(self) -> str:
        return "[secret %s: use .reveal()]" % self.__name

    __str__ = __repr__

    def __format__(self, _spec: str) -> str:
        # A width or a precision must not cut the name off.
        return repr(self)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, SecretValue):
            return NotImplemented
        return hmac.compare_digest(self.__alive(), other.__alive())

    # A hash of the value would tell of it.
    __hash__ = None  # type: ignore[assignment]

    def __copy__(self) -> SecretValue:
        return self

    def __deepcopy__(self, _memo: Any) -> SecretValue:
        # dataclasses.asdict comes here.
        return self

    def __reduce_ex__(self, _protocol: Any) -> NoReturn:
        raise TypeError("a SecretValue is not pickled: pass its name, and get it there")


def _as_text(value: builtins.bytearray) -> Optional[str]:
    # A UnicodeDecodeError holds the bytes: it must not become the context of another error.
    try:
        return value.decode("utf-8")
    except UnicodeDecodeError:
        return None
