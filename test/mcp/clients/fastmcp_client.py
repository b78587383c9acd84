import asyncio

from fastmcp import Client
from fastmcp.client.transports import StreamableHttpTransport
from tasks import CALLS, HEADERS, URL, tell


async def main():
    async with Client(StreamableHttpTransport(URL, headers=HEADERS)) as client:
        tools = await client.list_tools()
        results = [await client.call_tool(*call, raise_on_error=False) for call in CALLS]
    tell([tool.name for tool in tools], [each.structured_content for each in results])


asyncio.run(main())
