import { expand, Generator } from "./template.js"
import { everyRule } from "../../../src/precommit/detect/rules.js"

// The set that recall and false alarms are measured on: bench/guard-detection.md tells the result.

/** A file that holds one thing to find, or to let pass. */
interface Sample {
  readonly kind: string
  readonly context: string
  readonly path: string
  readonly text: string
  /** What is secret in it; empty if nothing is. */
  readonly secret: string
}

type Context = readonly [name: string, path: string, text: string]

/** How credentials are written: `{i}` is who they are for, `{I}` the same in capitals. */
const contexts: readonly Context[] = [
  ["js", "src/a.js", 'import x from "x"\nconst {i}Token = "{s}";\nexport default x({i}Token)\n'],
  ["ts", "src/a.ts", "export const {i}ApiKey: string = '{s}'\n"],
  ["ts object", "src/b.ts", "const client = new Client({ {i}Secret: '{s}', timeout: 30 })\n"],
  ["fallback", "src/c.js", 'const token = process.env.{I}_TOKEN || "{s}"\n'],
  ["python", "a.py", 'import os\n{i}_api_key = "{s}"\n'],
  ["python get", "b.py", 'token = os.environ.get("{I}_API_TOKEN", "{s}")\n'],
  ["python dict", "c.py", 'headers = {"X-{i}-Api-Key": "{s}", "Accept": "*/*"}\n'],
  ["go", "a.go", "func main() {\n\t{i}Token := `{s}`\n\tuse({i}Token)\n}\n"],
  ["go const", "b.go", 'const {i}Secret string = "{s}"\n'],
  ["java", "A.java", 'private static final String {I}_TOKEN = "{s}";\n'],
  ["c#", "A.cs", 'public string {i}ApiKey { get; set; } = "x"; string {i}Token = "{s}";\n'],
  ["ruby", "a.rb", "config.{i}_token = '{s}'\n"],
  ["php", "a.php", "return [\n  '{i}_secret' => '{s}',\n];\n"],
  ["rust", "a.rs", 'const {I}_TOKEN: &str = "{s}";\n'],
  ["kotlin", "a.kt", 'val {i}Token: String = "{s}"\n'],
  ["swift", "a.swift", 'let {i}ApiKey = "{s}"\n'],
  ["json", "config.json", '{\n  "name": "app",\n  "{i}_api_key": "{s}"\n}\n'],
  ["json nested", "settings.json", '{ "{i}": { "enabled": true, "apiKey": "{s}" } }\n'],
  ["json in json", "a.jsonl", '{"body":"{\\"{i}_token\\": \\"{s}\\"}"}\n'],
  ["notebook", "a.ipynb", '{"cells":[{"source":["import x\\n","{i}_token = \\"{s}\\"\\n"]}]}\n'],
  ["yaml", "a.yaml", "app:\n  {i}_token: {s}\n  debug: true\n"],
  ["yaml quoted", "b.yml", "{i}ApiKey: '{s}'\n"],
  ["kubernetes", "deploy.yaml", "env:\n  - name: {I}_API_KEY\n    value: {s}\n"],
  ["compose", "compose.yml", "services:\n  a:\n    environment:\n      - {I}_TOKEN={s}\n"],
  ["toml", "a.toml", '[{i}]\napi_token = "{s}"\n'],
  ["ini", "a.ini", "[default]\n{i}_token = {s}\n"],
  ["properties", "a.properties", "app.{i}.secret={s}\n"],
  ["env", ".env.local", "PORT=3000\n{I}_API_KEY={s}\nDEBUG=1\n"],
  ["env quoted", "prod.env", '{I}_TOKEN="{s}"\n'],
  ["shell", "a.sh", "#!/bin/sh\nexport {I}_TOKEN={s}\nrun\n"],
  ["shell flag", "b.sh", "deploy --region eu --{i}-token {s} --yes\n"],
  ["curl", "c.sh", 'curl -s -H "X-{I}-Api-Key: {s}" https://api.acme.io/v1/x\n'],
  ["dockerfile", "Dockerfile", "FROM alpine\nENV {I}_TOKEN={s}\n"],
  ["dockerfile space", "Dockerfile", "FROM alpine\nENV {I}_TOKEN {s}\n"],
  ["terraform", "a.tf", 'provider "{i}" {\n  api_token = "{s}"\n}\n'],
  ["xml", "a.xml", "<config>\n  <{i}Token>{s}</{i}Token>\n</config>\n"],
  ["xml attribute", "app.config", '<add key="{i}ApiKey" value="{s}" />\n'],
  ["makefile", "Makefile", "{I}_TOKEN ?= {s}\n"],
  ["markdown", "README.md", "# Setup\n\n- {i} API token: `{s}`\n"],
  ["comment", "d.js", "// {I}_TOKEN={s}\n"],
  ["log", "a.log", "2026-01-02T03:04:05Z INFO client: {i}_token={s} status=200\n"],
  ["query", "e.js", 'fetch("https://api.acme.io/v1?{i}_api_key={s}&page=2")\n'],
]

