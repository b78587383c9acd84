import { generateKeyPairSync } from "node:crypto"
import { describe, expect, test } from "vitest"
import { crc32 } from "../../../src/precommit/encoded/checksum.js"
import { findCredentials } from "../../../src/precommit/detect/detect.js"
import {
  expressionOf,
  type FindWords,
  wordFinder,
  wordMatcher,
} from "../../../src/precommit/detect/keywords.js"
import known from "../../../src/precommit/detect/rules/known.json" with { type: "json" }
import { mask } from "../../../src/precommit/report/mask.js"
import { WORDS } from "../../../src/precommit/detect/rule-table.js"
import { randomBits } from "../../../src/precommit/detect/random.js"
import { negatives, positives } from "./corpus.js"
import { withoutHang } from "../../hang.js"
import { expand, Generator } from "./template.js"

const make = (template: string, seed = 1): string => expand(template, new Generator(seed))
const base64url = (text: string): string => Buffer.from(text).toString("base64url")
const rulesIn = (text: string, path?: string): string[] =>
  findCredentials(text, path === undefined ? {} : { path }).map(({ rule }) => rule)

const rulesOf = (template: string): string[] => rulesIn(make(template))

describe("a finding", () => {
  test("is the secret, and nothing else", () => {
    const token = make("{crc:30}")
    const text = `const token = "ghp_${token}" // mine`
    const [found, ...others] = findCredentials(text)
    expect(others).toEqual([])
    expect(text.slice(found?.start, found?.end)).toBe(`ghp_${token}`)
    expect(found).toMatchObject({ rule: "github-pat", kind: "credential" })
  })

  test("is made by the rule that says most", () => {
    const token = make("ghp_{crc:30}")
    expect(rulesIn(`https://ci:${token}@github.com/acme/app`)).toEqual(["github-pat"])
    expect(rulesIn(`Authorization: Bearer ${token}`)).toEqual(["github-pat"])
    expect(rulesIn(`GITHUB_TOKEN=${token}`)).toEqual(["github-pat"])
  })

  test("may follow an escape", () => {
    const token = make("ghp_{crc:30}")
    for (const before of [String.raw`\n`, "%3D", String.raw`\u0022`, "\u001b[32m"]) {
      expect(rulesIn(`${before}${token}`)).toEqual(["github-pat"])
    }
    expect(rulesIn(`a${token}`)).toEqual([])
  })

  test("needs the checksum that the provider documents", () => {
    const token = make("ghp_{crc:30}")
    const wrong = token.slice(0, -1) + (token.endsWith("a") ? "b" : "a")
    expect(rulesIn(`see ${token}`)).toEqual(["github-pat"])
    expect(rulesIn(`see ${wrong}`)).toEqual([])
  })
})

const kindIn = (text: string): string[] => findCredentials(text).map(({ kind }) => kind)

describe("a private key", () => {
  test("is told from an encrypted one", () => {
    const { privateKey } = generateKeyPairSync("ec", { namedCurve: "P-256" })
    const bare = privateKey.export({ type: "pkcs8", format: "pem" }).toString()
    const locked = privateKey
      .export({ type: "pkcs8", format: "pem", cipher: "aes-256-cbc", passphrase: "x" })
      .toString()
    const old = privateKey
      .export({ type: "sec1", format: "pem", cipher: "aes-256-cbc", passphrase: "x" })
      .toString()
    expect(kindIn(bare)).toEqual(["private-key"])
    expect(kindIn(locked)).toEqual(["encrypted-key"])
    expect(kindIn(old)).toEqual(["encrypted-key"])
    expect(kindIn(make("{openssh:none}"))).toEqual(["private-key"])
    expect(kindIn(make("{openssh:aes256-ctr}"))).toEqual(["encrypted-key"])
  })

  test("is found in quotes, on one line, indented, and without its end", () => {
    const { privateKey } = generateKeyPairSync("ed25519")
    const pem = privateKey.export({ type: "pkcs8", format: "pem" }).toString()
    const forms = [
      JSON.stringify({ key: pem }),
      JSON.stringify(JSON.stringify({ key: pem })),
      pem.replace(/^/gm, "    "),
      pem.replaceAll("\n", "\r\n"),
      pem.replace(/-----END[\s\S]*/, ""),
      pem.trim().replace(/^(.*)$/gm, '"$1\\n" +'),
    ]
    for (const form of forms) expect(kindIn(form), form).toEqual(["private-key"])
  })

  test("is all that is looked for in a binary file", () => {
    const text = `ghp_${make("{crc:30}")}\0${make("{age}")}`
    expect(findCredentials(text, { onlyKeys: true }).map(({ rule }) => rule)).toEqual([
      "age-private-key",
    ])
  })
})

