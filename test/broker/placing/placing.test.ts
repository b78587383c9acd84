import * as fc from "fast-check"
import { describe, expect, test } from "vitest"
import {
  findInBody,
  findInHead,
  type Occurrence,
  type PlaceholderSearch,
} from "../../../src/broker/placing/occurrences.js"
import { type Placeholder, Placeholders } from "../../../src/broker/placeholder/placeholders.js"
import { putInBody, putInHead } from "../../../src/broker/placing/put.js"
import type { RequestHead } from "../../../src/broker/placing/request-head.js"
import { isWorded } from "../../../src/broker/placing/scheme.js"

/** What a query has of the value of these tests. */
const ENCODED = "%C3%A9%3A%2F%2B%3D%20%26%22%5C%25"
const KEY: Placeholder = { text: "sk_test_PLACEholder0123", secret: "stripe/api-key" }
/** As a bot's token is, or a key in base64. */
const ODD: Placeholder = { text: "12345:A+b/C==", secret: "bot/token" }

/** Finds stand-ins as the run's set does. */
function finder(...standIns: readonly Placeholder[]): PlaceholderSearch {
  const find = function* (text: string): ReturnType<PlaceholderSearch["find"]> {
    for (const placeholder of standIns) {
      for (let at = text.indexOf(placeholder.text); at >= 0;) {
        yield { placeholder, index: at }
        at = text.indexOf(placeholder.text, at + 1)
      }
    }
  }
  return { find, holdsStale: (text) => text.includes(STALE) }
}
const STALE = "sk_test_STALEplacehld0123"
const find = finder(KEY, ODD)

function headOf(target: string, ...rawHeaders: string[]): RequestHead {
  return { method: "POST", target, rawHeaders: ["Host", "api.example.com", ...rawHeaders] }
}

function onlyIn(head: RequestHead): Occurrence {
  const [occurrence, ...others] = findInHead(head, find)
  if (!occurrence || others.length > 0) throw new Error("not one")
  return occurrence
}

function filledHead(head: RequestHead, value: string): RequestHead {
  return putInHead(head, [{ occurrence: onlyIn(head), value: Buffer.from(value) }]).filled
}

const basic = (text: string): string => `Basic ${Buffer.from(text).toString("base64")}`

describe("a placeholder in a head is found at its place, and its value put there", () => {
  const value = 'é:/+= &"\\%'
  test.each([
    [
      "header:authorization",
      headOf("/", "Authorization", `Bearer ${KEY.text}`),
      ["Authorization", 'Bearer Ã©:/+= &"\\%'],
    ],
    ["header:x-api-key", headOf("/", "X-API-Key", KEY.text), ["X-API-Key", 'Ã©:/+= &"\\%']],
    [
      "header:cookie",
      headOf("/", "cookie", `a=1; b=${KEY.text}; c=2`),
      ["cookie", 'a=1; b=Ã©:/+= &"\\%; c=2'],
    ],
    [
      "header:authorization",
      headOf("/", "authorization", basic(`me:${KEY.text}`)),
      ["authorization", basic(`me:${value}`)],
    ],
    [
      "header:authorization",
      headOf("/", "authorization", `BASIC  ${basic(`:${ODD.text}`).slice(6)}`),
      ["authorization", `BASIC  ${basic(`:${value}`).slice(6)}`],
    ],
  ])("%s: %j", (at, head, header) => {
    expect(onlyIn(head).at).toBe(at)
    expect(filledHead(head, value).rawHeaders.slice(2)).toEqual(header)
  })

  test.each([
    ["query:key", `/v1/x?a=%7e+b&key=${KEY.text}&c`, `/v1/x?a=%7e+b&key=${ENCODED}&c`],
    ["query:a b", `/?a+b=${KEY.text}`, `/?a+b=${ENCODED}`],
    ["query:a b", `/?a%20b=x${KEY.text}y`, `/?a%20b=x${ENCODED}y`],
    ["query:t", `/?t=${encodeURIComponent(ODD.text)}`, `/?t=${ENCODED}`],
    ["query:t", `/?t=${ODD.text}`, `/?t=${ENCODED}`],
    ["query:", `/?=${KEY.text}`, `/?=${ENCODED}`],
    ["path", `/bot${KEY.text}/send?x=%7E`, "/bot%C3%A9:%2F+=%20&%22%5C%25/send?x=%7E"],
    ["path", `/%7e/bot12345%3aA%2bb%2FC%3D%3D/%7e?`, "/%7e/bot%C3%A9:%2F+=%20&%22%5C%25/%7e?"],
  ])("%s: %s", (at, target, filled) => {
    expect(onlyIn(headOf(target)).at).toBe(at)
    expect(filledHead(headOf(target), value).target).toBe(filled)
  })
})

