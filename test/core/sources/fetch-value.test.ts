import { chmodSync, readFileSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { afterEach, beforeEach, describe, expect, test } from "vitest"
import {
  describeSecrets,
  findVault,
  identityAt,
  noAudit,
  openBrokered,
  parseSecretName,
  withVault,
} from "../../../src/core/index.js"
import { changeUse, setSecret } from "../../../src/core/owner.js"
import type { Source } from "../../../src/core/records/source.js"
import {
  agreeToReference,
  referenceFingerprint,
} from "../../../src/core/sources/agreed-references.js"
import { type SourcePlace, resolveReference } from "../../../src/core/sources/fetch-value.js"
import { type Clones, clonesOf, resolveAt, syncAt } from "../sync/clones.js"
import { RULE, SENDING } from "../rule-of-pay.js"
import { type World, outcome, vaultWorld } from "../world.js"

const NAME = parseSecretName("stripe/api-key")
const REFERENCE = "vault://secret/stripe#key"

let world: World

beforeEach(async () => {
  world = (await vaultWorld()).withPrograms()
  program('{"data":{"data":{"key":"one"}}}')
})
afterEach(() => world.remove())

const log = (): string => join(world.folder, "log")
const times = (): number => readFileSync(log(), "utf8").trimEnd().split("\n").length

/** A program that speaks as HashiCorp Vault's does. */
function program(printed: string): void {
  const file = join(world.folder, "bin", "vault")
  writeFileSync(file, `#!/bin/sh\necho "$*" >> ${log()}\nprintf '%s' '${printed}'\n`)
  chmodSync(file, 0o755)
}

async function put(where: World, keep: number): Promise<void> {
  const its: Source = { store: "vault", keep }
  const value = Buffer.from(REFERENCE)
  const request = { ...(await where.request()), name: NAME.full, metadata: {} }
  await setSecret({ ...request, value, source: its })
}

function agree(name = NAME): void {
  const { id } = vaultIn(world)
  agreeToReference(id, name, referenceFingerprint(name, REFERENCE), world.env)
}

function vaultIn({ top }: World): { readonly id: string } {
  const { vault } = JSON.parse(readFileSync(join(top, ".agent-vault", "vault.json"), "utf8")) as {
    vault: string
  }
  return { id: vault }
}

function reading(keep: number): (second: number) => Promise<string> {
  const place = findVault(world.top)
  const at: SourcePlace = { place, env: world.env, kept: new Map() }
  const { id } = vaultIn(world)
  agree()
  const sealed = {
    vault: id,
    name: NAME,
    version: 1,
    changed: "2026-12-01T00:00:00Z",
    source: { store: "vault", keep } as const,
    reference: REFERENCE,
  }
  return async (second: number): Promise<string> => {
    const { value } = await resolveReference(sealed, at, new Date(second * 1000))
    const text = Buffer.from(value).toString()
    // It is the caller's own.
    value.fill(0)
    return text
  }
}

describe("a value that is kept in memory", () => {
  test("is fetched anew when its time is over, and when the clock was set back", async () => {
    const read = reading(60)
    expect(await read(1000)).toBe("one")
    program('{"data":{"data":{"key":"two"}}}')
    expect(await read(1059)).toBe("one")
    expect(times()).toBe(1)
    expect(await read(1060)).toBe("two")
    program('{"data":{"data":{"key":"three"}}}')
    expect(await read(900)).toBe("three")
    expect(times()).toBe(3)
  })

  test("is fetched once by those who read at the same time", async () => {
    const read = reading(60)
    expect(await Promise.all([read(1), read(1), read(2)])).toEqual(["one", "one", "one"])
    expect(times()).toBe(1)
  })

  test("is none where the record says so, and a failure is not kept", async () => {
    const read = reading(0)
    await read(1)
    await read(1)
    expect(times()).toBe(2)
    const kept = reading(60)
    program("no JSON")
    expect(await outcome(kept(1))).toBe("SOURCE_FAILED")
    program('{"data":{"data":{"key":"two"}}}')
    expect(await kept(1)).toBe("two")
  })
})

/** What both versions of Vault's engine print of a field, as JSON. */
const ENGINES = [
  ["first", (field: string) => `{"data":{${field}}}`],
  ["second", (field: string) => `{"data":{"data":{${field}},"metadata":{"version":1}}}`],
] as const

describe.each(ENGINES)("in the %s version of the engine", (_which, printing) => {
  test("a field that is a whole number is its digits, and no other kind is a value", async () => {
    const read = reading(0)
    program(printing('"key":5432'))
    expect(await read(1)).toBe("5432")
    for (const key of ["0.5", "12345678901234567890", "true", "null", '{"key":"one"}', '["one"]']) {
      program(printing(`"key":${key}`))
      await expect(read(1)).rejects.toMatchObject({
        code: "SOURCE_FAILED",
        message: expect.stringContaining("is neither text nor a whole number") as string,
        hint: expect.stringContaining("name one that is; see where it points") as string,
      })
    }
  })

  test("a field that is missing is said to be that", async () => {
    program(printing('"other":"one"'))
    await expect(reading(0)(1)).rejects.toMatchObject({
      code: "SOURCE_FAILED",
      message: expect.stringContaining("there is nothing of that name") as string,
    })
  })
})

const none = (): Promise<string> => Promise.reject(new Error("no passphrase"))

async function opened() {
  await changeUse({
    ...(await world.request()),
    name: NAME.full,
    edit: { do: "add", rules: [RULE] },
  })
  const place = findVault(world.top)
  const key = await identityAt(place, { agent: "ci" }, "never", world.env, none)
  return openBrokered({ place, key, env: world.env, audit: noAudit() }, [NAME])
}

describe("the broker", () => {
  const terms = { isAgreed: () => true, request: 1 }

  test("sends the value that the store has, and only after this machine's agreement", async () => {
    await put(world, 0)
    const vault = await opened()
    const send = () => vault.send([{ name: NAME, sending: SENDING }], terms)
    expect(await outcome(send())).toBe("SOURCE_UNAGREED")
    agree()
    const [first] = await send()
    expect(Buffer.from(first?.value ?? []).toString()).toBe("one")
    program('{"data":{"data":{"key":"two"}}}')
    const [second] = await send()
    expect(Buffer.from(second?.value ?? []).toString()).toBe("two")
    vault.close()
  })

  test("asks no store for what is not of the run, and says that it does not know it", async () => {
    await put(world, 0)
    const other = parseSecretName("stripe/other")
    const request = { ...(await world.request()), name: other.full, metadata: {} }
    await setSecret({
      ...request,
      value: Buffer.from(REFERENCE),
      source: { store: "vault", keep: 0 },
    })
    agree()
    agree(other)
    const vault = await opened()
    const { reads, unread } = await vault.unseen()
    expect(reads.map(({ name }) => name.full)).toContain(NAME.full)
    expect(reads.map(({ name }) => name.full)).not.toContain(other.full)
    expect(unread).toContain(other.full)
    expect(times()).toBe(1)
    vault.close()
  })
})

test("many stores that are asked at once are nothing to warn of", async () => {
  const names = Array.from({ length: 12 }, (_, at) => parseSecretName(`stripe/key-${at}`))
  for (const name of names) {
    const request = { ...(await world.request()), name: name.full, metadata: {} }
    const its: Source = { store: "vault", keep: 0 }
    await setSecret({ ...request, value: Buffer.from(REFERENCE), source: its })
    agree(name)
  }
  const warnings: string[] = []
  const onWarning = ({ message }: Error): void => void warnings.push(message)
  process.on("warning", onWarning)
  const place = findVault(world.top)
  const key = await identityAt(place, { agent: "ci" }, "never", world.env, none)
  const vault = await openBrokered({ place, key, env: world.env, audit: noAudit() }, names)
  expect(await vault.values()).toHaveLength(names.length)
  vault.close()
  process.off("warning", onWarning)
  expect(warnings).toEqual([])
})

async function source(where: World): Promise<Source | undefined> {
  const listed = await withVault(findVault(where.top), undefined, where.env, describeSecrets)
  return listed.find(({ name }) => name === NAME.full)?.source
}

describe("two clones", () => {
  let clones: Clones
  beforeEach(async () => {
    clones = clonesOf(await vaultWorld())
  })
  afterEach(() => clones.one.remove())

  test.each([
    ["ours", undefined],
    ["theirs", { store: "vault", keep: 60 }],
  ] as const)("that say other things take one side whole: %s", async (side, expected) => {
    const { one, two } = clones
    await put(one, 60)
    await two.set(NAME.full, "a-plain-value")
    await syncAt(one)
    expect(await outcome(syncAt(two))).toBe("CONFLICT")
    await outcome(Promise.resolve().then(() => two.git("merge", "-q", "origin/main")))
    await resolveAt(two, { named: new Map(), all: side })
    two.git("commit", "-qm", "merged")
    expect(await source(two)).toEqual(expected)
  })

  test("keep the source where the other side changed something else", async () => {
    const { one, two } = clones
    await put(one, 60)
    await changeUse({
      ...(await two.request()),
      name: NAME.full,
      edit: { do: "add", rules: [RULE] },
    })
    await syncAt(one)
    await syncAt(two)
    expect(await source(two)).toEqual({ store: "vault", keep: 60 })
  })
})
