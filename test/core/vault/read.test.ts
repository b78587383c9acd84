import { appendFileSync, readFileSync, readdirSync } from "node:fs"
import { join } from "node:path"
import { inspect } from "node:util"
import { afterAll, beforeAll, describe, expect, test } from "vitest"
import { type Audit, auditTo, noAudit } from "../../../src/core/audit/audit.js"
import { findVault, identityAt, parseSecretName, withVault } from "../../../src/core/index.js"
import type { RevealTerms } from "../../../src/core/policy/reveal.js"
import { REVEAL_POLICIES } from "../../../src/core/words/reveal-policy.js"
import type { GroupKeys } from "../../../src/core/vault/group-key.js"
import { OpenedSecret, openSecret } from "../../../src/core/vault/read.js"
import type { Outlet } from "../../../src/core/vault/terms.js"
import { type World, outcome, vaultWorld } from "../world.js"

const NAME = "stripe/api-key"
const VALUE = "canary-of-the-gate"

let world: World

beforeAll(async () => {
  world = await vaultWorld()
  await world.set(NAME, VALUE)
})
afterAll(() => world.remove())

async function opened(): Promise<OpenedSecret> {
  const place = findVault(world.top)
  const key = await identityAt(place, { agent: "ci" }, "never", world.env, () =>
    Promise.resolve(""),
  )
  return withVault(place, key.trust, world.env, (vault) =>
    openSecret(vault, { key, name: parseSecretName(NAME), now: new Date() }),
  )
}

/** What comes out: the value, or the code of the error. */
function handedOut(secret: OpenedSecret, outlet: Outlet, audit: Audit = noAudit()) {
  return outcome(
    OpenedSecret.handOut([secret], { outlet, audit }, new Date()).then((reads) =>
      reads.map(({ value }) => Buffer.from(value).toString()),
    ),
  )
}

describe("a value", () => {
  test("leaves what was opened through one door only", async () => {
    const secret = await opened()
    const shown = [JSON.stringify(secret), inspect(secret, { depth: 9, showHidden: true })]
    expect(shown.join("\n")).not.toContain(VALUE)
    expect(Object.keys(secret).sort()).toEqual(["name", "record"])
    expect(await handedOut(secret, { surface: "sdk" })).toEqual([VALUE])
  })

  test("does not leave before its line is written", async () => {
    const audit = auditTo({ file: "/dev/full" }, { session: "s" })
    expect(await handedOut(await opened(), { surface: "sdk" }, audit)).toBe("AUDIT_UNWRITABLE")
  })

  test("is a copy of the caller's own", async () => {
    const secret = await opened()
    const terms = { outlet: { surface: "sdk" }, audit: noAudit() } as const
    const [first] = await OpenedSecret.handOut([secret], terms, new Date())
    first?.value.fill(0)
    expect(await handedOut(secret, { surface: "sdk" })).toEqual([VALUE])
  })
})

describe("the key of a group", () => {
  test("is opened once for many secrets, also for reads that come at once", async () => {
    await world.set("stripe/other", "another value")
    const place = findVault(world.top)
    const key = await identityAt(place, { agent: "ci" }, "never", world.env, () =>
      Promise.resolve(""),
    )
    const keys: GroupKeys = new Map()
    const opening: unknown[] = []
    const secrets = await withVault(place, key.trust, world.env, (vault) =>
      Promise.all(
        [NAME, "stripe/other"].map((name) => {
          const secret = openSecret(
            vault,
            { key, name: parseSecretName(name), now: new Date() },
            keys,
          )
          opening.push([...keys.values()].map(({ unlock }) => unlock))
          return secret
        }),
      ),
    )
    expect(keys.size).toBe(1)
    expect(opening[1]).toEqual(opening[0])
    const values = await OpenedSecret.handOut(
      secrets,
      { outlet: { surface: "sdk" }, audit: noAudit() },
      new Date(),
    )
    expect(values.map(({ value }) => Buffer.from(value).toString())).toEqual([
      VALUE,
      "another value",
    ])
  })

  test("that is known does not stand for its file: the file must still be the signed one", async () => {
    const copy = world.copy()
    const place = findVault(copy.top)
    const key = await identityAt(place, { agent: "ci" }, "never", copy.env, () =>
      Promise.resolve(""),
    )
    const keys: GroupKeys = new Map()
    const read = () =>
      withVault(findVault(copy.top), key.trust, copy.env, (vault) =>
        openSecret(vault, { key, name: parseSecretName(NAME), now: new Date() }, keys),
      )
    await read()
    appendFileSync(join(copy.top, ".agent-vault/groups/stripe.age"), "x")
    expect(await outcome(read())).toBe("DIGEST_MISMATCH")
    copy.remove()
  })
})

describe("a model", () => {
  const cases = REVEAL_POLICIES.flatMap((atLeast) =>
    [true, false].map((agreed) => ({ atLeast, agreed })),
  )

  test.each(cases)("$atLeast, agreed $agreed", async ({ atLeast, agreed }) => {
    const reveal: RevealTerms = { atLeast, isAgreed: () => agreed }
    const isShown = atLeast === "allow" || (atLeast === "confirm" && agreed)
    expect(await handedOut(await opened(), { surface: "mcp", reveal })).toEqual(
      isShown ? [VALUE] : "REVEAL_REFUSED",
    )
  })

  test("is shown the version that was agreed on, and no other", async () => {
    const reveal: RevealTerms = {
      atLeast: "confirm",
      isAgreed: (name, { version }) => name === NAME && version === 2,
    }
    expect((await opened()).record.version).toBe(2)
    expect(await handedOut(await opened(), { surface: "mcp", reveal })).toEqual([VALUE])
    const other = {
      ...reveal,
      isAgreed: (name: string, { version }: { version: number }) => version === 1 && name !== "",
    }
    expect(await handedOut(await opened(), { surface: "mcp", reveal: other })).toBe(
      "REVEAL_REFUSED",
    )
  })
})

test("nothing in core but the read hands out what is opened", () => {
  const core = join(import.meta.dirname, "../../../src/core")
  const callers = readdirSync(core, { recursive: true, encoding: "utf8" })
    .filter((path) => path.endsWith(".ts"))
    .filter((path) => /\.handOut\(|\bhandOutOne\(/.test(readFileSync(join(core, path), "utf8")))
  expect(callers.sort()).toEqual([
    "canaries/canaries.ts",
    "library/reader.ts",
    "past/earlier-value.ts",
    "vault/read.ts",
  ])
})
