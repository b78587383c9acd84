"""As an agent of pydantic-ai: a model that is a function calls one tool after the other."""

import asyncio
import json

from pydantic_ai import Agent
from pydantic_ai.mcp import MCPToolset
from pydantic_ai.messages import (
    ModelResponse,
    RetryPromptPart,
    TextPart,
    ToolCallPart,
    ToolReturnPart,
)
from pydantic_ai.models.function import FunctionModel
from tasks import CALLS, HEADERS, URL, tell

seen = []
answers = []


def model(messages, info):
    seen[:] = [tool.name for tool in info.function_tools]
    for part in messages[-1].parts:
        if isinstance(part, (ToolReturnPart, RetryPromptPart)):
            answers.append(document_in(part.content))
    if len(answers) == len(CALLS):
        return ModelResponse(parts=[TextPart("done")])
    return ModelResponse(parts=[ToolCallPart(*CALLS[len(answers)])])


def document_in(content):
    """An error comes to the model as a text to try again with."""
    return json.loads(content) if isinstance(content, str) else content


async def main():
    toolset = MCPToolset(URL, headers=HEADERS)
    agent = Agent(FunctionModel(model), toolsets=[toolset])
    async with agent:
        await agent.run("use the tools")
    tell(seen, answers)


asyncio.run(main())