/** Services that no rule knows, and what their keys look like: what is measured is the general. */
const unknown: readonly (readonly [string, string])[] = [
  ["abyssale", "{alnum:40}"],
  ["accuwx", "{base62:35}"],
  ["ahaio", "{hex:64}"],
  ["apollo", "{base62:22}"],
  ["appcues", "{base62:36}"],
  ["aviationstack", "{hex:32}"],
  ["beebole", "{hex:40}"],
  ["buttercms", "{hex:40}"],
  ["capsule", "{base62:64}"],
  ["clockify", "{base62:48}"],
  ["closecrm", "api_{base62:22}.{base62:22}"],
  ["coinapi", "{HEX:8}-{HEX:4}-{HEX:4}-{HEX:4}-{HEX:12}"],
  ["convertkit", "{base64url:22}"],
  ["delighted", "{base62:32}"],
  ["everhour", "{hex:4}-{hex:4}-{hex:6}-{hex:6}-{hex:8}"],
  ["fibery", "{hex:8}.{hex:35}"],
  ["geckoboard", "{alnum:44}"],
  ["gumroad", "{base64url:43}"],
  ["harvest", "{base62:60}"],
  ["hunterio", "{hex:40}"],
  ["hypertrack", "{base64url:54}"],
  ["insightly", "{uuid}"],
  ["jotform", "{base62:32}"],
  ["jumpcloud", "{hex:40}"],
  ["klipfolio", "{hex:40}"],
  ["lokalise", "{hex:40}"],
  ["magnetic", "{uuid}"],
  ["moosend", "{uuid}"],
  ["pandadoc", "{hex:40}"],
  ["partnerstack", "{base62:64}"],
  ["pipedrive", "{hex:40}"],
  ["proxycrawl", "{base64url:22}"],
  ["qase", "{hex:40}"],
  ["scrapingbee", "{ALNUM:80}"],
  ["sirv", "{base64:86}=="],
  ["skrapp", "{base62:42}"],
  ["smartsheet", "{base62:37}"],
  ["telnyx", "KEY{base62:32}_{base62:22}"],
  ["toggl", "{hex:32}"],
  ["uptimerobot", "u{digits:7}-{hex:24}"],
  ["walkscore", "{hex:32}"],
  ["webflow", "{hex:64}"],
  ["zerobounce", "{hex:32}"],
  ["acmedb", "{base62:16}"],
  ["acmebus", "{base64:43}="],
  ["acmeapp", "{base62:12}!{base62:6}"],
]

/** A value of a look-alike, and the names that it has in the wild. */
type Harmless = readonly [kind: string, value: string, names?: string]