describe("a value is given to a name", () => {
  test("by a variable of Terraform, with its type and what is said of it between", () => {
    const said = 'description = "The token, of the API"\n  type = string\n  sensitive = true'
    const block = `variable "api_token" {\n  ${said}\n  default = "{base62:24}"\n}`
    expect(rulesOf(block)).toEqual(["generic-secret"])
    expect(rulesOf(block.replace("{base62:24}", ""))).toEqual([])
  })

  test("by fields or elements that follow each other or lie within each other", () => {
    for (const pair of [
      "<key>API_TOKEN</key>\n<string>{base62:24}</string>",
      "<name>api.token</name><value>{base62:24}</value>",
      "<ApiToken><Value>{base62:24}</Value></ApiToken>",
      '{"name": "API_TOKEN", "type": "secret", "value": "{base62:24}"}',
      "<param-name>api.token</param-name><param-value>{base62:24}</param-value>",
      '"adminToken": { "value": "{base62:24}" }',
      "Parameters:\n  ApiToken:\n    Type: String\n    NoEcho: true\n    Default: {base62:24}\n",
    ]) {
      expect(rulesOf(pair), pair).toEqual(["generic-secret"])
    }
  })

  test("by names that also name what anybody may know", () => {
    expect(rulesOf("RECAPTCHA_SECRET_KEY={base62:30}")).toEqual(["generic-secret"])
    expect(rulesOf("RECAPTCHA_SITE_KEY={base62:30}")).toEqual([])
    expect(rulesOf('"provisionDeviceSecret": "{alnum:20}"')).toEqual(["generic-secret"])
    expect(rulesOf('"deviceToken": "{alnum:20}"')).toEqual([])
    expect(rulesOf("WIKI_PAT={base62:44}")).toEqual(["generic-secret"])
    expect(rulesOf("ACME_TOKEN=acm{hex:32}")).toEqual(["generic-secret"])
  })

  test("as a password that a person chose, bare or behind a flag", () => {
    const chosen = ["Vio", "l1n", "Str", "1ng!"].join("")
    expect(rulesIn(`DB_PASSWORD=${chosen}`)).toEqual(["generic-password"])
    expect(rulesIn(`tool login --password ${chosen}`)).toEqual(["generic-password"])
    expect(rulesIn(`My password is ${chosen} as of today`)).toEqual(["generic-password"])
    expect(rulesIn("The password is now required, the token is null")).toEqual([])
    expect(rulesOf('password = "!{base62:14}7"')).toEqual(["generic-password"])
    expect(rulesOf('password = "#/definitions/password7"')).toEqual([])
    expect(rulesIn("--- PASS: TestViolin1/String#01")).toEqual([])
  })

  test("as a passphrase, but not as a name of words", () => {
    const words = ["otter", "indigo", "cricket", "willow"]
    expect(rulesIn(`password: ${words.join("-")}`)).toEqual(["generic-password"])
    expect(rulesIn(`"password": "${words.join(".")}"`)).toEqual(["generic-password"])
    expect(rulesIn('"password": "reset-user-password-form"')).toEqual([])
    expect(rulesIn("password: key.packet.public.params")).toEqual([])
    expect(rulesIn('password = "azurerm_windows_virtual_machine"')).toEqual([])
  })

  test.each([
    ["API_TOKENS = ['{base62:32}']", "generic-secret"],
    ["tokens = { prod: '{base62:32}' }", "generic-secret"],
    ["secretKey = []byte('{base62:32}')", "generic-secret"],
    ["API_TOKEN = (\n    '{base62:32}'\n)", "generic-secret"],
    ["string ApiToken { get; set; } = '{base62:32}';", "generic-secret"],
    ["std::string token{'{base62:32}'};", "generic-secret"],
    ["set -gx API_TOKEN '{base62:32}'", "generic-secret"],
    ["The token for staging is {base62:40}", "generic-secret"],
    ["API secret\n{base62:40}\n", "generic-secret"],
    ['{"a.ini": "ACME_TOKEN={base62:32}\\nDEBUG=1"}', "generic-secret"],
    ["user,email,token\nann,ann@acme.io,{base62:32}", "generic-secret"],
    ["| Name | Token |\n| --- | --- |\n| ci | {base62:32} |", "generic-secret"],
    ["contraseña: {base62:14}", "generic-password"],
    ["ACME_KEY={hex:32}", "generic-secret"],
    ['token = "/{base64:42}="', "generic-secret"],
    ["gsk_{base62:47}", "groq-key"],
  ])("as in %j", (template, rule) => {
    expect(rulesOf(template)).toEqual([rule])
  })

  test("in Base64, as Kubernetes keeps it", () => {
    const text = `DB_URL=postgres://app:${expand("{base62:16}", new Generator(3))}@db/app`
    const encoded = Buffer.from(text).toString("base64")
    expect(rulesIn(`data:\n  env: ${encoded}\nkind: Secret\n`)).toEqual(["kubernetes-secret"])
    expect(rulesIn(`data:\n  env: ${encoded}\nkind: ConfigMap\n`)).toEqual(["url-password"])
  })

  test("of a provider's test mode, but not the keys that Stripe's documentation prints", () => {
    expect(rulesOf("ACME_KEY_SECRET=acme_test_{base62:28}")).toEqual(["generic-secret"])
    expect(rulesOf("STRIPE_SECRET_KEY=sk_test_{base62:24}")).toEqual([])
    expect(rulesOf("ACME_SECRET=acme_test_secret")).toEqual([])
  })
})

