import { readFileSync, readdirSync } from "node:fs"
import { join } from "node:path"
import { Ajv2020, type AnySchemaObject, type ValidateFunction } from "ajv/dist/2020.js"
import { describe, expect, test } from "vitest"
import { parse } from "yaml"
import {
  agentRecordProblem,
  groupRecordProblem,
  manifestProblem,
  secretRecordProblem,
  vaultRecordProblem,
} from "../../../src/core/records/schema.js"
import { seeded } from "../../../scripts/seeded.mjs"
import { vectorsFolder } from "./vectors.js"

type Problem = (document: unknown) => string | undefined
type Json = null | boolean | number | string | Json[] | { [name: string]: Json }

const records = "src/core/records/schemas"
const SCHEMAS: readonly [noun: string, file: string, problem: Problem, documents: RegExp][] = [
  ["vault", `${records}/vault.schema.json`, vaultRecordProblem, /^vault\.json$/],
  ["agent", `${records}/agent.schema.json`, agentRecordProblem, /^agents\/.*\.json$/],
  ["group", `${records}/group.schema.json`, groupRecordProblem, /^groups\/.*\.json$/],
  ["secret", `${records}/secret.schema.json`, secretRecordProblem, /^secrets\/.*\.json$/],
  ["manifest", ".vault-manifest.schema.json", manifestProblem, /^manifest\.yaml$/],
]

/** What the schema allows somewhere, and what it allows nowhere. */
const VALUES: readonly Json[] = [
  null,
  true,
  0,
  -1,
  1.5,
  2,
  8,
  Number.MAX_SAFE_INTEGER + 1,
  "",
  "x",
  "a/b~c",
  "basic",
  "hmac-sha256",
  "header:authorization",
  "2026-01-01T00:00:00Z",
  "\u0007",
  "\u{1f511}".repeat(501),
  "\u{1f511}".repeat(1001),
  "a".repeat(1001),
  [],
  ["x"],
  ["x", "x"],
  [1, 1],
  [{ a: 1 }, { a: 1 }],
  Array.from({ length: 70 }, (_, at) => `k${at}`),
  {},
  { extra: 1 },
  JSON.parse('{"__proto__":{"a":1},"a/b~c":2}') as Json,
]

function schemaOf(file: string): AnySchemaObject {
  return JSON.parse(readFileSync(file, "utf8")) as AnySchemaObject
}

function compiled(file: string): ValidateFunction {
  return new Ajv2020({ strict: true, allowUnionTypes: true }).compile(schemaOf(file))
}

