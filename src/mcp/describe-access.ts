import { TEXT, type Tool, gives, listOf, shape, takes, textArguments } from "./tool.js"
import { grantLine } from "./unseen-use.js"

export const DESCRIBE_ACCESS: Tool = {
  name: "describe_access",
  title: "Describe access",
  description:
    "Says which agent this server acts as, which groups of secrets it may read and until when, and which are closed to it. For a closed group, `ask` is the line that an owner of the vault would type: pass it on to the person, and do not try to run it.",
  docs: "which agent this is, what it may read and until when, and for a closed group the line an owner would type",
  inputSchema: takes({}),
  outputSchema: gives(
    {
      vault: { ...TEXT, description: "the vault's id" },
      agent: { ...TEXT, description: "the agent's name; absent if the owners know no such key" },
      groups: listOf(
        shape(
          {
            group: TEXT,
            since: { ...TEXT, description: "UTC" },
            until: { ...TEXT, description: "UTC; absent if the grant has no end" },
            secrets: { type: "integer", description: "how many secrets it has" },
          },
          ["group", "secrets"],
        ),
      ),
      closed: listOf(shape({ group: TEXT, ask: TEXT }, ["group", "ask"])),
    },
    ["vault", "groups", "closed"],
  ),
  call: async (args, surroundings) => {
    textArguments(DESCRIBE_ACCESS, args)
    const vault = await surroundings.vault()
    const { closed, ...access } = await vault.access()
    const agent = access.agent ?? vault.agent
    const asked = closed.map((group) => ({ group, ask: grantLine(agent, group) }))
    return { document: { ...access, closed: asked } }
  },
}
