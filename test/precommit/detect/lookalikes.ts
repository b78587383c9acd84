import { type Rule, isForm } from "../../../src/precommit/detect/rules.js"
import { expand, type Generator } from "./template.js"

// What stands where a rule's secret would stand and is none, made from the rule's own examples.

/** A text without a secret, and what makes it look like one. */
interface Lookalike {
  readonly kind: string
  readonly text: string
}

/** A part of a template that chance fills in, and how long it is. */
const RANDOM = /\{[\w]+(?::[\w -]+)?\}/g

/** Where something without a telling name stands. */
const PLACES = [
  (text: string) => `see ${text} for more\n`,
  (text: string) => `{\n  "label": ${JSON.stringify(text)},\n  "size": 3\n}\n`,
  (text: string) => `steps:\n  - name: ${text}\n`,
  (text: string) => `const title = '${text}'\n`,
]

const WORDS = "main list item wide header of the page with icon and text light blue round box"

/** Words in the place of what is random, of the same length: a class of CSS, the name of a file. */
function wordsFor(length: number, generator: Generator): string {
  const words = WORDS.split(" ")
  let text = generator.pick(words)
  while (text.length < length) text += `-${generator.pick(words)}`
  return text.slice(0, length)
}

function lengthOf(part: string): number {
  return Number(/:(\d+)\}$/.exec(part)?.[1] ?? 20)
}

/** What a rule that knows a shape must let pass, of its first example without what is around it. */
function ofShape(example: string, generator: Generator): Lookalike[] {
  const core = coreOf(example)
  if (core === undefined) return []
  const inPlace = (kind: string, text: string): Lookalike => ({
    kind,
    text: generator.pick(PLACES)(text),
  })
  const short = expand(
    core.replace(RANDOM, (part) => part.replace(/:\d+\}/, ":3}")),
    generator,
  )
  return [
    inPlace(
      "words in its place",
      core.replace(RANDOM, (part) => wordsFor(lengthOf(part), generator)),
    ),
    inPlace("its beginning", `${expand(core, generator).slice(0, core.search(RANDOM) + 4)}...`),
    ...(short.length < 20 ? [inPlace("a short one", short)] : []),
  ]
}

/** The word of an example that holds what is random, if a fixed part begins it. */
function coreOf(example: string): string | undefined {
  const word = example.split(/[\s"'<>=]+/).find((each) => each.search(RANDOM) > 1)
  // With a login before a host, words are a password.
  return word === undefined || /\{(?:pem|openssh)|:\/\/[^/]*@/.test(word) ? undefined : word
}

/** Under the name of a provider, but not as its secret. */
const NAMED = [
  ["a digest", "{I}_SHA256={hex:64}"],
  ["a digest", '"{i}": { "version": "2.{digits:2}.1", "checksum": "{hex:40}" }'],
  ["a digest", "{hex:64}  {i}-1.{digits:1}.0.tar.gz"],
  ["a pin", "- uses: {i}/setup-action@{hex:40}"],
  ["a pin", "# {i}\nimage: registry.acme.io/{i}/app@sha256:{hex:64}"],
  ["a pin", '{i} = { git = "https://git.acme.io/{i}", rev = "{hex:40}" }'],
  ["an id", "{I}_PROJECT_ID={uuid}"],
  ["an id", '{ "{i}": true, "requestId": "{uuid}", "traceId": "{hex:32}" }'],
  ["an address", "{I}_TOKEN_URL=https://{i}.acme.io/oauth2/token/{digits:6}"],
  ["what is public", '{i}_public_key = "{base64:44}"'],
  ["what is public", "{i}_fingerprint: {hex:40}"],
  ["a reference", "{I}_API_KEY=${{I}_API_KEY}"],
  ["a reference", 'const {i}Token = process.env["{I}_TOKEN"]'],
  ["a reference", "{i}_secret: <your-{i}-secret>"],
  ["a digest of it", "{i}_token = sha256:{hex:64}"],
  ["ciphertext", "{I}_SECRET=encrypted:B{base64:100}="],
  ["ciphertext", "{i}_password: ENC[AES256_GCM,data:{base64:24},tag:{base64:22}==,type:str]"],
  ["a type", "{i}_api_token: Optional[SecretStr] = Field(None, max_length=64)"],
] as const

/** The provider as it is written in the names of variables. */
function ofName(name: string, generator: Generator): Lookalike[] {
  const lower = name.replace(/[^a-z0-9]/gi, "").toLowerCase()
  return NAMED.map(([kind, template]) => ({
    kind,
    text: `${expand(template.replaceAll("{i}", lower).replaceAll("{I}", lower.toUpperCase()), generator)}\n`,
  }))
}

/** Look-alikes in context for a rule: fresh ones for each state of the generator. */
export function lookalikesOf(rule: Rule, generator: Generator): Lookalike[] {
  const own = (rule.lookalikes ?? []).map((template) => ({
    kind: "one of its own",
    text: expand(template, generator),
  }))
  const examples = rule.keywords && !isForm(rule.id) ? (rule.examples ?? []) : []
  return [
    ...own,
    ...examples.flatMap((example) => ofShape(example, generator)),
    ...(rule.names ?? []).flatMap((name) => ofName(name, generator)),
  ]
}
