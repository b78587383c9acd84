import { checksums } from "../encoded/checksum.js"
import { meaningOf, wordsOf } from "../named/naming.js"
import { isPlaceholder, placeholderSign } from "./placeholder.js"
import { entropy, randomBits } from "./random.js"

/**
 * Passwords that everybody tries first: they stand for one in examples, and protect nothing. A set,
 * since a regular expression of all of them takes milliseconds to compile.
 */
const COMMON_PASSWORDS = new Set(
  `pass password passwd passphrase passw0rd p@ssword p@ssw0rd pwd pw secret admin root user username
  guest test tests demo default postgres mysql mongo mongodb redis rabbitmq neo4j elastic minio
  minioadmin anoncvs changeme letmein welcome hunter2 s3cr3t s3cret sekret abc asdf qwerty token key apikey
  string value none null nil true false empty blank unset na n/a tbd foo bar baz pass@word hello
  world dev local app docker server client database db login tiger xyzzy opensesame open-sesame
  sekrit topsecret top-secret mypass mypassword mypasswd mysecret my-pass my-password my-passwd
  my-secret my_pass my_password my_passwd my_secret somepass somepassword somepasswd somesecret
  some-pass some-password some-passwd some-secret some_pass some_password some_passwd some_secret`
    .split(/\s+/)
    .concat("open sesame"),
)
/** One sign again and again; nothing, or a sign or a number behind a word. */
const ONE_SIGN = /^(?:x+|\*+|-+|\.+|_+)[\d!@#._-]{0,4}$/i
const MOST_BEHIND = 4

function isCommon(password: string): boolean {
  const word = password.toLowerCase()
  if (ONE_SIGN.test(word)) return true
  for (let behind = 0; behind <= MOST_BEHIND; behind += 1) {
    if (COMMON_PASSWORDS.has(word.slice(0, word.length - behind))) return true
    if (!"0123456789!@#._-".includes(word.charAt(word.length - behind - 1))) return false
  }
  return false
}

/** Text that is filled in later, in any of the languages that do so. */
const FILLED_IN =
  /\$\{|\$\(|\$[A-Za-z_]|\{\{|\}\}|\{[\w.]*\}|%[({]|%[sdv@](?![A-Za-z0-9])|%[A-Za-z_]\w*%|#\{|<%|<[\w -]+>|\[[\w -]+\]|\\\(|@@|__\w+__|process\.env|getenv|\bENV\b|os\.environ|secrets\.|vars?\./

/** Whether a value is written by a program, not by a person: filled in from elsewhere. */
export function isFilledIn(value: string): boolean {
  return FILLED_IN.test(value)
}

/** Whether a text may be somebody's password: not one that stands for it, nor a word of a form. */
function isPassword(password: string): boolean {
  return vetoOfPassword(password) === undefined
}

/** Why a text is nobody's password. */
export function vetoOfPassword(password: string) {
  if (password.length < 4) return "length"
  if (isCommon(password) || isCommon(spelt(password))) return "common"
  if (isFilledIn(password)) return "filled-in"
  return placeholderSign(password) ?? (isNameOfSecret(password) ? "name" : undefined)
}

const LETTERS = new Map(
  Object.entries({ "0": "o", "1": "i", "3": "e", "4": "a", "5": "s", $: "s" }),
)

/** What people write with digits for letters: `s3cr3t` counts as the word it stands for. */
function spelt(password: string): string {
  const word = password.slice(0, 40).replace(/\d{1,4}$/, "")
  return word.replace(/[01345$]/g, (sign) => LETTERS.get(sign) ?? sign)
}

/** `DB_PASSWORD`, `my-api-key`, `aws_secret`: words joined by signs that only say what belongs there. */
export function isNameOfSecret(value: string): boolean {
  return (
    value.length <= 64 &&
    /^(?:[A-Z]+\d?(?:_[A-Z]+\d?)+|[a-z]+\d{0,2}(?:[_-][a-z]+\d?)+|[A-Z]+(?:PASSWORD|SECRET|TOKEN|KEY))$/.test(
      value,
    ) &&
    meaningOf(wordsOf(value)) !== "none" &&
    randomBits(value) < 20
  )
}

/** Text in Base64, if that is what a value is. */
export function plainText(value: string): string | undefined {
  if (!/^[A-Za-z0-9+/]{6,400}={0,2}$/.test(value)) return undefined
  const text = decoded(value)
  return /^[\x20-\x7e]{5,}\n?$/.test(text) ? text : undefined
}

/** Whether a text is a JSON Web Token, and one that says nothing. */
export function isEmptyToken(text: string): boolean {
  return /^eyJ[\w-]+\.(?:ey[\w-]+|e30)\.[\w-]*$/.test(text) && !checks.jwt(text)
}

/** What rules may ask of a secret, by the name they use. */
export const checks = {
  ...checksums,
  /** A JSON Web Token: its header names an algorithm, and it is not the one of jwt.io or of RFC 7515. */
  jwt: (token) => {
    const [header = "", payload = ""] = token.split(".")
    const head = decoded(header)
    const claims = decoded(payload)
    return (
      head.startsWith("{") &&
      head.includes('"alg"') &&
      // An issuer of a token says at least for whom it is, or until when.
      claims.length >= 24 &&
      !/1234567890|1300819380|John Doe|joe@example|"role":\s?"anon"/.test(claims)
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
    const [, name = "", escaped = "", host = ""] = /^([^:]*):(.*)@([^@]*)$/s.exec(text) ?? []
    const password = unescaped(escaped)
    if (isExampleHost(host)) return isLogin(name, password) && randomBits(password) > 16
    if (isLogin(name, password)) return true
    return name !== "" && name !== password && isHandMade(password) && isRealHost(host)
  },
  /** A user and a password, as curl takes them. */
  userpass: (text: string): boolean => {
    const at = text.indexOf(":")
    // The user alone is a key.
    if (at === text.length - 1) return !text.startsWith("sk_test_") && isCertain(text.slice(0, at))
    return isLogin(text.slice(0, at), text.slice(at + 1))
  },
  /** A key in lines of Base64: no drawing, and no sentence that only speaks of keys. */
  armoured: (text) => {
    const lines = text.match(/[A-Za-z0-9+/=]{40,}/g) ?? []
    return lines.some((line) => entropy(line) > 3.8 && randomBits(line) > 30)
  },
  /** A private key in its armour, in Base64 once more. */
  wrappedKey: (text) => /^-----BEGIN [A-Z0-9 ]{0,30}PRIVATE KEY/.test(decoded(text.slice(0, 80))),
  /** A JSON Web Token in Base64 once more, as Kubernetes keeps it. */
  wrappedToken: (text) => /^eyJ[\w-]{10,}\.ey[\w-]+\.[\w-]+\s*$/.test(decoded(text)),
  /** A password alone. */
  password: isPassword,
  /** Something that no person would write. */
  random: (text) => randomBits(text) > 14,
  /** A password that is random, or that a person made up by the rules. */
  chosen: (text) => isPassword(text) && (randomBits(text) > 14 || isChosen(text)),
  /** Random beyond doubt, with digits, in a place that says little. */
  certain: isCertain,
  /** As that, in a place where it is certain. */
  unsure: (text) => randomBits(text) > 30 && entropy(text) > 3,
  /** A Discord bot's token begins with its number in Base64. */
  discord: (token) => /^\d{17,20}$/.test(decoded(token.split(".")[0] ?? "")),
  /** Not only letters: at least a digit among them. */
  digit: (text) => /\d/.test(text) && /[a-zA-Z]/.test(text),
} satisfies Record<string, (secret: string) => boolean>

function isCertain(text: string): boolean {
  return randomBits(text) > 40 && /\d/.test(text)
}

/** At least eight characters of at least three sorts, a digit among them. */
function isChosen(text: string): boolean {
  const sorts = [/[a-z]/, /[A-Z]/, /[^\w]/].filter((sort) => sort.test(text)).length
  return text.length >= 8 && /\d/.test(text) && sorts >= 2
}

/** Hosts of examples: those of RFC 2606, and those that nobody else could mean. */
const EXAMPLE_HOST =
  /^(?:localhost|127\.|0\.0\.0\.0|\[::1\]|host\b|hostname|(?:www\.)?(?:foo|bar|baz)\.|.*example\.|[^/]*\.(?:test|tld|example|invalid|localhost)(?:[:/]|$))/i

function isExampleHost(host: string): boolean {
  return EXAMPLE_HOST.test(host) || isPlaceholder(host)
}

/** A name with an ending that hosts have, or an address. */
const HOST =
  /^(?:\d{1,3}(?:\.\d{1,3}){3}|(?:[a-z0-9-]{1,63}\.){1,8}(?:com|net|org|io|dev|app|cloud|co|info|biz|tech|systems|internal|intern|intranet|corp|lan|home|local|[a-z]{2}))$/i
/** Endings of files that are endings of hosts too. */
const FILE = /\.(?:js|ts|py|rb|go|sh|cs|md|rs|pl|ps|db|tf|kt|hs|ml|so|vb|mk)$/i
/** Hosts that stand for one: names of the thing itself, addresses of documentation and of routers. */
const STOCK_HOST =
  /^(?:[\w-]{1,40}\.){0,3}(?:my|your|some|any|the)?-?(?:domain|company|site|website|server|host|database|db|test|demo|abc|xyz|foo|bar)\d?\.[a-z]{2,5}$|^(?:192\.0\.2|198\.51\.100|203\.0\.113|1\.2\.3|192\.168\.[01]|10\.0\.0)\.\d{1,3}$/i

/** Whether a host, its port behind it or not, is one that somebody runs for more than this machine. */
export function isRealHost(host: string): boolean {
  const name = host.replace(/\.?(?::\d{1,5})?$/, "")
  return (
    HOST.test(name) && ![FILE, STOCK_HOST].some((other) => other.test(name)) && !isExampleHost(name)
  )
}

/**
 * Whether a person made a password of a word and digits, as systems ask for: `Welcome` and a number.
 * In small letters, a word that stands for a password stands for one with its number, too.
 */
export function isHandMade(password: string): boolean {
  if (!/^(?=.*[A-Za-z]{3})(?=.*\d.*\d)[\w!@#$%^&*?.+~-]{8,40}$/.test(password)) return false
  const veto = vetoOfPassword(password)
  const isComposed = /[a-z]/.test(password) && /[A-Z]/.test(password)
  return veto === undefined || (veto === "common" && isComposed && !isFilledIn(password))
}

/** The characters that a URL's escapes stand for. */
function unescaped(text: string): string {
  return text.replace(/%([0-7][0-9A-Fa-f])/g, (_, hex: string) =>
    String.fromCharCode(parseInt(hex, 16)),
  )
}

export function isLogin(name: string, password: string): boolean {
  return isPassword(password) && name.toLowerCase() !== password.toLowerCase()
}

/** The text that Base64, in either alphabet, stands for. */
function decoded(text: string): string {
  return Buffer.from(text, "base64").toString("latin1")
}