test("a run's own placeholders are found, and those of another run are told", () => {
  const secrets = [{ secret: "stripe/api-key" }, { secret: "bot/token" }]
  const [ours, theirs] = [Placeholders.make(secrets, []), Placeholders.make(secrets, [])]
  const head = headOf(`/?t=${ours.of("bot/token")}`, "X-Key", `${ours.of("stripe/api-key")}`)
  expect(findInHead(head, ours).map(({ placeholder, at }) => [placeholder.secret, at])).toEqual([
    ["bot/token", "query:t"],
    ["stripe/api-key", "header:x-key"],
  ])
  expect(() => findInHead(head, theirs)).toThrow(
    expect.objectContaining({ code: "PLACEHOLDER_REFUSED" }),
  )
})

test("two placeholders fit into one request, and into one pair of Basic", () => {
  const head = headOf(`/${KEY.text}?t=${ODD.text}`)
  const two = headOf("/", "Authorization", basic(`${KEY.text}:${ODD.text}`))
  const put = (into: RequestHead): RequestHead =>
    putInHead(
      into,
      findInHead(into, find).map((occurrence) => ({
        occurrence,
        value: Buffer.from(occurrence.placeholder === KEY ? "first" : "a longer second one"),
      })),
    ).filled
  expect(put(head).target).toBe("/first?t=a%20longer%20second%20one")
  expect(put(two).rawHeaders.slice(2)).toEqual([
    "Authorization",
    basic("first:a longer second one"),
  ])
})

describe("a head is refused", () => {
  const bearer = `Bearer ${KEY.text}`
  test.each([
    ["with a placeholder twice in a header", headOf("/", "X-Key", `${KEY.text},${KEY.text}`)],
    [
      "with a placeholder as text and in Basic, in one header",
      headOf("/", "Authorization", basic(`${KEY.text}:${KEY.text}`)),
    ],
    ["with a placeholder twice in the path", headOf(`/${KEY.text}/${KEY.text}`)],
    ["with a header twice", headOf("/", "Authorization", bearer, "authorization", "Bearer other")],
    ["with a pair twice", headOf(`/?key=${KEY.text}&key=other`)],
    ["with a pair twice, once escaped", headOf(`/?key=${KEY.text}&k%65y=other`)],
    ["with a placeholder in the name of a header", headOf("/", KEY.text, "x")],
    ["with a placeholder in the name of a pair", headOf(`/?${KEY.text}=x`)],
    ["with a placeholder in no pair", headOf(`/?${KEY.text}`)],
  ])("%s", (_, head) => {
    expect(() => findInHead(head, find)).toThrow(
      expect.objectContaining({
        code: "PLACEHOLDER_REFUSED",
        message: expect.stringContaining(KEY.secret) as string,
      }),
    )
  })
})

test.each([
  ["in a header", headOf("/", "Authorization", `Bearer ${STALE}`)],
  ["in Basic", headOf("/", "Authorization", basic(`me:${STALE}`))],
  ["in the path", headOf(`/${STALE}`)],
  ["in the query", headOf(`/?x=${STALE}`)],
])("a placeholder of another run is refused %s", (_, head) => {
  expect(() => findInHead(head, find)).toThrow(
    expect.objectContaining({ code: "PLACEHOLDER_REFUSED" }),
  )
})

describe("a value that does not fit its place is refused, and not shown", () => {
  test.each([
    ["a line break in a header", headOf("/", "X-Key", KEY.text), "canary\r\nX-Other: 1"],
    ["a line feed in a header", headOf("/", "X-Key", KEY.text), "canary\n"],
    ["NUL in a header", headOf("/", "X-Key", KEY.text), "canary\0"],
    ["DEL in a header", headOf("/", "X-Key", KEY.text), "canary\x7f"],
    ["a line break in Basic", headOf("/", "Authorization", basic(`me:${KEY.text}`)), "canary\n"],
    ["a colon in a user name", headOf("/", "Authorization", basic(`${KEY.text}:`)), "canary:"],
  ])("%s", (_, head, value) => {
    expect(() => filledHead(head, value)).toThrow(
      expect.objectContaining({
        code: "PLACEHOLDER_REFUSED",
        message: expect.not.stringContaining("canary") as string,
      }),
    )
  })
})

