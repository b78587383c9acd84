import {
  type AgentVault,
  type ReadableListing,
  type Use,
  VaultError,
  explainRequest,
  ruleFor,
  useCommandFor,
  whyNoRule,
} from "../../core/index.js"
import { wrong } from "../calls/arguments.js"
import type { RequestSignature } from "../../serving/serving.js"
import { grantLine } from "./unseen-use.js"
import type { RequestArguments, WrittenRequest } from "./written-request.js"

/** What goes with a request. */
export interface NamedGoing {
  readonly secrets: readonly string[]
  /** The one of them that signs it, if one does. */
  readonly signs?: RequestSignature
}

/**
 * The secrets that a model named in a request, if rules let them go there. The broker asks all of it
 * again; here a model learns sooner and better why not. Throws `USAGE`, `USE_REFUSED`, `NOT_GRANTED`,
 * `GRANT_ENDED`, `SECRET_NOT_FOUND`, and the codes of exit 5.
 */
export async function namedSecrets(
  vault: AgentVault,
  { asked, named }: WrittenRequest,
): Promise<NamedGoing> {
  const signing: RequestSignature[] = []
  for (const { secret, at } of named) {
    const { use = [] } = await vault.describe(secret)
    const sending = { ...asked, at }
    const rule = ruleFor(use, sending)
    if (rule === undefined) throw whyNoRule(secret, use, sending)
    if (rule.scheme === "sigv4" && at !== "header:authorization") throw elsewhere(secret)
    if (isSigning(rule)) signing.push({ secret, rule: { ...rule, at: [at] } })
  }
  const [signs, ...more] = signing
  if (more.length > 0) throw wrong("a request has one signature", "name one secret that signs it")
  const secrets = [...new Set(named.map(({ secret }) => secret))]
  return signs === undefined ? { secrets } : { secrets, signs }
}

function elsewhere(secret: string): VaultError {
  return wrong(
    "a signature of AWS goes into the header authorization",
    `write it there, in headers: Authorization: {{${secret}}}`,
  )
}

function isSigning({ scheme }: Use): boolean {
  return scheme === "sigv4" || scheme === "hmac-sha256"
}

/**
 * The arguments of a request that names no secret, with the one whose rule lets it go there, at the
 * place of its value or of the signature. Throws `USE_REFUSED` if there is none, `NOT_GRANTED` if it is closed to the agent, and `USAGE` if there
 * are several.
 */
export async function withItsSecret(
  vault: AgentVault,
  { asked, headers }: WrittenRequest,
  args: Partial<RequestArguments>,
): Promise<Partial<RequestArguments>> {
  const listed = await vault.list()
  const open = listed.filter(({ readable }) => readable)
  const { goes } = explainRequest(open, asked)
  const secrets = [...new Set(goes.map(({ secret }) => secret))]
  const [first] = goes
  if (first === undefined) throw await whyNone(vault, listed, asked)
  if (secrets.length > 1) {
    throw wrong(
      `several secrets may go with this request: ${secrets.join(", ")}`,
      `write the one that is meant where it goes, as in headers: Authorization: Bearer {{${first.secret}}}`,
    )
  }
  return placed(first.secret, first.rule, args, headers)
}

async function whyNone(
  vault: AgentVault,
  listed: readonly ReadableListing[],
  asked: WrittenRequest["asked"],
): Promise<VaultError> {
  const closed = listed.filter(({ readable }) => !readable)
  const [would] = explainRequest(closed, asked).goes
  const { agent } = await vault.access()
  if (would !== undefined) {
    const [group = ""] = would.secret.split("/")
    return new VaultError("NOT_GRANTED", `${would.secret} would go there, and is closed to you`, {
      hint: `ask an owner: ${grantLine(agent, group)}`,
    })
  }
  const open = listed.filter(({ readable }) => readable)
  const [stays] = explainRequest(open, asked).stays
  if (stays !== undefined) {
    const hint = stays.hint === undefined ? {} : { hint: stays.hint }
    return new VaultError("USE_REFUSED", stays.message, hint)
  }
  const target = asked.port === 443 ? asked.host : `${asked.host}:${asked.port}`
  return new VaultError("USE_REFUSED", `no use names ${target}, so no secret goes there`, {
    hint: `ask an owner: ${await useCommandFor(asked, open.length > 0)}`,
  })
}

/** Writes the name of a secret where its rule says. */
function placed(
  secret: string,
  rule: Use,
  args: Partial<RequestArguments>,
  headers: WrittenRequest["headers"],
): Partial<RequestArguments> {
  const header = rule.at.find((at) => at.startsWith("header:"))?.slice("header:".length)
  const query = rule.at.find((at) => at.startsWith("query:"))?.slice("query:".length)
  const text = textFor(secret, rule)
  if (header !== undefined) {
    if (headers.some(([name]) => name.toLowerCase() === header)) {
      throw noPlace(secret, `the request has a header ${header} of its own`)
    }
    return { ...args, headers: [...(args.headers ?? []), `${header}: ${text}`] }
  }
  if (query === undefined) throw noPlace(secret, `it goes at ${rule.at.join(" or ")}`)
  const [address = "", fragment] = (args.url ?? "").split("#")
  const joint = address.includes("?") ? "&" : "?"
  const url = `${address}${joint}${encodeURIComponent(query)}=${text}`
  return { ...args, url: fragment === undefined ? url : `${url}#${fragment}` }
}

function textFor(secret: string, { scheme, user }: Use): string {
  const name = `{{${secret}}}`
  if (scheme === "raw") return name
  if (scheme === "bearer") return `Bearer ${name}`
  // Without a user name, the key is one, with no password.
  if (scheme === "basic") return `Basic ${user === undefined ? `${name}:` : `${user}:${name}`}`
  // The signature takes its place.
  return name
}

function noPlace(secret: string, why: string): VaultError {
  return new VaultError("USE_REFUSED", `${secret} is not put into the request by itself: ${why}`, {
    hint: `write {{${secret}}} where its use says, and no other value there`,
  })
}
