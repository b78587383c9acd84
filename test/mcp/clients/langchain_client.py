"""As an agent of LangChain calls tools: by the tool call of a model, an error as its message."""

import asyncio
import json

from langchain_mcp_adapters.client import MultiServerMCPClient
from tasks import CALLS, HEADERS, URL, tell


async def main():
    connection = {"transport": "http", "url": URL, "headers": HEADERS}
    listed = await MultiServerMCPClient({"agent-vault": connection}).get_tools()
    tools = {tool.name: tool for tool in listed}
    answers = []
    for name, args in CALLS:
        call = {"type": "tool_call", "id": "call", "name": name, "args": args}
        message = await tools[name].ainvoke(call)
        answers.append(json.loads(message.content[0]["text"]))
        if (message.status == "error") != ("error" in answers[-1]):
            raise SystemExit(f"{name}: the message's status is {message.status}")
    tell(list(tools), answers)


asyncio.run(main())