const authorization = (text: string): Occurrence => onlyIn(headOf("/", "Authorization", text))

describe("schemes", () => {
  test.each([
    [`Bearer ${KEY.text}`, { scheme: "bearer" }, true],
    [`bearer ${KEY.text}`, { scheme: "bearer" }, true],
    [`token ${KEY.text}`, { scheme: "bearer" }, true],
    [`Bearer ${KEY.text} x`, { scheme: "bearer" }, false],
    [`Bearer x${KEY.text}`, { scheme: "bearer" }, false],
    [`Basic ${KEY.text}`, { scheme: "bearer" }, false],
    [KEY.text, { scheme: "bearer" }, false],
    [KEY.text, { scheme: "raw" }, true],
    [`Bearer ${KEY.text}`, { scheme: "raw" }, true],
    [basic(`me:${KEY.text}`), { scheme: "raw" }, false],
    [basic(`me:${KEY.text}`), { scheme: "bearer" }, false],
    [basic(`me:${KEY.text}`), { scheme: "basic" }, true],
    [basic(`${KEY.text}:`), { scheme: "basic" }, true],
    [basic(`${KEY.text}:x-oauth-basic`), { scheme: "basic" }, true],
    [basic(`me:x${KEY.text}`), { scheme: "basic" }, false],
    [basic(`me:${KEY.text}x`), { scheme: "basic" }, false],
    [basic(`me:x:${KEY.text}`), { scheme: "basic" }, false],
    [basic(KEY.text), { scheme: "basic" }, false],
    [basic(`me:${KEY.text}`), { scheme: "basic", user: "me" }, true],
    [basic(`é:${KEY.text}`), { scheme: "basic", user: "é" }, true],
    [basic(`:${KEY.text}`), { scheme: "basic", user: "" }, true],
    [basic(`you:${KEY.text}`), { scheme: "basic", user: "me" }, false],
    [basic(`${KEY.text}:`), { scheme: "basic", user: "me" }, false],
    [`Bearer ${KEY.text}`, { scheme: "basic" }, false],
    [KEY.text, { scheme: "sigv4" }, false],
    [KEY.text, { scheme: "hmac-sha256" }, false],
  ] as const)("%s for %j: %s", (text, use, fits) => {
    expect(isWorded(authorization(text), use)).toBe(fits)
  })
})

function filledBody(at: "body:json" | "body:form", body: string, value: string): string {
  const bytes = Buffer.from(body)
  const puttings = findInBody(at, bytes, find, () => true).map((occurrence) => ({
    occurrence,
    value: Buffer.from(value, "latin1"),
  }))
  return Buffer.from(putInBody(bytes, puttings).filled).toString()
}

describe("a placeholder in a body is found in a value, which is put there", () => {
  const value = Buffer.from('é"\\\n&=').toString("latin1")
  const inJson = 'é\\"\\\\\\n&='
  test.each([
    ["body:json", `{"a":"${KEY.text}", "b":1.0e0}\n`, `{"a":"${inJson}", "b":1.0e0}\n`],
    ["body:json", `"${KEY.text}"`, `"${inJson}"`],
    [
      "body:json",
      `{"a\\"":["\\\\","x\\"é\\ud83d\\ude00${KEY.text}é"]}`,
      `{"a\\"":["\\\\","x\\"é\\ud83d\\ude00${inJson}é"]}`,
    ],
    ["body:json", `["\\n12345:A\\u002Bb\\/C==\\t\\u00e9"]`, `["\\n${inJson}\\t\\u00e9"]`],
    ["body:json", `{"a":"x" , "b" :"${KEY.text}"}`, `{"a":"x" , "b" :"${inJson}"}`],
    ["body:form", `a=%7e+x&k=${KEY.text}&`, "a=%7e+x&k=%C3%A9%22%5C%0A%26%3D&"],
    ["body:form", `k=12345%3AA%2Bb%2fC%3D%3D`, "k=%C3%A9%22%5C%0A%26%3D"],
  ] as const)("%s: %s", (at, body, filled) => {
    expect(filledBody(at, body, value)).toBe(filled)
  })

  test.each([
    ["twice", "body:json", `["${KEY.text}","${KEY.text}"]`],
    ["twice in a string", "body:json", `["${KEY.text}${KEY.text}"]`],
    ["in a name", "body:json", `{"${KEY.text}" \n:1}`],
    ["in what is not JSON", "body:json", `{"a":"${KEY.text}"`],
    ["in a string that is not UTF-8 as a whole", "body:json", `{"a":"${KEY.text}"} x`],
    ["in the name of a pair", "body:form", `${KEY.text}=1`],
    ["without a name", "body:form", KEY.text],
    ["across a name and a value", "body:form", "12345%3AA%2Bb/C=%3D"],
    ["in two pairs", "body:form", `a=${KEY.text}&b=${KEY.text}`],
  ] as const)("not %s of %s: %s", (_, at, body) => {
    expect(() => findInBody(at, Buffer.from(body), find, () => true)).toThrow(
      expect.objectContaining({ code: "PLACEHOLDER_REFUSED" }),
    )
  })

  test("and one that no rule would send here is merely quoted", () => {
    const body = Buffer.from(`{"${KEY.text}":"${KEY.text}"}`)
    expect(findInBody("body:json", body, find, (secret) => secret === ODD.secret)).toEqual([])
  })

  test("and a value that is not UTF-8 does not fit into JSON", () => {
    expect(() => filledBody("body:json", `["${KEY.text}"]`, "\xff")).toThrow(
      expect.objectContaining({ code: "PLACEHOLDER_REFUSED" }),
    )
  })
})

