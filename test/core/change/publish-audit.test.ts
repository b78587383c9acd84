import { mkdirSync, readFileSync, writeFileSync } from "node:fs"
import { dirname, join } from "node:path"
import { afterEach, beforeEach, describe, expect, test } from "vitest"
import { auditFileOf, auditFolder, auditTo } from "../../../src/core/audit/audit.js"
import { readChain } from "../../../src/core/audit/audit-chain.js"
import { type AuditHead, signHead } from "../../../src/core/audit/audit-head.js"
import { generateIdentity } from "../../../src/core/age/age.js"
import { findVault, identityAt, openVault } from "../../../src/core/index.js"
import { publishAudit } from "../../../src/core/owner.js"
import { encodeRecord } from "../../../src/core/records/record.js"
import { type World, outcome, vaultWorld } from "../world.js"

let world: World
let file: string

beforeEach(async () => {
  world = await vaultWorld()
  await using vault = await openVault({ dir: world.vaultFolder, agent: "ci", env: world.env })
  await vault.get("stripe/api-key")
  await vault.get("stripe/api-key")
  file = auditFileOf(auditFolder(vault.id, world.env), { role: "agent", name: "ci" })
})
afterEach(() => {
  world.remove()
})

const none = (): Promise<string> => Promise.reject(new Error("no key has a passphrase"))

async function published(identity: object = { agent: "ci" }): Promise<AuditHead | undefined> {
  const place = findVault(world.vaultFolder)
  const key = await identityAt(place, identity, "always", world.env, none)
  const { head } = await publishAudit({ place, key, env: world.env, now: new Date() })
  return head
}

function note(): void {
  const { vault = "", at = "" } = readChain(file).lines[0]?.line ?? {}
  const audit = auditTo({ file }, { session: "later" })
  audit.note([{ vault, at, actor: { role: "agent", name: "ci" }, door: "sdk", event: "read" }])
  audit.close()
}

describe("the head of an audit", () => {
  test("is published once for what was noted, in a commit of its own", async () => {
    const head = await published()
    expect(head).toMatchObject({ agent: "ci", seq: 2, head: readChain(file).lines[1]?.digest })
    expect(world.git("show", "--format=%s", "--name-only", "HEAD").trim().split("\n")).toEqual([
      "agent-vault: audit of ci up to line 2",
      "",
      `.agent-vault/${head?.path ?? ""}`,
    ])
    expect(await published()).toBeUndefined()
    note()
    expect(await published()).toMatchObject({ seq: 3 })
  })

  test("is not signed for a chain that does not hold, or is not the one that was published", async () => {
    await published()
    const text = readFileSync(file, "utf8")
    writeFileSync(file, text.replace('"version":1', '"version":2'))
    expect(await outcome(published())).toBe("AUDIT_BROKEN")
    writeFileSync(file, text.slice(0, text.indexOf("\n") + 1))
    expect(await outcome(published())).toBe("AUDIT_BROKEN")
    note()
    expect(await outcome(published())).toBe("AUDIT_BROKEN")
  })

  test.each(["the last line", "the next one"])(
    "is not held up by one for %s that somebody else signed under the agent's name",
    async (which) => {
      const first = await published()
      if (first === undefined) throw new Error("nothing was published")
      note()
      const forged = signHead(
        { ...first, seq: 3, head: first.chain },
        await generateIdentity("x25519"),
      )
      const path = join(world.vaultFolder, ".agent-vault", forged.path)
      mkdirSync(dirname(path), { recursive: true })
      writeFileSync(path, encodeRecord(forged))
      world.git("add", "-A")
      world.git("commit", "-qm", "an innocent change")
      if (which === "the next one") note()
      expect(await published()).toMatchObject({
        seq: which === "the next one" ? 4 : 3,
        signature: { signer: first.signature.signer },
      })
      expect(await published()).toBeUndefined()
    },
  )

  test("is no owner's to publish", async () => {
    expect(await outcome(published({ owner: true }))).toBe("NOT_GRANTED")
  })
})