const harmless: readonly Harmless[] = [
  ["placeholder", "your-api-key-here"],
  ["placeholder", "YOUR_API_TOKEN"],
  ["placeholder", "<your-token>"],
  ["placeholder", "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx"],
  ["placeholder", "XXXXXXXX-XXXX-XXXX-XXXX-XXXXXXXXXXXX"],
  ["placeholder", "********************"],
  ["placeholder", "changeme"],
  ["placeholder", "REPLACE_WITH_REAL_VALUE_123"],
  ["placeholder", "example-token-1a2b3c4d"],
  ["placeholder", "dummy-secret-value-1234"],
  ["placeholder", "fake_key_9f8e7d6c5b4a"],
  ["placeholder", "test-token-12345"],
  ["placeholder", "sk-..."],
  ["placeholder", "ghp_xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx"],
  ["placeholder", "abcdef1234567890abcdef1234567890"],
  ["placeholder", "0123456789abcdef0123456789abcdef"],
  ["placeholder", "00000000-0000-0000-0000-000000000000"],
  ["placeholder", "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"],
  ["placeholder", "deadbeefdeadbeefdeadbeefdeadbeef"],
  ["placeholder", "AKIAIOSFODNN7EXAMPLE"],
  ["placeholder", "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY"],
  ["placeholder", "[REDACTED]"],
  ["placeholder", "TODO"],
  ["reference", "${API_TOKEN}"],
  ["reference", "$API_TOKEN"],
  ["reference", "{{ .Values.token }}"],
  ["reference", "${{ secrets.API_TOKEN }}"],
  ["reference", "%API_TOKEN%"],
  ["reference", "<%= ENV['TOKEN'] %>"],
  ["reference", "$(cat /run/secrets/token)"],
  ["reference", "av://stripe/api-key"],
  ["reference", "op://vault/item/field"],
  ["reference", "arn:aws:secretsmanager:eu-west-1:123456789012:secret:app/token-AbCdEf"],
  ["reference", "projects/acme/secrets/api-token/versions/3"],
  ["reference", "vault:secret/data/app#token"],
  ["reference", "/run/secrets/api_token"],
  ["reference", "./certs/server.key"],
  ["reference", "https://auth.acme.io/oauth/token"],
  ["reference", "process.env.API_TOKEN"],
  ["reference", "__API_TOKEN__"],
  ["word", "password"],
  ["word", "secret"],
  ["word", "true"],
  ["word", "null"],
  ["word", "string"],
  ["word", "required"],
  ["word", "accessTokenExpiresAt"],
  ["word", "user_password_reset_token"],
  ["word", "com.acme.security.TokenProvider"],
  ["word", "api-key-authentication"],
  ["word", "INVALID_TOKEN_ERROR"],
  ["word", "application/json"],
  ["word", "authorization_code"],
  ["word", "Bearer"],
  ["word", "x-api-key"],
  ["word", "HmacSHA256"],
  ["word", "RS256"],
  ["word", "3600"],
  ["word", "2026-01-02T03:04:05Z"],
  ["word", "1.2.3-beta.4"],
  ["hash", "$2b$12${base62:53}"],
  ["hash", "pbkdf2_sha256$600000${base62:22}${base64:43}="],
  ["hash", "sha256:{hex:64}"],
  ["hash", "{SSHA}{base64:32}"],
  ["ciphertext", "ENC[AES256_GCM,data:{base64:24},iv:{base64:43}=,tag:{base64:22}==,type:str]"],
  ["ciphertext", "{cipher}{hex:96}"],
  ["ciphertext", "age1{lower32:58}"],
  ["public key", "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAI{base64:43} me@acme"],
  ["public", "pk_live_{base62:24}"],
  ["public", "sk_test_{base62:24}"],
]