describe("the set", () => {
  test("is found, but for a few", () => {
    const samples = positives(2)
    const missed = samples.filter(({ text, path, secret }) =>
      findCredentials(text, { path }).every(({ start, end }) => {
        const found = text.slice(start, end)
        return !secret.includes(found) && !found.includes(secret)
      }),
    )
    expect(new Set(samples.map(({ kind }) => kind)).size).toBeGreaterThan(400)
    expect(missed.length / samples.length).toBeLessThan(0.03)
  })

  test("lets pass what is none, but for a few", () => {
    const samples = negatives(2)
    const alarms = samples.filter(({ text, path }) => rulesIn(text, path).length > 0)
    expect(alarms.length / samples.length).toBeLessThan(0.01)
  })
})

/** What real trees hold and is no secret: packages of npm, PyPI, Go and Debian had each of these. */
const harmless = {
  "a request's number, so that it is carried out once": [
    '"ClientRequestToken": "{uuid}", "LifecycleActionToken": "{uuid}", "ChangeToken": "{uuid}"',
    "request.client_token = '{uuid}'",
    '"ClientToken": "{hex:32}"',
  ],
  "a UUID that everybody writes": ["api_token = 550e8400-e29b-41d4-a716-446655440009"],
  "the address of a badge": [
    "[![CI](https://circleci.com/gh/acme/app.svg?style=svg&circle-token={hex:40})](https://circleci.com/gh/acme/app)",
    "https://www.browserstack.com/automate/badge.svg?badge_key={base64:60}",
    "![](https://codecov.io/gh/acme/app/graph/badge.svg?token={ALNUM:10})",
    "https://codecov.io/gh/acme/app/branch/main/graph/badge.svg?flag=a&token={base62:10}",
  ],
  "a word of another language": ['var Password = "Contraseña"', '"password": "Lösenord"'],
  "code between two texts": ['t("label",{for:"a"},"Password:"),n?i.createElement("code",null)'],
  "what a function returns": ["sign('', 'test_secret') => '{hex:64}'", '(token) => "{base62:30}"'],
  "bytes that spell a word, or are few": [
    String.raw`#define WRITE_KEY_CONST "\x73\x65\x72\x76\x65\x72\x20\x77\x72\x69\x74\x65\x20\x6b\x65\x79"`,
    String.raw`{"crypto/hmac", "\x1a\x16\x14\x01\x122"},`,
  ],
  "a version, after a provider's name": [
    "github.com/bwmarrin/snowflake,v0.0.0-20180412010544-{hex:12},h1",
    "Oracle keys 19.0.0.0.ru-2022-01.rur-2022-01.r1 (supported)",
  ],
  "a word of code, after a provider's name": [
    'fetch("https://api.twitter.com/oauth/access_token", accessTokenRequestOptions)',
  ],
  "a chance in Base64": [
    "-----BEGIN CERTIFICATE-----\n{base64:64}\n{base64:11}AAAAAAAAAA{base64:43}\n{base64:64}\n",
    'fn_("{base64:60}AAAA/EAAA{base62:60}=")',
  ],
  "a public key in Base64": [
    'key: "MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAE{base64:86}=="',
    'key = "AAAAC3NzaC1lZDI1NTE5AAAAI{base64:43}"',
  ],
  "the name of a secret": [
    "KRB5_PASSWORD_ENV = 'KRB5_PASSWORD'",
    'placeholder: {"apiKey": "my-n8n-api-key"}',
    "s3://aws_key:aws_secret@bucket and s3://ACCESSKEY:SECRETKEY@s3.amazon.com",
  ],
  "what a public key is called by": ["ENV GPG_KEY={HEX:40}", "gpg_signing_key: 0x{HEX:40}"],
  "an address on a chain of blocks": ['"token": "0x{hex:40}"', "API_TOKEN=0x{hex:40}"],
  "a token that turns pages": ['pageToken = "{base62:40}"', "NEXT_PAGE_TOKEN={base64url:32}"],
  "a place in a synchronization": ['syncToken = "{base64url:40}"', "nextSyncToken: {base62:30}"],
  "the name on the next line": ["snowflake.password=\njdbc.snowflake.url="],
  "a part of an address in a cloud": [
    "arn:aws:secretsmanager:eu-west-1:141708921710:secret:prod/db-{base62:6}2",
  ],
  "a digest behind a prefix by chance": ["a.whl,sha256=gsk_{base64url:39},11900"],
  "an argument with a name": ["Config(CONF_PASSWORD,\n    knxkeys_file_path=_knxkeys_file,\n)"],
  "a login that everybody knows": [
    "postgresql://scott:tiger@db.acme.io/test",
    "http://jane:p%40ssword@acme.io",
    `Proxy-Authorization: Basic ${Buffer.from("user:pass").toString("base64")}`,
    `authorization = "Basic ${Buffer.from("Aladdin:open sesame").toString("base64")}"`,
    "amqp://me:{base62:2}@rabbit.test:5672",
  ],
  "words in Base64": [
    `secret = "${Buffer.from("super-secret-key").toString("base64")}"`,
    `auth: '${Buffer.from("me:not my real password").toString("base64")}'`,
  ],
  "a token that says nothing": ['{"some":"payload"}', '{"sub":"foo"}', "{}"].map(
    (claims) =>
      `token = "${base64url('{"alg":"HS256","typ":"JWT"}')}.${base64url(claims)}.{base64url:43}"`,
  ),
  "an example of an RFC": [
    '"access_token": "2YotnFZFEjr1zCsicMWpAA"',
    "oauth_consumer_key=dpf43f3p2l4k3l03&oauth_token=hh5s93j4hdidpola",
    `Authorization: Basic ${Buffer.from("s6BhdRkqt3:gX1fBat3bV").toString("base64")}`,
  ],
  "a sentence on passwords": [
    "Ensure that Virtual machine does not enable password authentication",
    "machine Refuse machine account password changes",
    "The default password hasher and default login account",
    "complete -c mysql -l skip-progress-reports -d 'no password'",
    "mysql -e 'list all versions of aurora-postgresql'",
  ],
  "a number of code": [
    "pub const NERR_BadPassword: u32 = 2203u32;",
    "public const HRESULT TAPE_PASSWORD = 0x8004004Aull;",
    "pub const STENCIL_DEPTH_PASS: u32 = 2966u64 as u32;",
    "const E_NEEDS_AUTHORIZATION: HRESULT = 0xC00D11D0_u32 as _;",
  ],
  "a variable": [
    "self.p4passwd = p4passwd",
    "this.dbPass1 = userPass1;",
    "connect(host, password=db_passwd2, port)",
    '"p4passwd": "p4passwd"',
    "_PASS = '::ixNet::OK'",
  ],
  "a name of an encoding or a cipher": [
    'password_encoding = "iso-8859-15"; PASS = "utf-16-le"',
    'const password = "cp1252"',
    'secret: "PBKDF2WithHmacSHA256"',
  ],
  "a path of Windows": [
    String.raw`password = "C:\\windows\\system32\\cmd1.exe"`,
    String.raw`passwd: '\\server2\share\users.db'`,
    String.raw`PASS = "%SystemRoot%\system32\config1"`,
  ],
  "a GUID that says so": [
    'SERVICE_ACCOUNT_PASSWORD = "_SA_{{HEX:8}-{HEX:4}-{HEX:4}-{HEX:4}-{HEX:12}}"',
    'KSP_RSA_SEAL_KEY = "MICROSOFT_PCP_RSA_SEAL_KEY_{HEX:8}-{HEX:4}-{HEX:4}-{HEX:4}-{HEX:12}"',
    'api_token = "{{uuid}}"',
  ],
  "bytes that count": [
    String.raw`let key = b"\x00\x01\x02\x03\x04\x05\x06\x07\x08\x09\x0A\x0B\x0C\x0D\x0E\x0F";`,
  ],
  "bytes that count, with signs between": [
    'key = b"00:01:02:03:04:05:06:07:08:09:0a:0b:0c:0d:0e:0f"',
  ],
  "what is stored under a key": [
    '"key": "uploads/2026/{hex:32}/{base62:20}.jpg"',
    "Key: assets/{base62:40}",
    "- uses: actions/cache@v4\n  with:\n    key: v2-linux-node-{hex:40}",
  ],
  "a public key of a wallet": ['userKey: "xpub661MyMwAqRbcF{base58:95}"'],
  "what is called by a fingerprint": [
    "gpg --keyserver hkps://keys.acme.io --recv-keys {HEX:40}",
    "<releaseManagerKey>{HEX:40}</releaseManagerKey>",
  ],
  "the end of a list of names": [
    "SignedHeaders=host;x-amz-date;x-amz-security-token, Signature={hex:64}",
    "host;x-amz-date;x-amz-security-token\n{hex:64}\n",
  ],
  "a signed address of an example": [
    "X-Amz-Credential=AKIDEXAMPLE%2F20150830%2Fs3&X-Amz-Expires=3600&X-Amz-Signature={hex:64}",
  ],
  "digits in Base64": [
    `{ "kty": "oct", "k": "${base64url("0123456789ABCDEF0123456789ABCDEF")}" }`,
    `{"auths": {"fake": {"auth": "${Buffer.from("id:pass\n").toString("base64")}"}}}`,
  ],
  "a value that is encrypted": [
    "DB_PASSWORD=encrypted:B{base64:120}==",
    "token: vault:v1:{base64:60}=",
    "snowflake_password = sha256:{hex:64}",
    "password: ENC[AES256_GCM,data:{base64:24},iv:{base64:43}=,type:str]",
    "secret = 'YWdlLWVuY3J5cHRpb24ub3JnL3Yx{base64:200}'",
    "password: AgB{base64:700}==",
    `token = "${base64url('{"alg":"dir","enc":"A256GCM"}')}..{base64url:16}.{base64url:200}.{base64url:22}"`,
  ],
  "a name made of words, behind a provider's prefix": [
    "<div class='sk-proj-loading-spinner-with-a-dark-theme-and-large-icons-in-the-middle'>",
    "pypi-AgEIcHlwaS5vcmc-this-is-what-a-token-begins-with-and-then-it-goes-on-for-some-time",
    "dckr_pat_of-the-user-who-runs-it",
  ],
  "a number that a provider gives": [
    "CYPRESS_PROJECT_ID={uuid}",
    "splunk_request_id: {uuid}",
    "sonarlogin_checksum = {hex:40}",
  ],
  "the name of a variable, beside a provider's": [
    "('travis', 'Travis CI', 'TRAVIS', _from('TRAVIS_BUILD_WEB_URL')),",
  ],
  "what a cache keeps things by": [
    "cache:\n  key: node-{hex:40}\n  paths:\n    - node_modules\n",
    "Cache restored from key: Linux-node-20-{hex:64}\nCache saved with key: Linux-build-{hex:64}\n",
  ],
  "what protects a form": [
    '<input name="__RequestVerificationToken" type="hidden" value="CfDJ8{base64url:200}" />',
    "<input type='hidden' name='csrfmiddlewaretoken' value='{base62:64}' />",
    '<input type="hidden" name="form_token" value="{hex:32}">',
    'var requestVerificationToken = "{base62:40}"; window.csrfToken = "{base62:40}"',
    'anti_forgery_token: "{base62:43}"',
    "RequestVerificationToken: {base62:86}",
  ],
  "what is shown of a token": ["pscale_tkn_{base62:24}...", "see sk-proj-{base62:22}…"],
  "a name that says it is none": ['DUMMY_SECRET = "{base62:32}"', "mock_api_key: {hex:32}"],
}

