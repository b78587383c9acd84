import asyncio

import httpx2
from mcp import Client
from mcp.client.streamable_http import streamable_http_client
from tasks import CALLS, HEADERS, URL, tell


async def main():
    async with httpx2.AsyncClient(headers=HEADERS) as http:
        async with Client(streamable_http_client(URL, http_client=http)) as client:
            listed = await client.list_tools()
            results = [await client.call_tool(name, args) for name, args in CALLS]
    tell([tool.name for tool in listed.tools], [each.structured_content for each in results])


asyncio.run(main())
