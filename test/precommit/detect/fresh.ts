import type { Generator } from "./template.js"
import { expand } from "./template.js"
import { shapedLookalikes, shapedSecrets } from "./shaped.js"
import { hostedLookalikes, hostedSecrets } from "./hosted.js"
import { madeLookalikes, madeSecrets } from "./made.js"
import { freshPhrases, phraseLookalikes } from "./phrases.js"
import { splitLookalikes, splitSecrets } from "./split.js"

/** A text with a fresh value in it, or with one that only looks like it. */
export interface Fresh {
  readonly kind: string
  readonly text: string
  /** The value, which the text may hold in escapes. A text without one holds no secret. */
  readonly secret?: string
}

const LOWER = "abcdefghijklmnopqrstuvwxyz"
const SORTS = [LOWER, LOWER.toUpperCase(), "0123456789", "!\"#$%&'()*+,-./:;<=>?@[\\]^_`{|}~"]

/** As a password manager makes one: 20 characters, each of all that a keyboard has. */
function password(generator: Generator): string {
  const length = 20
  const all = SORTS.join("")
  for (;;) {
    const text = generator.text(all, length)
    if (SORTS.every((sort) => Array.from(text).some((letter) => sort.includes(letter)))) return text
  }
}

/** Where a password stands in quotes, and how each language writes it there. */
const quoted: Record<string, (name: string, value: string) => string> = {
  json: (name, value) => JSON.stringify({ db: { [name]: value } }),
  yaml: (name, value) => `db:\n  ${name}: ${single(value)}\n`,
  python: (name, value) => `${name} = ${JSON.stringify(value)}\n`,
  "c#": (name, value) => `var ${name} = @"${value.replaceAll('"', '""')}";\n`,
  java: (name, value) => `String ${name} = ${JSON.stringify(value)};\n`,
}

/** YAML's plain quotes, in which only they themselves are written twice. */
function single(value: string): string {
  return `'${value.replaceAll("'", "''")}'`
}

/** Fixed parts as the provider writes them, with runs and sequences. */
const tokens = [
  "{base62:52}JQQJ99BCACAAAAAAAAAAAAASAZDO{base62:4}",
  "ghs_12345678_{jwt}",
  "ghs_987654_{jwt}",
]

/** What is written where a password would be, and is none: whole shapes of the languages. */
const references = [
  "${DB_PASSWORD}",
  "${Db.Pass1:-none}",
  "$(cat /run/secrets/Db1)",
  "{{ .Values.db.Password1 }}",
  "{{vault:Db1#Pw}}",
  "#{ENV['DB_PW1']}",
  "<%= ENV['Db_Pw1'] %>",
  "<Your-Db-Pass1>",
  "%(Db_Pass1)s",
  "%DB_PASS1%",
  "[Your-Pass1]",
  "$2b$10${base62:22}./{base62:29}",
  "$6${base62:16}${base62:43}/{base62:42}",
  "{SSHA}{base64:32}",
  "^(?=.*[A-Z])(?=.*\\d)[A-Za-z\\d@$!%*?&]{8,}$",
  "#/definitions/Password1",
  "@Value1('Db.Pass')",
  "./secrets/Db1.Pass",
  "!Ref Db1Pass",
]

/** Fresh values, each in its contexts; the same again from a generator of the same seed. */
export function freshSecrets(generator: Generator): Fresh[] {
  const named = Object.entries(quoted).map(([language, write]) => {
    const secret = password(generator)
    return { kind: `password in ${language}`, text: write("password", secret), secret }
  })
  const provided = tokens.map((template) => {
    const secret = expand(template, generator)
    return { kind: template, text: `# the pipeline's\n- run: tool ${secret}\n`, secret }
  })
  return [
    ...named,
    ...provided,
    ...shapedSecrets(generator, () => password(generator)),
    ...freshPhrases(generator),
    ...madeSecrets(generator),
    ...hostedSecrets(generator),
    ...splitSecrets(generator),
  ]
}

/** Look-alikes in the same contexts. */
export function freshLookalikes(generator: Generator): Fresh[] {
  const named = Object.entries(quoted).flatMap(([language, write]) =>
    references.map((template) => ({
      kind: `${template} in ${language}`,
      text: write("password", expand(template, generator)),
    })),
  )
  return [
    ...named,
    ...shapedLookalikes(generator),
    ...phraseLookalikes(generator),
    ...madeLookalikes(generator),
    ...hostedLookalikes(generator),
    ...splitLookalikes(generator),
  ]
}