/** Values that are random indeed, under names that say what they are. */
const named: readonly (readonly [kind: string, path: string, text: string])[] = [
  [
    "lock file",
    "package-lock.json",
    '{"integrity": "sha512-{base64:86}==", "token": "{base62:32}"}',
  ],
  [
    "lock file",
    "yarn.lock",
    '  resolved "https://r.acme.io/a/-/a-1.0.0.tgz#{hex:40}"\n  integrity sha512-{base64:86}==\n',
  ],
  ["lock file", "go.sum", "github.com/acme/token v1.2.3 h1:{base64:43}=\n"],
  ["lock file", "Cargo.lock", 'checksum = "{hex:64}"\n'],
  ["lock file", "poetry.lock", '    {file = "token-1.0.tar.gz", hash = "sha256:{hex:64}"},\n'],
  [
    "sri",
    "index.html",
    '<script src="a.js" integrity="sha384-{base64:64}" crossorigin="anonymous"></script>\n',
  ],
  ["git id", "a.md", "Fixed in commit {hex:40}.\n"],
  ["git id", ".github/workflows/a.yml", "- uses: actions/checkout@{hex:40}\n"],
  ["git id", "a.js", 'const commit = "{hex:40}"\n'],
  ["digest", "Dockerfile", "FROM node@sha256:{hex:64}\n"],
  ["digest", "SHA256SUMS", "{hex:64}  token.tar.gz\n"],
  ["digest", "a.json", '{"sha256": "{hex:64}", "md5": "{hex:32}", "etag": "{hex:32}"}\n'],
  ["digest", "a.rb", 'sha256 "{hex:64}"\n'],
  ["uuid", "a.json", '{"id": "{uuid}", "requestId": "{uuid}", "userId": "{uuid}"}\n'],
  [
    "uuid",
    "a.csproj",
    "<ProjectGuid>{{uuid}}</ProjectGuid><UserSecretsId>{uuid}</UserSecretsId>\n",
  ],
  ["uuid", "a.tf", 'subscription_id = "{uuid}"\ntenant_id = "{uuid}"\nclient_id = "{uuid}"\n'],
  ["uuid", "a.yaml", "trace_id: {uuid}\nclient_id: {uuid}\n"],
  ["certificate", "a.pem", "{pem:CERTIFICATE}\n"],
  ["public key", "a.pem", "{pem:PUBLIC KEY}\n"],
  ["public key", "a.pub", "ssh-rsa AAAAB3NzaC1yc2EAAAADAQABAAABgQ{base64:300}= me@acme\n"],
  ["public key", "a.json", '{"publicKey": "{base64:43}=", "public_key": "{hex:64}"}\n'],
  ["public key", "a.md", "The recipient is age1{lower32:58}.\n"],
  [
    "public key",
    "jwks.json",
    '{"keys":[{"kty":"RSA","kid":"{base62:12}","n":"{base64url:342}","e":"AQAB"}]}\n',
  ],
  ["public key", "a.asc", "{pem:PGP PUBLIC KEY BLOCK}\n"],
  ["public", "a.html", '<div class="g-recaptcha" data-sitekey="6L{base62:38}"></div>\n'],
  ["public", "a.js", 'const stripePublishableKey = "pk_live_{base62:24}"\n'],
  ["public", "a.js", 'mapboxgl.accessToken = "pk.eyJ1Ijoi{base62:60}.{base62:22}"\n'],
  [
    "ciphertext",
    "a.age",
    "-----BEGIN AGE ENCRYPTED FILE-----\n{base64:64}\n{base64:64}\n-----END AGE ENCRYPTED FILE-----\n",
  ],
  ["ciphertext", "a.asc", "{pem:PGP MESSAGE}\n"],
  ["ciphertext", "vault.yml", "$ANSIBLE_VAULT;1.1;AES256\n{hex:80}\n{hex:80}\n"],
  [
    "ciphertext",
    "sealed.yaml",
    "kind: SealedSecret\nspec:\n  encryptedData:\n    password: AgB{base64:200}\n",
  ],
  [
    "ciphertext",
    "a.enc.yaml",
    "db_password: ENC[AES256_GCM,data:{base64:24},tag:{base64:22}==]\nsops:\n    mac: ENC[AES256_GCM,data:{base64:80}]\n",
  ],
  ["image", "a.css", ".a { background: url(data:image/png;base64,{base64:400}) }\n"],
  ["image", "a.md", "![x](data:image/png;base64,{base64:400})\n"],
  ["image", "a.json", '{"icon": "iVBORw0KGgoAAAANSUhEUgAA{base64:400}"}\n'],
  [
    "image",
    "a.svg",
    '<path d="M{digits:3}.{digits:2}c{digits:2}.{digits:2}" /><image href="data:image/png;base64,{base64:200}"/>\n',
  ],
  ["font", "a.css", "src: url(data:font/woff2;base64,{base64:600})\n"],
  [
    "source map",
    "a.js.map",
    '{"version":3,"sources":["token.js"],"mappings":"{base64:600}","token":"{base62:40}"}\n',
  ],
  ["snapshot", "a.test.ts.snap", 'exports[`a 1`] = `"token": "{base62:40}"`\n'],
  [
    "minified",
    "vendor.js",
    '!function(){var t="{base62:3}",key="a";function n(e,r){return e.token=r(t),e.key=t[r]}n({secret:function(e){return e&&e.length>1?e:t}})}();'.repeat(
      20,
    ),
  ],
  [
    "translation",
    "locales/de.json",
    '{"login.password": "Passwort", "login.token": "Einmaliges-Zugangstoken-2", "reset_password": "Passwort-zurücksetzen1"}\n',
  ],
  [
    "pagination",
    "a.json",
    '{"nextToken": "{base64:80}", "continuationToken": "{base62:60}", "nextPageToken": "{base62:40}"}\n',
  ],
  ["csrf", "a.html", '<meta name="csrf-token" content="{base64:86}==">\n'],
  ["cache key", "a.yml", "cache:\n  key: node-modules-v3-linux-x64\n"],
  [
    "type",
    "a.ts",
    "interface A { password: string; token?: string | null; apiKey: Secret<ApiKey> }\n",
  ],
  [
    "code",
    "a.ts",
    "const token = await getToken(request.headers.authorization2)\npassword = user.password1.trim()\n",
  ],
  [
    "code",
    "a.py",
    'def login(password=None, token=os.environ["TOKEN"]):\n    secret = hashlib.sha256(password).hexdigest()\n',
  ],
  ["code", "a.go", "apiKey := cfg.APIKeyV2\ntoken, err := jwt.Parse(tokenString, keyFunc2)\n"],
  [
    "code",
    "a.java",
    'String password = request.getParameter("password2"); String key = "user.session.key.v2";\n',
  ],
  [
    "code",
    "a.sh",
    'TOKEN="$(gh auth token)"\nPASSWORD=$(openssl rand -base64 32)\nread -s -p "Password: " PW1\n',
  ],
  [
    "url",
    "a.md",
    "See https://acme.io/docs/token#access-token-v2 and postgres://localhost:5432/db\n",
  ],
  ["url", "a.env", "DATABASE_URL=postgres://user:password@localhost:5432/app\n"],
  ["url", "a.yml", "url: https://${USER}:${TOKEN}@git.acme.io/a.git\n"],
  [
    "pem talk",
    "a.ts",
    'if (!text.startsWith("-----BEGIN PRIVATE KEY-----")) throw new Error("no key")\n',
  ],
  ["pem talk", "a.md", "-----BEGIN RSA PRIVATE KEY-----\nMIIE...\n-----END RSA PRIVATE KEY-----\n"],
  ["bad checksum", "a.md", "Tokens look like ghp_{base62:36}.\n"],
  [
    "number",
    "a.json",
    '{"token_count": 123456789012, "max_tokens": 4096, "key_size": 2048, "password_length": 16}\n',
  ],
  ["test data", "a.csv", "name,key\nalpha,{uuid}\nbeta,{uuid}\n"],
  ["hashes", ".htpasswd", "admin:$apr1${base62:8}${base62:22}\n"],
  ["keyboard", "a.ts", 'if (event.key === "ArrowDown2" || event.keyCode === 40) move()\n'],
  ["i18n key", "a.ts", 't("settings.security.password.reset.title2")\n'],
]

