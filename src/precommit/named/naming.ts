// What the name of a variable, a field or an option says of its value. In English the last word
// decides: a `token_url` is a URL, an `access_token` is a token.

/** How sure a name makes that the value is secret. */
export type Meaning = "password" | "secret" | "key" | "none"

/** Words in names that make a value worth a look. */
export const TELLING = [
  "pass",
  "pwd",
  "psw",
  "secret",
  "token",
  "key",
  "auth",
  "cred",
  "bearer",
  "senha",
  "connectionstring",
  "connstr",
  "contrasena",
  "contrase",
  "mnemonic",
  "parola",
  "jwt",
  "dsn",
  "_pat",
  ".pat",
  " pat",
  "hubpat",
  "labpat",
  "devopspat",
  "bindpw",
  "rootpw",
]

// Sets, since a regular expression of a hundred words takes a millisecond to compile.

const PASSWORD = wordSet(`
  password passwort passwd passphrase passwrd passw passcode pwd pass pswd psw contrasena senha
  parola mdp pw requirepass masterauth bindpw rootpw contrase contraseña
`)
const SECRET = wordSet(`
  secret secrets token tokens apikey apikeys apitoken apisecret authkey authtoken accesskey
  accesstoken secretkey secrettoken appkey appsecret privatekey privkey clientsecret credential
  credentials creds cred bearer jwt pat sas masterkey licensekey encryptionkey signingkey
  webhooksecret keypass storepass dockerconfigjson connectionstring connstr seed mnemonic hmac
  otp totp passkey skey writekey signkey sharedsecret serverkey accountkey auth authorization oauth xapikey
`)
const KEY = wordSet("key keys")
/** A number behind a word, and qualifiers that are only that. */
const NUMBERED = /\d{1,2}$/
const SHORT_QUALIFIER = /^(?:v\d|\d+|[a-z]|dev\d)$/

/** Words that make a key a secret one, before `key`. */
const KEY_OF = wordSet(`
  api access secret private priv auth encryption encrypt decryption crypto cipher signing sign
  signature shared master account admin service services server client app application storage
  session consumer subscription license licence deploy deployment ssh rsa aes hmac jwt webhook
  integration write ingest ingestion rest root user personal partner merchant security secure
  bot org organization team workspace project function functions host sdk internal gateway
  provisioning registration agent management recovery rapidapi openai stripe cookie data backend
  live prod production global sid
`)

/** Words after the telling one that change nothing: whose, where, which, how written. */
const QUALIFIER = wordSet(`
  prod production dev develop development stage staging live sandbox test testing qa uat local
  base value val values str string text plain plaintext raw hex b64 base64 encoded default old
  new current previous prev primary secondary backup main master root admin user us eu const
  literal env data here is was for this my set to as be use ca uk au jp ap apac emea
`)

/** Words that make it another thing altogether, wherever they stand. */
const HARMLESS = wordSet(`
  public pub publishable csrf xsrf antiforgery next continuation cursor page pagination
  cancel cancellation design lexer parser syntax css color theme pad unk bos eos cls sep max min
  num count length size regex regexp pattern placeholder label hint i18n locale translation
  cache sort partition foreign unique index idempotency translate tracking hash hashed digest
  checksum fingerprint sha1 sha256 md5 encrypted sealed ciphertext publickey thumbprint symbol
  dkim keyword keyboard author authors authenticity ssh_host build measurement sitekey
`)

/** Words before a key or a token that anybody may know; a secret is a secret behind them too. */
const OPEN = wordSet("blob sync device push site recaptcha captcha hcaptcha turnstile")

/** Those of them that may only say where: a `page_token` turns pages, a `page_access_token` opens one. */
const WHERE = wordSet("page cache build design translate next tracking measurement theme sort")
/** With one of these words before it, a token or a key opens something, whatever else is said. */
const OPENS = wordSet("access api auth admin encryption deploy")
const WHAT = wordSet("token key secret")

/** The words of a name in lower case: `herokuAPIKey`, `HEROKU_API_KEY` and `heroku api-key`. */
export function wordsOf(name: string): string[] {
  return name
    .replace(/([a-z0-9])([A-Z])/g, "$1 $2")
    .replace(/([A-Z]+)([A-Z][a-z])/g, "$1 $2")
    .toLowerCase()
    .split(/[^a-z0-9ñ]+/)
    .filter(Boolean)
}

/** What a value of this name is likely to be. */
export function meaningOf(words: readonly string[]): Meaning {
  const isSure = words.some((word, at) => OPENS.has(word) && WHAT.has(words[at + 1] ?? ""))
  const isHarmless = (word: string, at: number): boolean =>
    HARMLESS.has(word) && !isOfSecret(words, at) && !(isSure && WHERE.has(word))
  if (words.some(isHarmless) || isOfForm(words)) return "none"
  if (!isSure && words.some((word) => OPEN.has(word)) && !words.some(isSecret)) return "none"
  let last = words.length - 1
  while (last > 0 && isQualifier(words[last] ?? "") && !tells(words, last)) last -= 1
  return tells(words, last) ? meaningAt(words, last) : "none"
}

/** A `hash_secret` and a `csrf_secret` are secrets, though a `hash` or a token of `csrf` is harmless. */
function isOfSecret(words: readonly string[], at: number): boolean {
  return /^(?:hash|csrf|xsrf)$/.test(words[at] ?? "") && words[at + 1] === "secret"
}

/** What protects a form from requests of others: it opens nothing without the session beside it. */
const OF_FORM = new Set(["request verification token", "anti forgery token"])
const OF_DJANGO = "csrfmiddlewaretoken"

function isOfForm(words: readonly string[]): boolean {
  const last = words.at(-1)
  if (last !== "token") return last === OF_DJANGO
  return OF_FORM.has(words.slice(-3).join(" ")) || words.at(-2) === "form"
}

function isSecret(word: string): boolean {
  return word === "secret" || word === "private" || PASSWORD.has(word)
}

function isQualifier(word: string): boolean {
  return QUALIFIER.has(word) || SHORT_QUALIFIER.test(word)
}

function wordSet(words: string): ReadonlySet<string> {
  return new Set(words.trim().split(/\s+/))
}

function tells(words: readonly string[], at: number): boolean {
  return meaningAt(words, at) !== "none"
}

function meaningAt(words: readonly string[], at: number): Meaning {
  const numbered = words[at] ?? ""
  const word = numbered.replace(NUMBERED, "")
  if (PASSWORD.has(word)) return "password"
  if (SECRET.has(word)) return "secret"
  // Run together: `dbpassword`, `mytoken`.
  if (/(?:password|passwd|passphrase)$/.test(numbered)) return "password"
  if (/(?:secret|token|apikey|secretkey|accesskey|authkey|privatekey)$/.test(numbered)) {
    return "secret"
  }
  if (!KEY.has(word)) return "none"
  return KEY_OF.has(words[at - 1] ?? "") ? "secret" : "key"
}