test.each(Object.entries(harmless))("%s is no finding", (_, templates) => {
  for (const seed of [1, 2, 3]) {
    for (const template of templates) {
      const text = make(template, seed)
      expect(rulesIn(text), text).toEqual([])
    }
  }
})

test("what looks like those is found all the same", () => {
  for (const template of [
    'clientSecretToken = "{uuid}"',
    'WTF_CSRF_SECRET_KEY = "{base62:32}"',
    "csrf_secret: {hex:40}",
    'verification_token = "{base62:24}"',
    'platform_token = "{base62:24}"',
    // agent-vault: allow generic-password a template, or a made-up value of this test
    "password = 'Lösung!{base62:8}'",
    "machine git.acme.io\n  login ci\n  password {base62:20}\n",
    // agent-vault: allow netrc-password a template, or a made-up value of this test
    "default login ci password {base62:20}",
    // agent-vault: allow docker-login-password a template, or a made-up value of this test
    "mysql -u root -p{base62:16} shop",
    // agent-vault: allow generic-secret a template, or a made-up value of this test
    String.raw`secret_key = b"\x8f\xd3\x11\xc5T\x9d\xfc\xfe\x0bd\x9d\xfa?\xaaj\xce"`,
    ["postgresql://scott", "{base62:14}@db.acme.io/test"].join(":"),
    `auth: '${Buffer.from("me:vX8kQ2mZr4Lp").toString("base64")}'`,
    "-----BEGIN CERTIFICATE-----\n{base64:64}\n-----END CERTIFICATE-----\nghp_{crc:30}\n",
    'API_KEY_NAME = "API_KEY"; API_KEY = "{base62:32}"',
    'ACME_SYNC_AUTH_TOKEN = "{base62:32}"',
    'pageAccessToken: "{base62:40}"',
    "CACHE_API_TOKEN={base62:32}",
    "DEVICE_ACCESS_TOKEN={hex:40}",
    "ACME_SYNC_ENCRYPTION_KEY={hex:64}",
    ...["!", "#", "%"].map((sign) => `dbPassword = "${sign}Falcon{digits:4}Cedar"`),
  ]) {
    const text = make(template, 4)
    expect(rulesIn(text).length, text).toBeGreaterThan(0)
  }
})

