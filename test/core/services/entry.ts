import { Placeholders } from "../../../src/broker/placeholder/placeholders.js"
import { type Occurrence, findInBody, findInHead } from "../../../src/broker/placing/occurrences.js"
import { type RequestHead, rawPathOf } from "../../../src/broker/placing/request-head.js"
import { isWorded } from "../../../src/broker/placing/scheme.js"
import { parseAuthority } from "../../../src/core/target/target.js"
import { VaultError } from "../../../src/core/index.js"
import { ruleFor } from "../../../src/core/policy/sending.js"
import { type Use, parseUse } from "../../../src/core/records/use.js"
import { type Service, fillIn } from "../../../src/core/services/services.js"
import { bitsOf, parseShape } from "../../../src/core/services/shape.js"

/** What is wrong with an entry of the catalogue, as somebody who adds one would read it. */
export function mistakesOf(service: Service): string[] {
  const { use, needs = {}, placeholder } = service
  const said = [...use.hosts, use.user ?? ""].join(" ")
  const blanks = new Set([...said.matchAll(/\{([\w-]+)\}/g)].map(([, blank = ""]) => blank))
  const unsaid = [...blanks].filter((blank) => !(blank in needs))
  const stray = Object.keys(needs).filter((blank) => !blanks.has(blank))
  return [
    ...unsaid.map((blank) => `needs nothing of {${blank}}`),
    ...stray.map((blank) => `{${blank}} is nowhere`),
    ...(bitsOf(parseShape(placeholder)) < 105 ? ["its placeholder is too easy to guess"] : []),
    ...exampleMistakes(service),
  ]
}

/** Whether the broker would put the key into the example: with its own eyes, and its own rule. */
function exampleMistakes(service: Service): string[] {
  const { name, placeholder, example, use: written } = service
  const placeholders = Placeholders.make([{ secret: name, shape: placeholder }], [])
  const key = placeholders.of(name) ?? ""
  const { head, host, body } = requestOf(example.map((line) => filled(line, key)))
  const said = {
    hosts: written.hosts.map((pattern) => filled(pattern, key)),
    ...(written.user === undefined ? {} : { user: filled(written.user, key) }),
  }
  const use = parseUse({ ...fillIn(service, said), service: name })
  const all = [
    ...findInHead(head, placeholders),
    ...(body === undefined ? [] : findInBody("body:json", body, placeholders, () => true)),
  ]
  const { host: canonical, port } = parseAuthority(host)
  const sending = { host: canonical, port, method: head.method, path: rawPathOf(head) }
  if (use.scheme === "sigv4" || use.scheme === "hmac-sha256") {
    return use.at.flatMap((at) => refusal(() => ruleFor([use], { ...sending, at })))
  }
  if (all.length === 0) return ["the example does not show a place of the key"]
  return all.flatMap((found) => [
    ...refusal(() => ruleFor([use], { ...sending, at: found.at })),
    ...wordingMistakes(found, use),
  ])
}

function wordingMistakes(found: Occurrence, use: Use): string[] {
  return isWorded(found, use) ? [] : [`the example does not write the key as ${use.scheme}`]
}

function refusal(rule: () => Use | undefined): string[] {
  try {
    return rule() === undefined ? ["the rule does not allow the example"] : []
  } catch (error) {
    if (!VaultError.is(error)) throw error
    return [error.message]
  }
}

/** A text with the key in its place, and some word for each blank. */
function filled(text: string, key: string): string {
  return text.replaceAll("{key}", key).replaceAll(/\{[a-z-]+\}/g, "blank")
}

/** The request that an example shows; behind `Basic`, what is not encoded there. */
function requestOf([line = "", ...rest]: readonly string[]): {
  readonly head: RequestHead
  readonly host: string
  readonly body?: Uint8Array
} {
  const [, method = "", host = "", target = ""] =
    /^([A-Z]+) https:\/\/([^/]+)(\/.*)$/.exec(line) ?? []
  const end = rest.indexOf("")
  const headers = end < 0 ? rest : rest.slice(0, end)
  const rawHeaders = headers.flatMap((header) => {
    const [, name = "", value = ""] = /^([^:]+): (.*)$/.exec(header) ?? []
    return [
      name,
      value.replace(/^(Basic )(.*)$/, (_, word: string, user: string) => word + btoa(user)),
    ]
  })
  const head = { method, target, rawHeaders }
  const authority = host.includes(":") ? host : `${host}:443`
  return end < 0
    ? { head, host: authority }
    : { head, host: authority, body: Buffer.from(rest[end + 1] ?? "") }
}
