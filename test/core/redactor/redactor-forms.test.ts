import { spawnSync } from "node:child_process"
import { inspect } from "node:util"
import { describe, expect, test } from "vitest"
import { type Redacted, compilePatterns, redactText } from "../../../src/core/index.js"

/** Values of the kinds that people store; all of them fake, and none with a line end at its end. */
const values: Readonly<Record<string, string>> = {
  token: "fake_live_9aB3xK7mQ2wE5rT8",
  "6 bytes": "h7+/x=",
  "7 bytes": "h7?>x=~",
  "special characters": `~#p@$w 'o' "r" \\d & <x>/+;|*?[{(!)}]^%41,:=\``,
  "not ASCII": "pässwörd-€-😀-ключ<&>",
  "control characters": "one\ttwo\nthree\u0007\u001B[1m'four'\r\n\f\b\v\"fünf\"",
  address: "postgres://app:s3cr%2Ft'+x@db.example.org:5432/app?sslmode=require&a=b",
  "a key of many lines": [
    "-----BEGIN FAKE KEY-----",
    "bm90IGEga2V5LCBidXQgYXMgbG9uZyBhcyBvbmUgdGhhdCBpcyByZWFsLCBhbmQg",
    "YXMgZHVsbDogaXQgZ29lcyBvbiBmb3Igc29tZSBsaW5lcyBhbmQgdGhlbiBlbmRz",
    "aGVyZSwgd2l0aCBub3RoaW5nIHNhaWQ/+/==",
    "-----END FAKE KEY-----",
  ].join("\n"),
}

/** What a program prints when it is given a value on stdin. */
type Print = (value: string) => string

const bash = (script: string): Print => tool("bash", ["-c", script])
/** An expression of `value`, a str, and `raw`, its bytes. */
const python = (expression: string): Print => {
  expressions.push(expression)
  return (value) => byPython().get(value)?.get(expression) ?? ""
}
const expressions: string[] = []
const jq = (filter: string): Print => tool("jq", ["-Rsrj", filter])
const readIn = "IFS= read -r -d '' value; "

/** As its `html/template` (1.26) wrote each of these: the test at the end has some of its output. */
const GO: Readonly<Record<string, string>> = {
  "&": "&amp;",
  "<": "&lt;",
  ">": "&gt;",
  '"': "&#34;",
  "'": "&#39;",
  "+": "&#43;",
}
const BLANKS: Readonly<Record<string, string>> = Object.fromEntries(
  Array.from("\t\n\v\f\r ", (char) => [char, `&#${char.charCodeAt(0)};`]),
)
/** What most libraries have a name for. */
const FOUR: Readonly<Record<string, string>> = {
  "&": "&amp;",
  "<": "&lt;",
  ">": "&gt;",
  '"': "&quot;",
}

function escaping(escapes: Readonly<Record<string, string>>): Print {
  return (value) => Array.from(value, (char) => escapes[char] ?? char).join("")
}

function hexOf(char: string): string {
  return (char.codePointAt(0) ?? 0).toString(16).toUpperCase()
}