/** The first part of a token, which repeated is a token at every turn. */
const jwtHead = Buffer.from('{"alg":"HS256"}').toString("base64url")

test("what a standard or documentation prints is no finding, and its neighbour is one", () => {
  const seed = Buffer.from("12345678901234567890")
  expect(rulesIn(`totp_secret = "${base32(seed)}"`)).toEqual([])
  expect(rulesIn(`totp_secret = "${base32(Buffer.from("12345678901234567819"))}"`)).toHaveLength(1)
  for (const { sha256, title } of known) expect(sha256, title).toMatch(/^[0-9a-f]{16}$/)
  expect(new Set(known.map(({ sha256 }) => sha256)).size).toBe(known.length)
})

/** RFC 4648, 6, for whole groups of five bytes. */
function base32(bytes: Buffer): string {
  const bits = Array.from(bytes, (byte) => byte.toString(2).padStart(8, "0")).join("")
  const letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567"
  return (bits.match(/.{5}/g) ?? []).map((five) => letters[parseInt(five, 2)]).join("")
}

test("a short name of a provider counts where a word begins", () => {
  expect(rulesOf('from social.backends import a\nuser_token = "{base62:40}"')).toEqual([
    "generic-secret",
  ])
  for (const name of ["OCI_AUTH_TOKEN", "myOciToken", "oci.auth-token"]) {
    expect(rulesOf(`${name} = "{base62:20}"`), name).toEqual(["oracle-key"])
  }
})