describe("nothing else changes", () => {
  /** Without the characters that a stand-in begins with, so that none comes about by chance. */
  const text = fc.string({ unit: "binary" }).map((s) => s.replace(/[s1]/g, ""))
  const value = fc.string({ unit: "grapheme" }).map((s) => s.replaceAll(/\p{Cc}/gu, ""))
  const standIn = fc.constantFrom(KEY, ODD)
  const pair = fc.tuple(text, text)
  const pairs = fc.tuple(fc.array(pair), pair, fc.array(pair))

  test("of a form or a query, and what is read there is the value", () => {
    fc.assert(
      fc.property(
        pairs,
        standIn,
        value,
        ([before, [name, around], after], { text: stand }, put) => {
          const body = (between: string): string =>
            new URLSearchParams([...before, [name, around + between + around], ...after]).toString()
          const filled = filledBody("body:form", body(stand), Buffer.from(put).toString("latin1"))
          expect([...new URLSearchParams(filled)]).toEqual([...new URLSearchParams(body(put))])
          const [head, tail] = body(stand).split(encodeURIComponent(stand))
          expect(filled.startsWith(head ?? "-") && filled.endsWith(tail ?? "-")).toBe(true)
        },
      ),
    )
  })

  test("of a JSON document, however its strings are written", () => {
    const written = fc.func(fc.boolean())
    fc.assert(
      fc.property(
        fc.jsonValue(),
        text,
        standIn,
        value,
        written,
        (rest, around, at, put, isEscaped) => {
          const strange = (string: string): string =>
            string.replace(/[^"\\]/g, (unit, index) =>
              isEscaped(unit, index) || /[\ud800-\udfff]/.test(unit)
                ? `\\u${unit.charCodeAt(0).toString(16).padStart(4, "0")}`
                : unit,
            )
          const before = `{ "rest":${JSON.stringify(JSON.stringify(rest).replace(/[s1]/g, ""))},"k" : "`
          const inString = strange(
            JSON.stringify(around)
              .slice(1, -1)
              .replace(/\\[^]|[^]/g, (u) => (u.length > 1 ? "" : u)),
          )
          const quoted = JSON.stringify(put).slice(1, -1)
          const after = `${inString}" }`
          const body = before + inString + strange(at.text) + after
          expect(filledBody("body:json", body, Buffer.from(put).toString("latin1"))).toBe(
            before + inString + quoted + after,
          )
        },
      ),
    )
  })

  test("of a head without placeholders: there is nothing to put", () => {
    fc.assert(
      fc.property(fc.array(fc.tuple(text, text)), text, (headers, target) => {
        const head = headOf(`/${target}`, ...headers.flat())
        expect(findInHead(head, find)).toEqual([])
        expect(putInHead(head, []).filled).toEqual(head)
      }),
    )
  })

  test("of a head with one", () => {
    fc.assert(
      fc.property(
        fc.array(fc.tuple(text, text)),
        text,
        standIn,
        value,
        (headers, around, at, put) => {
          const others = headers.flatMap(([name, content]) => [`x-${name}`, content])
          const held = (between: string): RequestHead =>
            headOf(
              `/%7e/?a=%7e+&b`,
              ...others,
              "Authorization",
              `${around} ${between}${around}`,
              ...others,
            )
          const latin1 = Buffer.from(put).toString("latin1")
          expect(filledHead(held(at.text), put)).toEqual(held(latin1))
        },
      ),
    )
  })
})