/** Forms that hold the value and nothing else: nothing of them may remain. */
const whole: Readonly<Record<string, Print>> = {
  "as it is": (value) => value,
  "base64, as coreutils break it": tool("base64", []),
  "base64 of a value and a line end, as echo gives it": bash("(cat; echo) | base64 -w 0 || base64"),
  "base64 in one line, by Python": python("base64.b64encode(raw).decode()"),
  "base64, as MIME breaks it": python("base64.encodebytes(raw).decode().replace('\\n', '\\r\\n')"),
  "base64 in lines of 8, indented": python(
    "(lambda text: '\\n    '.join(text[i:i+8] for i in range(0, len(text), 8)))(base64.b64encode(raw).decode())",
  ),
  "base64 in lines, in JSON": python("json.dumps(base64.encodebytes(raw).decode().strip())[1:-1]"),
  "base64, by OpenSSL or Perl": bash("perl -MMIME::Base64 -0777 -ne 'print encode_base64($_)'"),
  "base64, by jq": jq("@base64"),
  base64url: python("base64.urlsafe_b64encode(raw).decode()"),
  "base64url without padding, by Node": (value) => Buffer.from(value).toString("base64url"),
  "hex by od": bash("od -An -v -tx1 | tr -d ' \\n'"),
  "hex in lines, as xxd -p": python(
    "(lambda text: '\\n'.join(text[i:i+60] for i in range(0, len(text), 60)))(raw.hex())",
  ),
  "hex with a space after each byte, as S3 answers": python("raw.hex(' ')"),
  "hex with spaces, in upper case": python("raw.hex(' ').upper()"),
  "hex in upper case": python("binascii.hexlify(raw).decode().upper()"),
  encodeURIComponent,
  "encodeURIComponent in lower case": (value) =>
    encodeURIComponent(value).replace(/%../g, (escape) => escape.toLowerCase()),
  encodeURI,
  "a form, by Node": (value) => new URLSearchParams({ v: value }).toString().slice(2),
  "a form, by Python": python("url.quote_plus(raw)"),
  "the password of an address, by Node": (value) => {
    const url = new URL("https://user@host.example")
    url.password = value
    return url.password
  },
  "a path, by Python": python("url.quote(raw)"),
  "RFC 3986, by Python": python("url.quote(raw, safe='')"),
  "RFC 3986, by jq": jq("@uri"),
  "every byte percent-encoded": python("''.join('%%%02x' % b for b in raw)"),
  "JSON by Node": (value) => JSON.stringify(value).slice(1, -1),
  "JSON by jq": jq("tojson[1:-1]"),
  "JSON by Python": python("json.dumps(value)[1:-1]"),
  "JSON by Python, not ASCII": python("json.dumps(value, ensure_ascii=False)[1:-1]"),
  "JSON with upper-case escapes": python(
    "__import__('re').sub(r'\\\\u....', lambda m: '\\\\u' + m[0][2:].upper(), json.dumps(value))[1:-1]",
  ),
  "JSON as PHP has it": python("json.dumps(value)[1:-1].replace('/', '\\\\/')"),
  "JSON as Go has it": python(
    "json.dumps(value, ensure_ascii=False)[1:-1].replace('<', '\\\\u003c').replace('>', '\\\\u003e').replace('&', '\\\\u0026')",
  ),
  "JSON in JSON by Node": (value) =>
    JSON.stringify(JSON.stringify(value).slice(1, -1)).slice(1, -1),
  "JSON in JSON by Python": python("json.dumps(json.dumps(value)[1:-1])[1:-1]"),
  "quoted by jq": jq("@sh[1:-1]"),
  "quoted by Python": python(
    '(lambda text: text[1:-1] if text[0] == "\'" else text)(shlex.quote(value))',
  ),
  "quoted by bash": bash(
    `${readIn}value=\${value@Q}; value=\${value#\\$}; printf %s "\${value:1:-1}"`,
  ),
  "declared by bash": bash(
    `${readIn}value=$(declare -p value); value=\${value#*=}; value=\${value#\\$}; printf %s "\${value:1:-1}"`,
  ),
  "traced by bash": bash(`${readIn}{ set -x; : "$value"; } 2>&1 | sed -e '1s/^+ : //'`),
  "repr of a str": python("repr(value)[1:-1]"),
  "repr of bytes": python("repr(raw)[2:-1]"),
  "ascii of a str": python("ascii(value)[1:-1]"),
  "HTML by Python": python("html.escape(value)"),
  "HTML by Python, quotes as they are": python("html.escape(value, quote=False)"),
  "HTML by jq": jq("@html"),
  "HTML in ASCII": python("html.escape(value).encode('ascii', 'xmlcharrefreplace').decode()"),
  "numbers for what is not ASCII": python("value.encode('ascii', 'xmlcharrefreplace').decode()"),
  "HTML with names": python(
    "''.join(f'&{name};' if (name := html.entities.codepoint2name.get(ord(c))) else c for c in value)",
  ),
  "every character by its number": python("''.join(f'&#{ord(c)};' for c in value)"),
  "every character by its number in hex": python("''.join(f'&#x{ord(c):X};' for c in value)"),
  XML: (value) =>
    value.replace(
      /[&<>"']/g,
      (char) =>
        ({ "&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;", "'": "&apos;" })[char] ?? "",
    ),
  Mustache: (value) =>
    value.replace(
      /[&<>"'`=/]/g,
      (char) =>
        ({ "&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;", "'": "&#39;" })[char] ??
        `&#x${char.charCodeAt(0).toString(16).toUpperCase()};`,
    ),
  "a template of Go": escaping(GO),
  "a template of Go, in an attribute without quotes": escaping({
    ...GO,
    ...BLANKS,
    "=": "&#61;",
    "`": "&#96;",
  }),
  "OWASP's encoder for Java, in an attribute without quotes": escaping({
    ...GO,
    ...BLANKS,
    "+": "+",
    "=": "&#61;",
    "/": "&#47;",
    "`": "&#96;",
  }),
  ".NET": (value) =>
    value.replace(/[&<>"'+]|[^\0-\x7F]/gu, (char) => FOUR[char] ?? `&#x${hexOf(char)};`),
  "validator.js": escaping({
    ...FOUR,
    "'": "&#x27;",
    "/": "&#x2F;",
    "\\": "&#x5C;",
    "`": "&#96;",
  }),
  WordPress: escaping({ ...FOUR, "&": "&#038;", "'": "&#039;" }),
  "Laminas and Twig, in an attribute": (value) =>
    value.replace(
      /[^a-z0-9,._-]/giu,
      (char) => FOUR[char] ?? `&#x${hexOf(char).padStart(hexOf(char).length > 2 ? 4 : 2, "0")};`,
    ),
  "PHP, with the names of HTML 5": python(
    "''.join({'<': '&lt;', '>': '&gt;', '&': '&amp;', '\"': '&quot;'}.get(c) or (f'&{name};' if (name := NAMES.get(c) or html.entities.codepoint2name.get(ord(c))) else c) for c in value)",
  ),
  "SQL, by SQLite": python(
    "__import__('sqlite3').connect(':memory:').execute('select quote(?)', [value]).fetchone()[0][1:-1]",
  ),
  "CSV, by Python": python(
    "(lambda f: (__import__('csv').writer(f, quoting=1).writerow([value]), f.getvalue())[1])(__import__('io').StringIO())[1:-3]",
  ),
  "an object on Node's console": (value) =>
    inspect([value], { breakLength: Infinity }).slice(3, -3),
}

/** Unquoted by bash, some characters get a backslash only where they come first. */
const nearly: Readonly<Record<string, Print>> = {
  "printf %q": bash(`${readIn}printf %q "$value"`),
  "printf %q in ASCII": bash(`export LC_ALL=C; ${readIn}printf %q "$value"`),
}

const MARKER = "[REDACTED test/value]"

describe.each(Object.entries(values))("a value: %s", (_, value) => {
  const patterns = compilePatterns([{ name: "test/value", value: Buffer.from(value) }])

  test.each(Object.entries(whole))("%s", (_form, print) => {
    const printed = print(value).trim()
    const context = `{"before": 1}\t${printed}\n<after>`
    expect(withoutQuotes(redactText(patterns, context))).toBe(`{"before": 1}\t${MARKER}\n<after>`)
  })

  test.each(Object.entries(nearly))("%s", (_form, print) => {
    const printed = print(value).trim()
    expect(redactText(patterns, `<${printed}>`).replace(/\$'|'|\\/g, "")).toBe(`<${MARKER}>`)
  })

  test("base64 of a text that the value stands in, at all three places", () => {
    for (const before of ["", "x", "xx", "xxx", '{"a":"', "user:"]) {
      for (const after of ["", "y", "yy", "\n"]) {
        const encoded = Buffer.from(before + value + after).toString("base64")
        const redacted = redactText(patterns, encoded)
        expect(redacted).toContain(MARKER)
        const [head = "", tail = ""] = redacted.split(MARKER)
        // What is left stands around the value, but for the few bits of a digit that both share.
        expect(head.length * 6).toBeLessThan(before.length * 8 + 12)
        expect(tail.replaceAll("=", "").length * 6).toBeLessThan(after.length * 8 + 12)
      }
    }
  })
})

describe.each(Object.entries(values).filter(([, value]) => value.length >= 9))(
  "base64 that is broken anywhere: %s",
  (_, value) => {
    const patterns = compilePatterns([{ name: "test/value", value: Buffer.from(value) }])
    const size = Buffer.byteLength(value)

    test.each([0, 1, 2])("at place %s of three", (place) => {
      const text = `${"y".repeat(21 + place)}${value}${"z".repeat(20)}`
      const digits = Buffer.from(text).toString("base64")
      const others = digits.length - Math.floor((size * 8 - 8) / 6)
      for (let width = 6; width < 80; width += 1) {
        const lines = digits.match(new RegExp(`.{1,${width}}`, "g")) ?? []
        const redacted = redactText(patterns, lines.join("\n"))
        expect(redacted).toContain(MARKER)
        // At most 5 digits of the value may be left, where a line begins after them.
        const left = redacted.replace(MARKER, "").replaceAll("\n", "")
        expect(left.length).toBeLessThanOrEqual(others + 5)
      }
    })
  },
)

describe("a value of many lines", () => {
  const value = values["a key of many lines"] ?? ""
  const lines = value.split("\n")
  const patterns = compilePatterns([{ name: "test/value", value: Buffer.from(`${value}\n`) }])

  test("is found line by line, wherever the lines stand", () => {
    const printed = lines.map((line, i) => `${i}: ${line} |`).join("\n")
    expect(redactText(patterns, printed)).toBe(
      `0: ${lines[0]} |\n1: ${MARKER} |\n2: ${MARKER} |\n3: ${MARKER} |\n4: ${lines[4]} |`,
    )
  })

  test("with other line ends", () => {
    const redacted = redactText(patterns, `<${lines.join("\r\n")}>`)
    for (const line of lines.slice(1, -1)) expect(redacted).not.toContain(line)
  })

  test.each(["\n", "\r\n", "\r"])("short ones, that end in %j, with other ends", (stored) => {
    const codes = ["a1b2-c3d4", "e5f6-g7h8", "", "i9j0-k1l2"]
    const bytes = Buffer.from(codes.join(stored))
    const hidden = compilePatterns([{ name: "test/value", value: bytes }])
    for (const end of ["\n", "\r\n"]) {
      expect(redactText(hidden, `<${codes.join(end)}>${end}`)).toBe(`<${MARKER}>${end}`)
    }
  })

  test("in a JSON file: its lines, printed by whom has parsed it", () => {
    const account = JSON.stringify({ type: "fake_account", private_key: value })
    const hidden = compilePatterns([{ name: "test/value", value: Buffer.from(account) }])
    const redacted = redactText(hidden, value)
    for (const line of lines.slice(1, -1)) expect(redacted).not.toContain(line)
  })

  test("short lines, dull lines and PEM's armor are not telling", () => {
    const config = "user=alice\n====================\n-----BEGIN FAKE KEY-----\nport=5432"
    const hidden = compilePatterns([{ name: "test/value", value: Buffer.from(config) }])
    const log = "user=alice\n\n====================\n\n-----BEGIN FAKE KEY-----\n\nport=5432"
    expect(redactText(hidden, log)).toBe(log)
    expect(redactText(hidden, config)).toBe(MARKER)
  })
})

describe("values that are not text", () => {
  const bytes = Buffer.from("ff00fe8081c0af0d0a00ffee41424344", "hex")
  const patterns = compilePatterns([{ name: "test/value", value: bytes }])

  test.each(["hex", "base64", "base64url"] as const)("%s", (encoding) => {
    expect(redactText(patterns, `<${bytes.toString(encoding)}>`)).toBe(`<${MARKER}>`)
  })

  test("percent-encoded", () => {
    const encoded = [...bytes].map((byte) => `%${byte.toString(16).padStart(2, "0")}`).join("")
    expect(redactText(patterns, `<${encoded}>`)).toBe(`<${MARKER}>`)
  })
})

describe("short values", () => {
  test("under 6 bytes are named, and not looked for", () => {
    const patterns = compilePatterns([
      named("12345"),
      named("123456"),
      named(""),
      named("1\n\n\n "),
    ])
    expect(patterns.short).toEqual(["test/5", "test/0", "test/5"])
    expect(redactText(patterns, "12345 123456")).toBe("12345 [REDACTED test/6]")
  })

  test("of 6 and 7 bytes are found in base64 at every place", () => {
    for (const value of ["h7+/x=", "h7?>x=~"]) {
      const patterns = compilePatterns([named(value)])
      for (const before of ["", "a", "ab", "abc"]) {
        const encoded = Buffer.from(`${before}${value}zz`).toString("base64")
        expect(redactText(patterns, encoded)).toContain(`[REDACTED test/${value.length}]`)
      }
    }
  })

  test("no secrets: everything passes", () => {
    const patterns = compilePatterns([])
    expect(patterns.short).toEqual([])
    expect(redactText(patterns, "nothing to hide")).toBe("nothing to hide")
  })
})

test("JSON as .NET has it", () => {
  const patterns = compilePatterns([{ name: "test/value", value: Buffer.from(`k'<ü>"&+\``) }])
  const printed = String.raw`"k\u0027\u003C\u00FC\u003E\u0022\u0026\u002B\u0060"`
  expect(redactText(patterns, printed)).toBe(`"${MARKER}"`)
})

test("spaces and line ends around a value are not part of it", () => {
  const patterns = compilePatterns([
    { name: "test/value", value: Buffer.from(" \r\n my-fake-key\r\n") },
  ])
  expect(redactText(patterns, "my-fake-key my-fake-key\n")).toBe(`${MARKER} ${MARKER}\n`)
})

test("a value in a page is found as html/template of Go 1.26.8 wrote it", () => {
  const value = "a+b=c/d e\"f'g`h<i>j&k:l@m_n"
  const patterns = compilePatterns([{ name: "test/value", value: Buffer.from(value) }])
  const page = [
    '<a title="a&#43;b=c/d e&#34;f&#39;g`h&lt;i&gt;j&amp;k:l@m_n">',
    "<a title=a&#43;b&#61;c/d&#32;e&#34;f&#39;g&#96;h&lt;i&gt;j&amp;k:l@m_n>",
  ]
  expect(page.map((line) => redactText(patterns, line))).toEqual([
    `<a title="${MARKER}">`,
    `<a title=${MARKER}>`,
  ])
})

test.each([
  ["&#43;", "&#61;", "&#47;"],
  ["&#043;", "&#061;", "&#047;"],
  ["&#x2B;", "&#x3D;", "&#x2F;"],
  ["&#x2b;", "&#x3d;", "&#x2f;"],
  ["&plus;", "&equals;", "&sol;"],
  ["&#43;", "=", "/"],
  ["&#x2B;", "=", "/"],
  ["+", "&#x3D;", "&#x2F;"],
])("base64 in a page is found with %s, %s and %s", (plus, equals, slash) => {
  const value = "bm90+YSByZWFs/IGtleQ=="
  const patterns = compilePatterns([{ name: "test/value", value: Buffer.from(value) }])
  const written = value.replaceAll("+", plus).replaceAll("=", equals).replaceAll("/", slash)
  expect(redactText(patterns, `<p>${written}</p>`)).toBe(`<p>${MARKER}</p>`)
})

test("a text without secrets is the very same, lone surrogates too", () => {
  const patterns = compilePatterns([{ name: "test/value", value: Buffer.from("my-fake-key") }])
  expect(redactText(patterns, "half \uD800 of a pair")).toBe("half \uD800 of a pair")
})

function named(value: string): Redacted {
  return { name: `test/${value.length}`, value: Buffer.from(value) }
}

/** Around a value, bash sets quotes of its own. */
function withoutQuotes(redacted: string): string {
  return redacted.replace(/\$?'(\[REDACTED test\/value\])'/, "$1").replace(`"${MARKER}"`, MARKER)
}

/** What Python prints of each value by each expression, all from one process: it starts slowly. */
const byPython = once((): ReadonlyMap<string, ReadonlyMap<string, string>> => {
  const script = `import sys, json, base64, shlex, binascii, html, html.entities, urllib.parse as url
NAMES = {c: name for name, c in {"Tab": "\\t", "NewLine": "\\n", "excl": "!", "num": "#", "dollar": "$", "percnt": "%", "apos": "'", "lpar": "(", "rpar": ")", "ast": "*", "plus": "+", "comma": ",", "period": ".", "sol": "/", "colon": ":", "semi": ";", "equals": "=", "quest": "?", "commat": "@", "lbrack": "[", "bsol": "\\\\", "rbrack": "]", "Hat": "^", "lowbar": "_", "grave": chr(96), "lbrace": "{", "vert": "|", "rbrace": "}"}.items() if html.entities.html5[name + ";"] == c}
names = globals()
def printed(value, expression):
    return str(eval(expression, {**names, "value": value, "raw": value.encode()}))
values, expressions = json.load(sys.stdin)
print(json.dumps([[printed(v, e) for e in expressions] for v in values]))`
  const given = Object.values(values)
  const print = tool("python3", ["-c", script])
  const rows = JSON.parse(print(JSON.stringify([given, expressions]))) as string[][]
  return new Map(
    rows.map((row, at) => [
      given[at] ?? "",
      new Map(row.map((text, e) => [expressions[e] ?? "", text])),
    ]),
  )
})

function once<T>(make: () => T): () => T {
  let made: { readonly of: T } | undefined
  return () => (made ??= { of: make() }).of
}

function tool(file: string, args: readonly string[]): Print {
  return (value) => {
    const env = { ...process.env, LC_ALL: "C.UTF-8", PYTHONUTF8: "1" }
    const result = spawnSync(file, args, { input: value, encoding: "utf8", env })
    if (result.error) throw result.error
    expect(result.stderr).toBe("")
    return result.stdout
  }
}
