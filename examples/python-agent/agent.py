"""An agent that lives for days, in Python.

It asks an API with a key that it reads from the vault for each request, so that a new key is
used, and a revoke obeyed, at once.

    pip install ./sdk-python-bridge
    AGENT_VAULT_AGENT=ci API_URL=https://api.example python3 agent.py
"""

import os
import sys
import time
import urllib.error
import urllib.request

from agent_vault import Vault, VaultError

API_URL = os.environ["API_URL"]
ROUNDS = int(os.environ.get("ROUNDS", "1000000000"))
PAUSE_S = float(os.environ.get("PAUSE_S", "1"))


def ask(token: str) -> str:
    request = urllib.request.Request(API_URL, headers={"Authorization": f"Bearer {token}"})
    try:
        with urllib.request.urlopen(request, timeout=10) as answer:
            return f"{answer.status} {answer.read().decode()}"
    except urllib.error.HTTPError as refused:
        return f"{refused.code} {refused.read().decode()}"


def main() -> int:
    try:
        with Vault(os.path.dirname(os.path.abspath(__file__))) as vault:
            for _ in range(ROUNDS):
                key = vault.get("weather/api-key")
                # A value does not show itself, in an f-string neither.
                print(f"asking with {key}, version {key.version}")
                print(ask(key.reveal()), flush=True)
                time.sleep(PAUSE_S)
    except VaultError as error:
        # NotGranted after a revoke, GrantEnded, SecretNotFound, ...: the hint is the way out.
        print(f"{error.code}: {error}\n  {error.hint}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
