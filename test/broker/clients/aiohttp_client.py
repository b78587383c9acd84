import asyncio, os, aiohttp


async def main():
    # Without trust_env it follows no variable, of a proxy or of authorities.
    async with aiohttp.ClientSession(trust_env=True) as session:
        headers = {"Authorization": "Bearer " + os.environ["KEY"]}
        async with session.get(os.environ["BASE"] + "/v1/echo", headers=headers) as reply:
            print(reply.status, await reply.text())


asyncio.run(main())
