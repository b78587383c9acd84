import { createHash } from "node:crypto"
import { readFileSync, readdirSync } from "node:fs"
import { join } from "node:path"
import { afterEach, describe, expect, test } from "vitest"
import { identityBytes, recipientOf, unseal } from "../../../src/core/age/age.js"
import { VaultError } from "../../../src/core/words/errors.js"
import { openEscrow } from "../../../src/core/vault/escrow.js"
import { openGroupKey, openPastKeys } from "../../../src/core/vault/group-key.js"
import {
  findVault,
  noAudit,
  parseSecretName,
  readSecret,
  withVault,
} from "../../../src/core/index.js"
import { digestOf, encodeRecord } from "../../../src/core/records/record.js"
import { signingKey } from "../../../src/core/records/signature.js"
import {
  type Vault,
  findAgentRecord,
  getGroup,
  getSecret,
  listAgents,
  listGroups,
  listSecrets,
} from "../../../src/core/vault/vault.js"
import {
  type Case,
  Copy,
  cases,
  identityOf,
  keyOf,
  keysOf,
  trustOf,
  vaultNames,
  vectorsFolder,
} from "./vectors.js"

let copy: Copy
afterEach(() => copy.remove())

/** Opens a committed vault as an agent without state would, and does `work` with it. */
function inVault<T>(name: string, work: (vault: Vault) => T | Promise<T>): Promise<T> {
  copy = new Copy(name)
  return withVault(findVault(copy.clone), undefined, copy.env(keysOf(name).trust), work)
}

describe.each(vaultNames)("the vault %s", (name) => {
  const owner = name === "owners" ? "bob" : "alice"

  test("has only records that verify and have one encoding", async () => {
    const bytes = await inVault(name, (vault) => {
      const groups = listGroups(vault).map((group) => getGroup(vault, group))
      const secrets = listSecrets(vault).map((secret) => getSecret(vault, secret))
      const agents = listAgents(vault).map((agent) => findAgentRecord(vault, agent))
      const records = [vault.record, ...groups, ...secrets, ...agents]
      return records.map((record) => record && [record.path, digestOf(encodeRecord(record))])
    })
    const found = copy.files().filter((path) => path.endsWith(".json") && path !== "policy.json")
    expect(new Map(bytes.filter((entry) => entry !== undefined) as [string, string][])).toEqual(
      new Map(found.map((path) => [path, digestOf(readFileSync(join(copy.root, path)))])),
    )
  })

  test("has groups and escrows that the owner opens", async () => {
    const identity = identityOf(name, owner)
    await inVault(name, async (vault) => {
      for (const group of listGroups(vault)) {
        const record = getGroup(vault, group)
        const key = await openGroupKey(vault, group, record, [identity])
        expect(await recipientOf(key)).toBe(record.recipient)
        const past = await openPastKeys(vault, group, record, [identity])
        expect(past).toHaveLength(record.past === undefined ? 0 : record.epoch - 1)
      }
      for (const agent of listAgents(vault)) {
        const record = findAgentRecord(vault, agent)
        if (record?.escrow === undefined) continue
        const escrowed = await openEscrow(vault, agent, record, identity)
        const { throwaway } = keysOf(name).keys[agent] ?? {}
        expect(Buffer.from(identityBytes(escrowed)).toString("hex")).toBe(throwaway)
      }
    })
  })

  test("names the signer that the owner's identity derives", () => {
    copy = new Copy(name)
    expect(signingKey(identityOf(name, owner)).signer).toBe(keysOf(name).trust)
  })
})

describe("cases.json", () => {
  test.each(cases.map((entry) => [entry.name, entry] as const))("%s", async (_name, entry) => {
    copy = new Copy(entry.vault)
    if (entry.seen === true) await readCase({ ...entry, trust: undefined })
    for (const edit of entry.edits) copy.apply(edit)
    expect(await outcomeOf(entry)).toEqual(
      entry.error === undefined ? { value: entry.value } : { error: entry.error },
    )
  })

  test("names each case once", () => {
    copy = new Copy("classic")
    expect(new Set(cases.map(({ name }) => name)).size).toBe(cases.length)
    expect(cases.length).toBeGreaterThan(80)
  })
})

async function readCase(entry: Omit<Case, "trust"> & { trust?: string | null | undefined }) {
  const { trust, ...rest } = entry
  const env = copy.env(trustOf({ ...rest, ...(trust === undefined ? {} : { trust }) }))
  const key = await keyOf(entry.vault, entry.as)
  const terms = { outlet: { surface: "sdk" }, audit: noAudit() } as const
  return withVault(findVault(copy.clone), undefined, env, (vault) =>
    readSecret(vault, key, parseSecretName(entry.read), terms, new Date(entry.now)),
  )
}

async function outcomeOf(entry: Case): Promise<unknown> {
  try {
    const { value } = await readCase(entry)
    const shown: Case["value"] =
      entry.value?.hex === undefined
        ? { sha256: createHash("sha256").update(value).digest("hex") }
        : { hex: Buffer.from(value).toString("hex") }
    return { value: shown }
  } catch (error) {
    if (error instanceof VaultError) return { error: error.code }
    throw error
  }
}

test("who kept a group's key opens nothing that was sealed after the next rekey", async () => {
  copy = new Copy("revoked")
  const old = identityOf("revoked", "stripe-epoch-1")
  const before = readFileSync(join(vectorsFolder, "forged/revoked/api-key-epoch-1.age"))
  expect(Buffer.from(await unseal(before, [old])).toString()).toBe("exposed to many")
  const folder = join(copy.root, "secrets/stripe")
  const after = readdirSync(folder).filter((file) => file.endsWith(".age"))
  expect(after).toHaveLength(3)
  for (const file of after) {
    const opening = unseal(readFileSync(join(folder, file)), [old])
    await expect(opening).rejects.toMatchObject({ code: "NOT_A_READER" })
  }
})

test("a revoke leaves the values that could be read marked as exposed", async () => {
  const exposed = await inVault("revoked", (vault) =>
    listSecrets(vault).map((name) => [name.full, getSecret(vault, name).exposed ?? []]),
  )
  expect(Object.fromEntries(exposed)).toEqual({
    "stripe/api-key": [
      { agent: "gone", at: "2026-02-02T00:00:00Z", why: "removed" },
      { agent: "moved", at: "2026-02-03T00:00:00Z", why: "rekeyed" },
      { agent: "old", at: "2026-02-01T00:00:00Z", why: "revoked" },
      { agent: "temp", at: "2026-03-01T00:00:00Z", why: "ended" },
    ],
    "stripe/new": [],
    "stripe/rotated": [],
    "web/token": [],
  })
})
