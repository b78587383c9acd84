/** A line of an env file that holds a value which belongs into the vault. */
interface EnvValue {
  readonly start: number
  readonly end: number
}

const ENV_FILE = /(?:^|\/)(?:\.env(?:\.[^/]+)?|\.envrc|[^/]+\.env)$/i
/** What is made to be committed: examples, schemas, and dotenv-vault's ciphertext. */
const HARMLESS_FILE =
  /[._-](?:example|examples|sample|template|tmpl|tpl|dist|defaults?|schema|vault|keys\.example)(?:\.[^/]+)?$/i
const ASSIGNMENT = /^[ \t]*(?:export[ \t]+)?([A-Za-z_][A-Za-z0-9_.-]*)[ \t]*=[ \t]*(.*)$/gm

/** Names whose value is a secret, whatever it looks like. */
const SECRET_NAME =
  /(?:^|_)(?:PASS(?:WORD|WD|PHRASE)?|PWD|SECRET|TOKEN|CREDENTIALS?|AUTH|(?:API|ACCESS|PRIVATE|SECRET|SIGNING|ENCRYPTION|MASTER|SERVICE|LICENSE|APP)_?KEY|APIKEY|KEY|SALT|PIN|COOKIE|DSN|CONNECTION_STRING)(?:_|$)/i
/** Names of keys and the like that everybody may know. */
const PUBLIC_NAME =
  /PUBLIC|PUBLISHABLE|(?:^|_)(?:KEY|TOKEN|SECRET|AUTH)_(?:ID|NAME|FILE|PATH|URL|TYPE|TTL|EXPIRY|HEADER)$/i

/** A reference, nothing, a word of configuration, or a place to fill in. */
const NO_SECRET =
  /^(?:av:\/\/.*|\$.*|op:\/\/.*|vault:.*|encrypted:.*|true|false|yes|no|on|off|null|none|undefined|nil|\d{1,6}|[<[{].*[>\]}]|x{3,}|\*+|\.{3,}|-+|(?:your|my|some|the|insert|put|enter|replace)[-_ ].*|change[-_ ]?(?:me|this|it).*|to[-_ ]?do.*|tbd|placeholder.*|example.*|sample.*|dummy.*|fake.*|test(?:ing)?|secret|password|pass|token|key)$/i

/**
 * The values in an env file that are plaintext where a reference belongs: not empty, no `av://`,
 * no `${VARIABLE}`, no placeholder, under a name that says secret.
 */
export function envValues(path: string, text: string): readonly EnvValue[] {
  if (!ENV_FILE.test(path) || HARMLESS_FILE.test(path)) return []
  const values: EnvValue[] = []
  for (const match of text.matchAll(ASSIGNMENT)) {
    const [line, name = "", written = ""] = match
    const value = unquoted(written.trimEnd())
    if (!SECRET_NAME.test(name) || PUBLIC_NAME.test(name) || NO_SECRET.test(value.trim())) continue
    if (value.trim() === "") continue
    const start = match.index + line.lastIndexOf(written) + written.indexOf(value)
    values.push({ start, end: start + value.length })
  }
  return values
}

/** Without its quotes, or the comment behind it. */
function unquoted(written: string): string {
  const [, , quoted] = /^(["'`])(.*?)\1/.exec(written) ?? []
  return quoted ?? written.replace(/(?:^|\s)#.*$/, "").trimEnd()
}