test("what only resembles a number, a variable or a path is a finding", () => {
  for (const template of [
    'password = "2203u32-{base62:6}"',
    "DB_PASSWORD=db2Passwd77x",
    'password = "C:{base62:10}#9"',
    'api_token = "{uuid}"',
    "SIGNING_SECRET={hex:40}",
    'secret_key: "uploads{base62:30}"',
    "https://b.s3.amazonaws.com/a?X-Amz-Credential=AKIA{base32up:16}&X-Amz-Signature={hex:64}",
  ]) {
    expect(rulesOf(template), template).not.toEqual([])
  }
})

test("a text made to keep rules busy is read all the same", () => {
  for (const unit of [
    "eyJ",
    "sk-",
    "://",
    "password=",
    '"kty"',
    "key: ",
    '{"d":"',
    "_token_",
    `${jwtHead}.`,
  ]) {
    // What takes time in squares would take an hour.
    const long = unit.repeat(Math.ceil(2 ** 20 / unit.length))
    expect(() => withoutHang(() => findCredentials(long)), unit).not.toThrow()
  }
})

/** Both ways in which the guard finds words, of a few texts and of many. */
const finders: readonly [string, (words: readonly string[]) => FindWords][] = [
  ["in few texts", (words) => wordMatcher(words, expressionOf(words))],
  ["in many", (words) => wordFinder(words)],
]

