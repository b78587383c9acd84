"""Finds the program that this package speaks to."""

from __future__ import annotations

import os
import shutil
import sys
from pathlib import Path
from typing import List, Optional

from .errors import BinaryNotFound

VARIABLE = "AGENT_VAULT_BIN"
_NAME = "agent-vault"
_INSTALL = (
    "install it (in a clone of it: npm ci && npm run build && npm link), or set %s to its path"
    % VARIABLE
)


def find_program() -> List[str]:
    """The words that start the program.

    The first of: AGENT_VAULT_BIN, PATH, and ``node_modules/.bin`` from the current folder upwards.
    Raises BinaryNotFound.
    """
    named = os.environ.get(VARIABLE)
    if named:
        return _started(_named(named))
    found = shutil.which(_NAME) or _in_node_modules()
    if found is None:
        raise BinaryNotFound("there is no program agent-vault on this machine", _INSTALL)
    return [found]


def _named(named: str) -> str:
    if os.path.isfile(named):
        return os.path.abspath(named)
    found = None if os.path.dirname(named) else shutil.which(named)
    if found is None:
        raise BinaryNotFound("%s is %s, which is not a file" % (VARIABLE, named), _INSTALL)
    return found


def _started(program: str) -> List[str]:
    if not program.endswith((".cjs", ".mjs", ".js")):
        return [program]
    node = shutil.which("node")
    if node is None:
        raise BinaryNotFound(
            "there is no node on PATH to run %s" % program, "install Node 20.19 or later"
        )
    return [node, program]


def _in_node_modules() -> Optional[str]:
    name = _NAME + ".cmd" if sys.platform == "win32" else _NAME
    here = Path.cwd()
    for folder in (here, *here.parents):
        program = folder / "node_modules" / ".bin" / name
        if program.is_file() and os.access(program, os.X_OK):
            return str(program)
    return None