/** What schema.ts is to say, by ajv. */
function byAjv(validate: ValidateFunction, document: unknown): string | undefined {
  if (validate(document)) return undefined
  const [error] = validate.errors ?? []
  const extra: unknown = error?.params["additionalProperty"]
  const where = error?.instancePath === "" ? "/" : error?.instancePath
  // Which items these are is not told.
  const what = error?.message?.replace(/(?<=duplicate items) \(.*/, "")
  return `${where} ${what}${typeof extra === "string" ? ` (${extra})` : ""}`
}

/** The documents of the vectors' vaults at such a path. */
function documentsAt(path: RegExp): Json[] {
  const files = readdirSync(vectorsFolder, { recursive: true, encoding: "utf8" })
  const found = files.filter((file) => path.test(file.split(".agent-vault/")[1] ?? ""))
  return found.map((file) => {
    const text = readFileSync(join(vectorsFolder, file), "utf8")
    return (file.endsWith(".yaml") ? parse(text) : JSON.parse(text)) as Json
  })
}

/** One document of each kind, by its members; first those that have most. */
function unlike(documents: readonly Json[]): Json[] {
  const named = documents.map((each) => [Object.keys(each ?? {}).join(), each] as const)
  return [...new Map(named)].toSorted(([a], [b]) => b.length - a.length).map(([, each]) => each)
}

type Way = readonly (string | number)[]

/** Where each value in a document is. */
function waysIn(document: Json, way: Way = []): Way[] {
  if (typeof document !== "object" || document === null) return [way]
  return [
    way,
    ...Object.entries(document).flatMap(([name, value]) => waysIn(value, [...way, name])),
  ]
}

/** A copy in which the value at a place is another, or is gone. */
function changed(document: Json, [name, ...rest]: Way, value: Json | undefined): Json {
  if (name === undefined) return value ?? null
  if (typeof document !== "object" || document === null) return document
  const copy = structuredClone(document) as Record<string, Json>
  const own = rest.length > 0 ? changed(copy[name] ?? {}, rest, value) : value
  if (own === undefined) delete copy[name]
  // As JSON.parse() makes it, also where it is called __proto__.
  else Object.defineProperty(copy, name, { value: own, enumerable: true, configurable: true })
  return copy
}

function valueAt(document: Json, way: Way): Json | undefined {
  return way.reduce<Json | undefined>((value, name) => {
    return (value as Readonly<Record<string, Json>> | undefined)?.[name]
  }, document)
}

/** Lists in which an item is twice, and which are too long. */
function longerLists(list: Json | undefined): Json[] {
  if (!Array.isArray(list) || list[0] === undefined) return []
  const [first, last = first] = [list[0], list.at(-1)]
  return [[...list, first], [...list, last, first], [first, ...list], Array(1001).fill(first)]
}

/** Every document that differs from this one at one place, or by a member more there. */
function* neighbours(document: Json, members: readonly string[]): Generator<Json> {
  for (const way of waysIn(document)) {
    yield changed(document, way, undefined)
    for (const value of VALUES) yield changed(document, way, value)
    for (const value of longerLists(valueAt(document, way))) yield changed(document, way, value)
    for (const member of members) {
      for (const value of VALUES) yield changed(document, [...way, member], value)
    }
  }
}

/** The names of all members that a schema knows. */
function membersOf(schema: unknown): string[] {
  if (typeof schema !== "object" || schema === null) return []
  const { properties = {} } = schema as { properties?: object }
  return [...Object.keys(properties), ...Object.values(schema).flatMap(membersOf)]
}

describe.each(SCHEMAS)("of the schema of a %s", (noun, file, problem, path) => {
  const validate = compiled(file)
  const documents = documentsAt(path)
  const members = [...new Set([...membersOf(schemaOf(file)), "extra", "__proto__", "a/b~c"])]

  test("what is valid passes", () => {
    expect(documents.length).toBeGreaterThan(8)
    expect(documents.map(problem).filter((each) => each !== undefined)).toEqual([])
  })

  test("what is changed at one place is refused for what ajv refuses it for", () => {
    const seen = new Set<string | undefined>()
    for (const document of unlike(documents).slice(0, 6)) {
      for (const neighbour of neighbours(document, members)) {
        const expected = byAjv(validate, neighbour)
        seen.add(expected)
        if (problem(neighbour) !== expected) {
          expect([problem(neighbour), neighbour]).toEqual([expected, neighbour])
        }
      }
    }
    expect(seen.has(undefined)).toBe(true)
    expect(seen.size).toBeGreaterThan(20)
  })

  test("what is changed at several places too", () => {
    const random = seeded(noun)
    const seen = new Set<string | undefined>()
    const oneOf = <T>(list: readonly T[]) => list[Math.floor(random() * list.length)]
    for (let round = 0; round < 3000; round += 1) {
      let document = oneOf(documents) ?? null
      for (let change = 0; change < 4; change += 1) {
        const way = oneOf(waysIn(document)) ?? []
        const added = random() < 0.5 ? [oneOf(members) ?? ""] : []
        document = changed(document, [...way, ...added], random() < 0.2 ? undefined : oneOf(VALUES))
      }
      const expected = byAjv(validate, document)
      seen.add(expected)
      if (problem(document) !== expected) {
        expect([problem(document), document]).toEqual([expected, document])
      }
    }
    expect(seen.size).toBeGreaterThan(20)
  })
})
