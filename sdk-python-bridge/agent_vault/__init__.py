"""agent-vault for Python: reads the secrets that an agent was granted.

>>> from agent_vault import Vault
>>> with Vault(".", agent="ci") as vault:
...     key = vault.get("stripe/api-key")
>>> print(key)
[secret stripe/api-key: use .reveal()]
"""

from . import errors
from ._answers import Access, Exposure, GroupAccess, SecretInfo, Use
from ._secret import SecretValue
from ._vault import AsyncVault, Vault
from .errors import *  # noqa: F403

__all__ = [
    "Access",
    "AsyncVault",
    "Exposure",
    "GroupAccess",
    "SecretInfo",
    "SecretValue",
    "Use",
    "Vault",
    "errors",
]
__all__ += errors.__all__
