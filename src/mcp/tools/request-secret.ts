import { type AgentVault, parseSecretName } from "../../core/index.js"
import { argumentsOf } from "../calls/arguments.js"
import type { SecretGained } from "../../serving/serving.js"
import { type Surroundings, TEXT, type Tool, gives, shape } from "../calls/tool.js"
import { USE_SCHEMA } from "./list-secrets.js"
import { WISH_SCHEMA, wishFacts } from "./shown-wish.js"
import { useOf } from "./unseen-use.js"
import { reasonOf } from "./written-reason.js"

interface SecretArguments {
  readonly secret: string
  readonly why: string
  readonly service: string
  readonly push: boolean
}

export const REQUEST_SECRET: Tool = {
  name: "request_secret",
  title: "Ask for a missing secret",
  description:
    "Asks for a secret that the vault does not have. Where an owner's key is on this machine, a page asks the person for the value, which is stored, or they type it in a terminal; you never see it, so never ask for a value in the conversation. Elsewhere it becomes a request for an owner, on a Git branch of its own: tell the person what `owner` says. It waits 120 s for the person. If they say no, go on without it.",
  docs: "the person enters a missing `secret` at a [page or a terminal](#asking-for-a-secret), with its `why` and the `service` that it is for, or it becomes a request for an owner; the model never sees the value",
  changesThings: true,
  inputSchema: shape(
    {
      secret: { ...TEXT, description: "its name, GROUP/NAME: stripe/api-key" },
      why: { ...TEXT, description: "what you need it for, in one line, for the person" },
      service: {
        ...TEXT,
        description:
          "the service that it is a key of, as `agent-vault services` calls it: then it may be sent there",
      },
      push: {
        type: "boolean",
        description: "whether to push the branch of a request, so that others see it",
      },
    },
    ["secret", "why"],
  ),
  outputSchema: gives(
    {
      is: {
        ...TEXT,
        enum: ["there", "stored", "pending", "asked", "asked-already"],
        description:
          "there: the vault has it already; stored: the person entered it now; asked: a branch was made for an owner now; asked-already: it is there from before; pending: it is merged, and no owner has set the secret",
      },
      secret: TEXT,
      version: { type: "integer" },
      readable: { type: "boolean", description: "whether this agent may use it now" },
      use: USE_SCHEMA,
      ...WISH_SCHEMA,
      next: { ...TEXT, description: "what you can do now" },
    },
    ["is", "secret", "next"],
  ),
  call: async (args, surroundings) => {
    const { serving, made, seen, client, signal } = surroundings
    const given = argumentsOf<SecretArguments>(REQUEST_SECRET, args)
    const { service, push = false } = given
    const secret = parseSecretName(given.secret ?? "").full
    const why = reasonOf(given.why, seen)
    const vault = await surroundings.vault()
    const there = await found(vault, secret, surroundings)
    if (there !== undefined) return { document: { is: "there", ...there } }
    const asking = { byClient: client.askBy, signal }
    const gained = await serving.wishes.secret({ secret, why, service, push }, made, asking)
    if (gained.is === "wished") return { document: wished(secret, gained) }
    return { document: { is: "stored", ...(await found(vault, secret, surroundings)) } }
  },
}

/** A secret that the vault has, with the next call. */
async function found(
  vault: AgentVault,
  secret: string,
  { serving }: Surroundings,
): Promise<Record<string, unknown> | undefined> {
  const listed = (await vault.list()).find(({ name }) => name === secret)
  if (listed === undefined) return undefined
  const { version, readable } = listed
  const facts = { secret, version, readable }
  if (!readable) {
    const [group = ""] = secret.split("/")
    return { ...facts, next: `it is closed to this agent: call request_access for ${group}` }
  }
  const next = "use it with http_request, or with use.command"
  return { ...facts, use: useOf(listed, serving.runLine(), serving), next }
}

function wished(
  secret: string,
  { asked, lack, line }: Extract<SecretGained, { is: "wished" }>,
): Record<string, unknown> {
  const only = `only an owner can store it: ${lack}`
  return {
    ...wishFacts(asked, [line], [only]),
    secret,
    next: "go on without it, and call again later: list_secrets says when it is there",
  }
}