test.each(finders)("words are found %s in any case, overlapping too", (_, finderOf) => {
  const found: [string, number][] = []
  const words = ["ken-a", "key", "sk-", "toke", "token", "token-x"]
  finderOf(words)("KEYtoKEN-a sk-sk-\u00e9key token-", (word, at) => {
    found.push([words[word] ?? "", at])
  })
  expect(
    found.toSorted(([one, at], [other, place]) => at - place || (one < other ? -1 : 1)),
  ).toEqual([
    ["key", 0],
    ["toke", 3],
    ["token", 3],
    ["ken-a", 5],
    ["sk-", 11],
    ["sk-", 14],
    ["key", 18],
    ["toke", 22],
    ["token", 22],
  ])
})

test("all words of all rules are found, alone and beside each other", () => {
  const words = WORDS.split("\n")
  const made = finders.map(([, finderOf]) => finderOf(words))
  for (const text of [...words, words.join("-"), words.join("")]) {
    const [few, many] = made.map((find) => {
      const found: string[] = []
      find(text, (word, at) => found.push(`${at} ${words[word] ?? ""}`))
      return found.toSorted()
    })
    expect(few, text.slice(0, 60)).toEqual(many)
    expect(few?.length, text.slice(0, 60)).toBeGreaterThan(0)
  }
})

test.each(finders)("words are found %s beside any characters, where each is", (_, finderOf) => {
  // In lower case the first is two characters; the others are beyond Latin-1.
  for (const before of ["\u0130", "\u212a", "\u{1f511}", "", "a", "ab"]) {
    for (const after of ["", "a", "ab", "\u212a"]) {
      const found: [number, number][] = []
      const text = `${before}Heroku${after} sk-`
      finderOf(["heroku", "sk-"])(text, (word, at) => found.push([word, at]))
      const places = [text.indexOf("Heroku"), text.indexOf("sk-")]
      expect(found).toEqual(places.map((at, word) => [word, at]))
    }
  }
})

test("a table's columns have names in any language", () => {
  for (const name of ["user", "имя", "Größe", ""]) {
    expect(rulesOf(`${name},password\nann,{base62:16}\n`), name).toEqual(["generic-password"])
  }
  expect(rulesOf("имя→,password\nann,{base62:16}\n")).toEqual([])
})

test("chance is told from names", () => {
  const generator = new Generator(3)
  for (const template of ["{base62:24}", "{hex:32}", "{alnum:24}", "{base64url:32}"]) {
    expect(randomBits(expand(template, generator))).toBeGreaterThan(14)
  }
  for (const name of ["getAccessTokenForUser", "USER_PASSWORD_FIELD", "node_modules/.bin/x1"]) {
    expect(randomBits(name)).toBeLessThan(0)
  }
})

test("a mask shows the first characters at most, and no control characters", () => {
  expect(mask("ghp_abcdefghijklmnop")).toBe("ghp_… (20 characters)")
  expect(mask("hunter2")).toBe("h… (7 characters)")
  expect(mask("abc")).toBe("… (3 characters)")
  expect(mask("\u001b[31mabcdefghijklm")).toBe("?[31… (18 characters)")
  expect(mask("-----BEGIN X-----\nabc")).not.toContain("abc")
})

test("a checksum is zlib's", () => {
  expect(crc32("123456789")).toBe(0xcbf43926)
})
