import { checksums } from "./checksum.js"
import { isPlaceholder } from "./placeholder.js"
import { entropy, randomBits } from "./random.js"

/** Passwords that everybody tries first: they stand for one in examples, and protect nothing. */
const COMMON_PASSWORD =
  /^(?:pass(?:word|wd|phrase)?|passw0rd|p[a@]ssw[o0]rd|pwd|pw|secret|admin|root|user|username|guest|test|tests|demo|default|postgres|mysql|mongo|mongodb|redis|rabbitmq|neo4j|elastic|minio|minioadmin|changeme|letmein|welcome|hunter2|s3cr3t|s3cret|sekret|abc|asdf|qwerty|token|key|apikey|my-?secret|string|value|none|null|nil|true|false|empty|blank|unset|na|n\/a|tbd|foo|bar|baz|pass@word|hello|world|dev|local|app|docker|server|client|database|db|login|x+|\*+|-+|\.+|_+)[\d!@#._-]{0,4}$/i

/** Text that is filled in later, in any of the languages that do so. */
const FILLED_IN =
  /\$\{|\$\(|\$[A-Za-z_]|\{\{|\}\}|\{[\w.]*\}|%[({]|%[sdv@]|%[A-Za-z_]\w*%|#\{|<%|<[\w -]+>|\[[\w -]+\]|\\\(|@@|__\w+__|process\.env|getenv|\bENV\b|os\.environ|secrets\.|vars?\./

/** Whether a value is written by a program, not by a person: filled in from elsewhere. */
export function isFilledIn(value: string): boolean {
  return FILLED_IN.test(value)
}

/** Whether a text may be somebody's password: not one that stands for it, nor a word of a form. */
export function isPassword(password: string): boolean {
  return (
    password.length >= 4 &&
    !COMMON_PASSWORD.test(password) &&
    !isFilledIn(password) &&
    !isPlaceholder(password)
  )
}

/** What rules may ask of a secret, by the name they use. */
export const checks = {
  ...checksums,
  /** A JSON Web Token: its header names an algorithm, and it is not the one of jwt.io. */
  jwt: (token) => {
    const [header = "", payload = ""] = token.split(".")
    const head = decoded(header)
    const claims = decoded(payload)
    return (
      head.startsWith("{") &&
      head.includes('"alg"') &&
      !/1234567890|John Doe|joe@example|"role":\s?"anon"/.test(claims)
    )
  },
  /** What HTTP's basic authentication sends: a name and a password. */
  basic: (encoded) => {
    const text = decoded(encoded)
    const at = text.indexOf(":")
    const [name, password] = [text.slice(0, at), text.slice(at + 1)]
    return at >= 0 && /^[\x20-\x7e]*$/.test(text) && isLogin(name, password)
  },
  /** The user and the password of a URL, as `user:password@host`. */
  login: (text) => {
    const [, name = "", password = "", host = ""] = /^([^:]*):(.*)@([^@]*)$/s.exec(text) ?? []
    if (/^(?:localhost|127\.|0\.0\.0\.0|\[::1\]|host\b|hostname|.*example\.)/i.test(host)) {
      return isLogin(name, password) && randomBits(password) > 12
    }
    return isLogin(name, password)
  },
  /** A user and a password, as curl takes them. */
  userpass: (text) => {
    const at = text.indexOf(":")
    return isLogin(text.slice(0, at), text.slice(at + 1))
  },
  /** A key in lines of Base64: no drawing, and no sentence that only speaks of keys. */
  armoured: (text) => {
    const lines = text.match(/[A-Za-z0-9+/=]{40,}/g) ?? []
    return lines.some((line) => entropy(line) > 3.8 && randomBits(line) > 30)
  },
  /** A password alone. */
  password: isPassword,
  /** The value of a Base64 text that is a secret in a cluster's configuration. */
  base64: (text) => text.length % 4 === 0,
  /** Something that no person would write. */
  random: (text) => randomBits(text) > 14,
  /** As that, in a place where it is certain. */
  unsure: (text) => randomBits(text) > 30 && entropy(text) > 3,
  /** A Discord bot's token begins with its number in Base64. */
  discord: (token) => /^\d{17,20}$/.test(decoded(token.split(".")[0] ?? "")),
  /** Not only letters: at least a digit among them. */
  digit: (text) => /\d/.test(text) && /[a-zA-Z]/.test(text),
} satisfies Record<string, (secret: string) => boolean>

function isLogin(name: string, password: string): boolean {
  return isPassword(password) && name.toLowerCase() !== password.toLowerCase()
}

/** The text that Base64, in either alphabet, stands for. */
function decoded(text: string): string {
  return Buffer.from(text, "base64").toString("latin1")
}
