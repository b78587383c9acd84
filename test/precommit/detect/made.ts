import type { Fresh } from "./fresh.js"
import { expand, type Generator } from "./template.js"

// What providers and frameworks make in a form of their own: passwords for one app, and sealed
// sessions. The latter are examples of their rules (rules/sessions.json).

/** The forms of passwords for one app: Google's, Apple's, WordPress's. */
const FORMS = {
  "of Google": "{lower:4} {lower:4} {lower:4} {lower:4}",
  "of Apple": "{lower:4}-{lower:4}-{lower:4}-{lower:4}",
  "of WordPress": "{base62:4} {base62:4} {base62:4} {base62:4} {base62:4} {base62:4}",
}

/** Where they stand, quoted or not. */
const PLACES: Record<string, (value: string) => string> = {
  "an env file": (value) => `SMTP_HOST=smtp.acme.io\nSMTP_PASSWORD=${value}\nSMTP_PORT=587\n`,
  "an env file, quoted": (value) => `APPLE_APP_SPECIFIC_PASSWORD="${value}"\n`,
  "an env file with a remark": (value) => `WP_APP_PASSWORD=${value} # the blog's\n`,
  YAML: (value) => `mail:\n  user: me@acme.io\n  password: ${value}\n`,
  JSON: (value) => JSON.stringify({ auth: { user: "me@acme.io", pass: value } }),
  Python: (value) => `EMAIL_HOST_PASSWORD = '${value}'\n`,
  TOML: (value) => `[blog]\napplication_password = "${value}"\n`,
  INI: (value) => `[blog]\nuser = me\napp_password = ${value}\n`,
  Markdown: (value) => `- app password: \`${value}\`\n`,
}

/** Texts of the same shape that are words, or stand for a password. */
const LOOKALIKES = [
  "must have some text",
  "your pass word here",
  "abcd efgh ijkl mnop",
  "abcd-efgh-ijkl-mnop",
  "xxxx xxxx xxxx xxxx",
  "xxxx-xxxx-xxxx-xxxx",
  "they will only show once then",
  "Must Have Nine Plus Char Long",
  "1234 5678 9012 3456 7890 1234",
  "main-list-item-page",
]

export function madeSecrets(generator: Generator): Fresh[] {
  return Object.entries(PLACES).flatMap(([place, write]) =>
    Object.entries(FORMS).map(([form, template]) => {
      const secret = expand(template, generator)
      return { kind: `an app password ${form} in ${place}`, text: write(secret), secret }
    }),
  )
}

export function madeLookalikes(generator: Generator): Fresh[] {
  const named = Object.entries(PLACES).flatMap(([place, write]) =>
    LOOKALIKES.map((value) => ({ kind: `${value} in ${place}`, text: write(value) })),
  )
  const unnamed = Object.values(FORMS).map((template) => ({
    kind: "groups of four without a name",
    text: `title: ${expand(template, generator)}\n`,
  }))
  return [...named, ...unnamed]
}
