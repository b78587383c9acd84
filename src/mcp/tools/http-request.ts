import { VaultError, isObject } from "../../core/index.js"
import { argumentsOf, wrong } from "../calls/arguments.js"
import type { Answer } from "../calls/answer.js"
import {
  type Arguments,
  type Surroundings,
  TEXT,
  type Tool,
  gives,
  listOf,
  shape,
  eitherOf,
} from "../calls/tool.js"
import { type NamedGoing, namedSecrets, withItsSecret } from "./secrets-going.js"
import { REPLY_SCHEMA, shownPage, shownReply } from "./shown-reply.js"
import { type RequestArguments, type WrittenRequest, readRequest } from "./written-request.js"

/** Bytes of a reply that are taken; what a model reads of it page by page is less. */
const REPLY_BYTES = 2 ** 20
/** A request, its reply and the person who is asked about it have so long, in ms. */
const PATIENCE_MS = 300_000

export const HTTP_REQUEST: Tool = {
  name: "http_request",
  title: "Send an HTTPS request with a secret",
  description:
    "Sends one HTTPS request with a secret in it, and gives the reply; you never see the secret. Write {{GROUP/NAME}} where its value is to go: in a header's value, the query, the path, or a JSON or form body. Without such a name, the one secret whose rule fits the request is put in by itself; one that signs requests signs it, and a name in the place of the signature chooses it. Only what an owner's rule allows is sent (`goes` in list_secrets); an error says what is missing. Redirects are not followed. A long reply ends with `next`: call again with those arguments.",
  docs: "one HTTPS request, sent by the [broker](broker.md) with a secret's value in its place: `{{GROUP/NAME}}` in `headers`, `url` or `body`, or by itself where one rule fits; the reply without values, 16 KiB of text a page",
  changesThings: true,
  inputSchema: shape(
    {
      method: { ...TEXT, description: "GET if it is left out" },
      url: { ...TEXT, description: "https://…" },
      headers: { ...listOf(TEXT), description: "each `Name: value`" },
      body: { ...TEXT, description: "JSON is sent as application/json, if no header says other" },
      scope: {
        ...TEXT,
        description: "REGION/SERVICE of a signature of AWS; left out: as a host of AWS says",
      },
      page: { ...TEXT, description: "of `next`, for the next page; then nothing is sent" },
    },
    ["url"],
  ),
  outputSchema: {
    ...gives(REPLY_SCHEMA, ["body"]),
    anyOf: eitherOf(["body"], ["binary"], ["error"]),
  },
  call: async (args, surroundings) => {
    const given = argumentsOf<RequestArguments & { page: string }>(HTTP_REQUEST, loosened(args))
    const { page, ...written } = given
    if (page === undefined) return send(written, surroundings)
    return { document: shownPage(surroundings.kept.at(page), written.url ?? "") }
  },
}

async function send(args: Partial<RequestArguments>, around: Surroundings): Promise<Answer> {
  const { send: sendOwn, kept, signal } = around
  const { request, secrets, signs } = await decided(args, around)
  const { scope } = args
  const reply = await sendOwn({
    secrets,
    write: request.write,
    ...(signs === undefined ? {} : { signs: { ...signs, scope } }),
    most: REPLY_BYTES,
    signal: AbortSignal.any([signal, AbortSignal.timeout(PATIENCE_MS)]),
  })
  return { document: shownReply(reply, secrets, request.url, kept) }
}

/** What says that a secret may not go there, or not with this agent. */
const REFUSALS: ReadonlySet<string> = new Set(["USE_REFUSED", "NOT_GRANTED", "GRANT_ENDED"])

/** What goes with the request; a refusal is noted, as the broker notes its own. */
async function decided(
  args: Partial<RequestArguments>,
  { vault: open, serving, made }: Surroundings,
): Promise<NamedGoing & { readonly request: WrittenRequest }> {
  const vault = await open()
  const first = readRequest(args)
  try {
    const request =
      first.named.length > 0 ? first : readRequest(await withItsSecret(vault, first, args))
    return { request, ...(await namedSecrets(vault, request)) }
  } catch (error) {
    if (VaultError.is(error) && REFUSALS.has(error.code)) {
      const { host, port, method } = first.asked
      const secrets = [...new Set(first.named.map(({ secret }) => secret))]
      await serving.noteRefused({ host, port, method, secrets, code: error.code }, made)
    }
    throw error
  }
}

/** Models write headers as an object, and a body as JSON, whatever a schema says. */
function loosened(args: Arguments): Arguments {
  const { headers, body } = args
  const lines = isObject(headers)
    ? Object.entries(headers).map(([name, value]) => `${name}: ${headerText(name, value)}`)
    : headers
  const text = typeof body === "object" && body !== null ? JSON.stringify(body) : body
  return {
    ...args,
    ...(lines === undefined ? {} : { headers: lines }),
    ...(text === undefined ? {} : { body: text }),
  }
}

function headerText(name: string, value: unknown): string {
  if (typeof value === "string" || typeof value === "number") return String(value)
  throw wrong(`the header ${name} is not a text`)
}
