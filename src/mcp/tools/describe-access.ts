import {
  type AgentVault,
  type ReadableListing,
  describeUse,
  explainRequest,
  parseRequest,
  useCommandFor,
} from "../../core/index.js"
import { argumentsOf } from "../calls/arguments.js"
import { type Surroundings, TEXT, type Tool, gives, listOf, shape } from "../calls/tool.js"
import { POLICY_SCHEMA, policyText } from "./policy-text.js"
import { grantLine } from "./unseen-use.js"

/** Secrets whose rules one answer tells: the others are in list_secrets. */
const TOLD = 50

export const DESCRIBE_ACCESS: Tool = {
  name: "describe_access",
  title: "Describe access",
  description:
    "Says which agent this server acts as, which groups of secrets it may read and until when, which are closed to it, and where secrets may go (`uses`). With `method` and `url` it explains a request: which secret would go with it, or why none does and what an owner would type. For a closed group, `ask` is the line that an owner of the vault would type: pass it on to the person, and do not try to run it.",
  docs: "which agent this is, what it may read and until when, where secrets may go, and for a closed group the line an owner would type; with `url`, which secret would go with that request, or why not",
  inputSchema: shape({
    method: { ...TEXT, description: "of the request to explain; GET if it is left out" },
    url: { ...TEXT, description: "of the request to explain: https://…" },
  }),
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
      policy: POLICY_SCHEMA,
      uses: {
        ...listOf(shape({ secret: TEXT, goes: listOf(TEXT) }, ["secret", "goes"])),
        description: "where http_request, or a blind program, may send a secret",
      },
      request: {
        ...shape(
          {
            goes: listOf(shape({ secret: TEXT, rule: TEXT, ask: TEXT }, ["secret", "rule"])),
            stays: listOf(shape({ secret: TEXT, why: TEXT, hint: TEXT }, ["secret", "why"])),
            hint: TEXT,
          },
          ["goes", "stays"],
        ),
        description: "what would become of the request that was asked about",
      },
    },
    ["vault", "groups", "closed", "uses"],
  ),
  call: async (args, surroundings) => {
    const { method = "GET", url } = argumentsOf<{ method: string; url: string }>(
      DESCRIBE_ACCESS,
      args,
    )
    const vault = await surroundings.vault()
    const asked = url === undefined ? undefined : parseRequest(method, url)
    const { closed, hasPolicy, ...access } = await vault.access()
    const agent = access.agent ?? vault.agent
    const listed = await vault.list()
    const request = asked && (await explained(asked, listed, agent, surroundings))
    return {
      document: {
        ...access,
        closed: closed.map((group) => ({ group, ask: grantLine(agent, group) })),
        ...(hasPolicy && { policy: policyText(agent) }),
        uses: usesOf(listed, surroundings),
        ...(request === undefined ? {} : { request }),
      },
    }
  },
}

function usesOf(listed: readonly ReadableListing[], { seen }: Surroundings): object[] {
  return listed
    .flatMap(({ name, readable, use = [] }) =>
      readable && use.length > 0
        ? [{ secret: name, goes: use.map((rule) => seen.clean(describeUse(rule))) }]
        : [],
    )
    .slice(0, TOLD)
}

async function explained(
  asked: ReturnType<typeof parseRequest>,
  listed: Awaited<ReturnType<AgentVault["list"]>>,
  agent: string | undefined,
  { seen }: Surroundings,
): Promise<object> {
  const { goes, stays } = explainRequest(listed, asked)
  const closed = new Set(listed.flatMap(({ name, readable }) => (readable ? [] : [name])))
  const hint = goes.length + stays.length > 0 ? undefined : await useCommandFor(asked, true)
  return {
    goes: goes.map(({ secret, rule }) => {
      const [group = ""] = secret.split("/")
      const ask = closed.has(secret) ? { ask: grantLine(agent, group) } : {}
      return { secret, rule: seen.clean(describeUse(rule)), ...ask }
    }),
    stays: stays.map(({ secret, message, hint: way }) => ({
      secret,
      why: seen.clean(message),
      ...(way === undefined ? {} : { hint: seen.clean(way) }),
    })),
    ...(hint === undefined ? {} : { hint: `ask an owner: ${hint}` }),
  }
}
