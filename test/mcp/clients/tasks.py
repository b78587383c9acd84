"""What each client does with the server, and how it tells of it."""

import json
import os

URL = os.environ["AGENT_VAULT_MCP_URL"]
HEADERS = {"Authorization": f"Bearer {os.environ['AGENT_VAULT_MCP_TOKEN']}"}

# An optional argument that is null is one that was left out: a strict mode sends all of them.
CALLS = [
    ("list_secrets", {"group": "stripe"}),
    ("describe_access", {}),
    ("http_request", {"url": os.environ["UPSTREAM"]}),
    ("http_request", {"url": os.environ["UPSTREAM"].replace("/v1/", "/v2/")}),
]


def tell(tools, answers):
    """Prints what came, for the test: names of tools, and each answer's document."""
    print(json.dumps({"tools": tools, "answers": answers}))
