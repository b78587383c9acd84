"""As the Agents SDK calls tools for a model in strict mode: every argument is there, if as null."""

import asyncio
import json

from agents import Agent, RunContextWrapper
from agents.mcp import MCPServerStreamableHttp, MCPUtil
from agents.tool_context import ToolContext
from tasks import CALLS, HEADERS, URL, tell


async def main():
    params = {"url": URL, "headers": HEADERS}
    async with MCPServerStreamableHttp(params, use_structured_content=True) as server:
        agent = Agent(name="a model")
        listed = await MCPUtil.get_function_tools(server, True, RunContextWrapper(None), agent)
        tools = {tool.name: tool for tool in listed}
        loose = [tool.name for tool in listed if not tool.strict_json_schema]
        if loose:
            raise SystemExit(f"these cannot be strict: {loose}")
        answers = []
        for name, args in CALLS:
            schema = tools[name].params_json_schema
            given = json.dumps({**dict.fromkeys(schema["required"]), **args})
            context = ToolContext(None, tool_name=name, tool_call_id="call", tool_arguments=given)
            answers.append(document_in(await tools[name].on_invoke_tool(context, given)))
    tell(list(tools), answers)


def document_in(output):
    text = output["text"] if isinstance(output, dict) else output
    return json.loads(text)


asyncio.run(main())
