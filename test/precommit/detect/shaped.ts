import type { Fresh } from "./fresh.js"
import { expand, type Generator } from "./template.js"

// Values that stand apart from their names, and what stands in the same shapes and is none.

type Shape = (value: string) => string

const xml = (value: string): string =>
  value.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll(">", "&gt;")
const android = (value: string): string => xml(value).replace(/["'@?\\]/g, "\\$&")
/** As RFC 4180 writes a cell. */
const cell = (value: string): string => `"${value.replaceAll('"', '""')}"`
const single = (value: string): string => `'${value.replaceAll("'", "''")}'`

/** Where a password stands. Nothing else in these texts is a secret. */
const ofPasswords: Record<string, Shape> = {
  "Android's strings": (value) =>
    `<resources>\n  <string name="app_name">Acme</string>\n  <string name="db_password" translatable="false">${android(value)}</string>\n</resources>\n`,
  "Android's strings, behind other attributes": (value) =>
    `<item type='string' translatable='false' name='proxy_password'>${android(value)}</item>\n`,
  "an element of CDATA": (value) =>
    `<property name="mail.password" xml:space="preserve">\n  <![CDATA[${value}]]>\n</property>\n`,
  ".NET's settings": (value) =>
    `<setting name="SmtpPassword" serializeAs="String">\n  <value>${xml(value)}</value>\n</setting>\n`,
  "an element with attributes": (value) =>
    `<db><password scope="app" env="live">${xml(value)}</password></db>\n`,
  CSV: (value) =>
    `id,user,password,note\n1,ann,changeme,"first, of many"\n2,bob,${cell(value)},"said ""no"", then left"\n`,
  "CSV with a cell of two lines": (value) =>
    `user,note,initial password\r\n"Doe, Ann","one\r\ntwo, three",${cell(value)}\r\n`,
  "CSV with an index and semicolons": (value) =>
    `;Name;Passwort;Rolle\n0;"Doe; Ann";${cell(value)};admin\n`,
  "CSV of one column": (value) => `password\nchangeme\n${cell(value)}\n\n`,
  "CSV of one column, in quotes": (value) => `"DB Password"\r\n"changeme"\r\n${cell(value)}\r\n`,
  TSV: (value) => `host\tuser\tdb password\tnote\ndb1\tapp\t${value}\tfirst, of "many"\n`,
  "cloud-init's chpasswd": (value) =>
    `#cloud-config\nchpasswd:\n  expire: false\n  list: |\n    ann:RANDOM\n    root:${value}\nssh_pwauth: true\n`,
  "cloud-init's chpasswd, as items": (value) =>
    `chpasswd:\n  list:\n    - ann:R\n    - ${single(`root:${value}`)}\n`,
  "cloud-init's chpasswd, as JSON": (value) =>
    JSON.stringify({ chpasswd: { expire: false, list: `ann:RANDOM\nroot:${value}` } }),
  "lines for chpasswd": (value) =>
    `#!/bin/sh\nuseradd -m ann\nsudo chpasswd <<'EOF'\nann:changeme\nroot:${value}\nEOF\necho done\n`,
  "lines that a pipe gives to chpasswd": (value) =>
    `RUN cat <<-END | chroot /mnt chpasswd\n\tann:${value}\n\tEND\n`,
  "a text for chpasswd": (value) => `chpasswd <<< 'ann:${value.replaceAll("'", "#")}'\n`,
  "cloud-init's users": (value) =>
    `chpasswd:\n  users:\n    - name: ann\n      type: RANDOM\n    - name: root\n      password: ${single(value)}\n      type: text\n`,
  "cloud-init's users, each on a line": (value) =>
    `chpasswd:\n  users:\n  - {name: root, password: ${single(value)}, type: text}\n`,
  "a list of YAML": (value) => `passwords:\n  # ours\n  - changeme\n  - ${single(value)}\n`,
  "a list of JSON": (value) => JSON.stringify({ db: { passwords: ["changeme", value] } }, null, 2),
}

/** Where a key stands. */
const ofKeys: Record<string, Shape> = {
  "Android's strings": (value) => `<string name="api_key" translatable="false">${value}</string>\n`,
  "Android's strings, behind other attributes": (value) =>
    `<string translatable='false' name='maps_api_key' tools:ignore='UnusedResources'>"${value}"</string>\n`,
  CSV: (value) => `name,api_key,scopes\na,<your-key>,"read"\nb,${value},"read, write"\n`,
  "CSV of one column": (value) => `api_key\n<your-key>\n${value}\n`,
  TSV: (value) => `client\tclient_secret\tscopes\n"a\tb"\t${value}\tread\n`,
  "a list": (value) => `api_keys:\n- <your-key>\n- ${value} # of bob\nport: 80\n`,
  "a list of maps": (value) =>
    `auth:\n  api_keys:\n    - name: ann\n      key: <your-key>\n    - key: ${value}\n      name: bob\n`,
  "a list of maps, the key behind": (value) =>
    `tokens:\n  - name: bob\n    scopes: [read]\n    value: "${value}"\n`,
  "a list of JSON": (value) => JSON.stringify({ apiKeys: ["<your-key>", value] }),
  "a list of JSON, of objects": (value) =>
    JSON.stringify({ tokens: [{ name: "ann" }, { name: "bob", key: value }] }, null, 2),
  "a list of code": (value) =>
    `const API_TOKENS: string[] = [\n  "<your-token>", // ann\n  '${value}', // bob\n]\n`,
  "a list of PHP": (value) => `'secrets' => array(\n  'changeme',\n  '${value}',\n),\n`,
}

const values = ["{hex:32}", "{hex:40}", "{base62:32}", "{base64url:43}"]

/** Telegram's, under the ways to write its name. */
const ofTelegram: Record<string, Shape> = {
  env: (value) => `API_ID=1234567\nTELEGRAM_API_HASH=${value}\n`,
  python: (value) => `api_id = 1234567\napi_hash = "${value}"\n`,
  json: (value) => JSON.stringify({ telegram: { apiId: 1234567, apiHash: value } }),
  yaml: (value) => `tg_api_hash: ${value}\n`,
  call: (value) => `client = Client("bot", api_id=1234567, api_hash='${value}')\n`,
  fallback: (value) => `hash = os.environ.get("API_HASH", "${value}")\n`,
}

function write(shapes: Record<string, Shape>, what: string, make: () => string): Fresh[] {
  return Object.entries(shapes).map(([shape, text]) => {
    const secret = make()
    return { kind: `${what} in ${shape}`, text: text(secret), secret }
  })
}

/** Fresh values that stand apart from their names, once in each shape. */
export function shapedSecrets(generator: Generator, password: () => string): Fresh[] {
  return [
    ...write(ofPasswords, "password", password),
    ...write(ofPasswords, "plain password", () => expand("{base62:16}", generator)),
    ...write(ofKeys, "key", () => expand(generator.pick(values), generator)),
    ...write(ofTelegram, "api_hash", () => expand("{hex:32}", generator)),
  ]
}

/** What stands in the place of a password or a key, and is none. */
const stand = [
  "changeme",
  "<your-key>",
  "${ACME_API_KEY}",
  "{{ vault_api_key }}",
  "av://acme/api-key",
  "@string/other",
  "xxxxxxxxxxxxxxxxxxxxxxxx",
  "$6${base62:16}${base64:86}",
  "$2b$12${base62:53}",
  "sha256:{hex:64}",
  "ENC[AES256_GCM,data:{base64:24},type:str]",
  "n/a",
]

const harmless = [
  // Words of languages.
  '<string name="password" translatable="true">Password</string>',
  '<string name="password" product="tablet">Mot de passe</string>',
  '<string name="enter_password" product="default">Passwort-Wiederholung:</string>',
  '<string name="password" msgid="{digits:19}">Contraseña…</string>',
  '<string name="wifi_password" msgid="{digits:19}">密码</string>',
  '<string name="wifi_password" msgid="{digits:19}">パスワード(8文字以上)</string>',
  '<string name="wifi_password" msgid="{digits:19}">Şifre:</string>',
  '<string name="token" msgid="{digits:19}">"Токен2"</string>',
  '<string name="password_hint" translatable="false">{base62:16}</string>',
  '<string name="api_key" translatable="false">@string/google_maps_key</string>',
  '<string name="old_password" msgid="{digits:19}">%1$s\\nEnter 8 or more</string>',
  '<password encrypted="true">{base64:44}</password>',
  '<label for="password" class="a">Password1</label>',
  '<a name="auth-token" href="/a">Tokens</a>',
  '<string name="public_key" translatable="false">{base62:44}</string>',
  // Tables.
  "user,password\nThe password is set by the one who starts it, and by none else.\nSee page 3, please.\n",
  "name,token\nIf,the name ends,it is no row; so there, {base62:24}\n",
  "feature,password,token\nlogin,yes,no\nreset,required,optional\n",
  "user,password_hash\nann,$2b$12${base62:53}\n",
  "user,public_key,etag\nann,{base62:44},{hex:32}\n",
  "key,en,de\nlogin.password,Password,Passwort\nlogin.token,Token,Token\n",
  'path,password strength,note\n/a,weak,"a, b"\n/b,strong,"{base62:24}, {base62:24}"\n',
  "password\n123456\nqwerty12\niloveyou2\ndragon1987\nManchester1\n",
  "secrets\ndb_password\napi-key-2024\nsmtp.password\n",
  "token\nUNK\n##ing2\nthe-token-of-step2\n",
  "Passwords\n\nThey have {base62:16} characters, and more.\n",
  "public_key\n{base62:44}\n{base62:44}\n",
  // cloud-init.
  "chpasswd:\n  list: |\n    root:RANDOM\n    ann:R\n  expire: false\n",
  "chpasswd:\n  list: |\n    root:$6${base62:16}${base64:86}\n",
  "chpasswd:\n  list: |\n    ann:ann\n    root:<password>\n    ubuntu:${UBUNTU_PASSWORD}\n",
  "chpasswd: { expire: false }\nruncmd:\n  - curl https://acme.io:8443/{base62:16}\n",
  "chpasswd:\n  users:\n    - {name: root, password: $6${base62:16}${base64:86}, type: hash}\n    - {name: ann, type: RANDOM}\n",
  // The command of that name.
  "chpasswd <<EOF\nroot:$ROOT_PASSWORD\nann:${ANN}\nbob:$(cat bob.txt)\nEOF\n",
  "chpasswd -e <<EOF\nroot:$6${base62:16}${base64:86}\nann:{base62:13}\nEOF\nimage:{hex:40}\n",
  "cat <<EOF | sudo chpasswd\nann:<password>\nEOF\nCOMMIT:{hex:40}\nsha:{base62:30}\n",
  "chpasswd < logins.txt\nid:{base62:24}\n",
  // The keys of caches.
  "key: v1-deps-linux-{hex:40}\n",
  "key: v2-node-20-{hex:64}-\n",
  "key: Linux-pip-3.11-{hex:64}\n",
  "    key: node-modules-{hex:32}\n",
  // What protects a form.
  '<form><input type="hidden" name="_token" value="{base62:40}" autocomplete="off"></form>',
  "<input type='hidden' id='f' name='_token' class='a' value='{base62:40}'/>",
  '<input value="{base62:40}" type="hidden" name="_token">',
  '<input type="hidden" name="_token" value="{hex:7}.{base64url:43}.{base64url:43}">',
  "chpasswd:\n  expire: true\nwrite_files:\n  - list: x\n    image:{hex:40}\n",
  // Lists.
  "secrets:\n  - db_password\n  - source: api-key\n    target: /run/secrets/api-key\n",
  "tokens:\n  - key: color.primary.500\n    value: '#0fa3b1'\n  - key: space.large-2x\n    value: 24px\n",
  "public_keys:\n  - {base62:44}\n  - key: {hex:64}\n",
  "keys:\n  - {hex:40}\n  - key: {hex:64}\n",
  "cache_keys:\n  - v1-linux-{hex:40}\n",
  '"passwords": ["At least 8 characters, 1 digit", "Mindestens-8-Zeichen", "Ocho o más"]',
  '"tokens": ["hello", "##ing", "[CLS]", "un", "##believ"]',
  '"secrets": [{"key": "ACME_API_KEY", "name": "acme-api-key-v2"}, {"key": "db/password"}]',
  "api_keys:\n  - key: ${ACME_KEY_1}\n  - !vault acme/key2\n  - *other\n",
  "api_keys: []\nimages:\n  - {hex:64}\n  - key: {hex:40}\n",
  "api_keys:\nimages:\n  - {hex:64}\n",
  "next_page_tokens:\n  - {base62:40}\n",
  // Hashes.
  'api_hash_algorithm = "sha256"\nhash = "{hex:32}"\n',
  "API_SCHEMA_HASH={hex:32}\n",
  'api_hash = "{hex:64}"\n',
  "commit_hash: {hex:40}\nfile_hash: {hex:32}\n",
  "api_hash = hashlib.md5(api_body).hexdigest()\n",
  'api_hash = "0123456789abcdef0123456789abcdef"\n',
]

/** Look-alikes in the same shapes. */
export function shapedLookalikes(generator: Generator): Fresh[] {
  const inShapes = [ofPasswords, ofKeys].flatMap((shapes) =>
    Object.entries(shapes).flatMap(([shape, text]) =>
      stand.map((template) => ({
        kind: `${template} in ${shape}`,
        text: text(expand(template, generator)),
      })),
    ),
  )
  return [
    ...inShapes,
    ...harmless.map((template) => ({ kind: template, text: expand(template, generator) })),
  ]
}