/** All that must be found. Each kind of credential stands in several contexts. */
export function positives(seed: number, perKind = 6): Sample[] {
  const generator = new Generator(seed)
  const samples: Sample[] = []
  for (const rule of everyRule()) {
    const template = rule.names ? bare(rule.examples?.[0] ?? "") : (rule.examples?.[0] ?? "")
    for (let count = 0; count < perKind; count += 1) {
      const secret = expand(template, generator)
      const multiline = secret.includes("\n") || /[\s'"]/.test(secret) || rule.path !== undefined
      samples.push(
        multiline
          ? { kind: rule.id, context: "alone", path: pathOf(rule.id), text: `${secret}\n`, secret }
          : inContext(rule.id, rule.names?.[0] ?? "acme", secret, generator),
      )
    }
  }
  for (const [name, template] of unknown) {
    for (let count = 0; count < 2 * perKind; count += 1) {
      samples.push(inContext(`unknown ${name}`, name, expand(template, generator), generator))
    }
  }
  return samples
}

/** What generators make, by what they make it of. */
const classes: readonly string[] = [
  "{hex:32}",
  "{hex:64}",
  "{HEX:40}",
  "{alnum:24}",
  "{base32up:32}",
  "{base58:44}",
  "{base62:20}",
  "{base62:32}",
  "{base62:64}",
  "{base64:43}=",
  "{base64url:43}",
  "{uuid}",
  "{jwt}",
]

/** Random values of each class, each in any of the contexts, for a service that no rule knows. */
export function randomValues(seed: number, perClass: number): Sample[] {
  const generator = new Generator(seed)
  return classes.flatMap((kind) =>
    Array.from({ length: perClass }, () =>
      inContext(kind, "acme", expand(kind, generator), generator),
    ),
  )
}

/** All that must pass. */
export function negatives(seed: number, perKind = 12): Sample[] {
  const generator = new Generator(seed)
  const samples: Sample[] = []
  for (const [kind, template] of harmless) {
    for (let count = 0; count < 2 * perKind; count += 1) {
      const sample = inContext(kind, generator.pick(["stripe", "acme", "github"]), "{s}", generator)
      const value = expand(template, generator)
      samples.push({ ...sample, text: sample.text.replace("{s}", () => value), secret: "" })
    }
  }
  for (const [kind, path, template] of named) {
    for (let count = 0; count < perKind; count += 1) {
      samples.push({ kind, context: "named", path, text: expand(template, generator), secret: "" })
    }
  }
  return samples
}

function inContext(kind: string, provider: string, secret: string, generator: Generator): Sample {
  const [context, path, template] = generator.pick(contexts)
  const text = template
    .replaceAll("{i}", provider)
    .replaceAll("{I}", provider.toUpperCase())
    .replace("{s}", () => secret)
  return { kind, context, path, text, secret }
}

/** The value of an example that names its provider: what stands last. */
function bare(example: string): string {
  return (
    /[^\s"'=]*(?:\{\w+(?::\w+)?\}[^\s"']*)+=?/.exec(
      example.replace(/^[^=:]*(?:=|: ?)\s*/, ""),
    )?.[0] ?? example
  )
}

function pathOf(rule: string): string {
  if (rule === "pgpass-password") return ".pgpass"
  if (rule === "npmrc-password") return ".npmrc"
  if (rule === "secrets-file-password") return "sasl_passwd"
  if (rule === "solana-key") return "id.json"
  return rule === "rails-master-key" ? "config/master.key" : "a.txt"
}
