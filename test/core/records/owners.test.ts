import * as fc from "fast-check"
import { beforeAll, describe, expect, test } from "vitest"
import { generateIdentity, recipientOf } from "../../../src/core/age/age.js"
import { encodeBech32 } from "../../../src/core/age/bech32.js"
import {
  type KnownOwners,
  acceptOwners,
  endOwner,
  signOwner,
  verifyOwners,
} from "../../../src/core/records/owners.js"
import type { OwnerEntry, VaultRecord } from "../../../src/core/records/record.js"
import { type SigningKey, signingKey } from "../../../src/core/records/signature.js"
import { type Anchor, checkAnchor } from "../../../src/core/memory/trust.js"

const VAULT = "0123456789abcdef0123456789abcdef"
const OTHER_VAULT = "f123456789abcdef0123456789abcdef"
const PEOPLE = ["alice", "bob", "carol", "dave", "mallory"] as const
type Person = (typeof PEOPLE)[number]

const keys = new Map<Person, { readonly key: SigningKey; readonly recipient: string }>()
beforeAll(async () => {
  for (const [index, person] of PEOPLE.entries()) {
    const identity = encodeBech32("AGE-SECRET-KEY-", Buffer.alloc(32, index + 1))
    keys.set(person, { key: signingKey(identity), recipient: await recipientOf(identity) })
  }
})

function of(person: Person): { readonly key: SigningKey; readonly recipient: string } {
  const found = keys.get(person)
  if (found === undefined) throw new Error(`nobody is called ${person}`)
  return found
}

/** An entry as its adder's program would sign it, at whatever time it claims. */
function entry(name: Person, since: number, by: Person, vault = VAULT): OwnerEntry {
  const { key, recipient } = of(name)
  return signOwner(vault, { name, recipient, signer: key.signer, since }, of(by).key)
}

function end(owner: OwnerEntry, until: number, by: Person, vault = VAULT): OwnerEntry {
  return endOwner(vault, owner, until, of(by).key)
}

function vaultOf(serial: number, ...owners: readonly OwnerEntry[]): VaultRecord {
  const signature = { signer: "", ed25519: "" }
  const base = { format: 1, vault: VAULT, path: "vault.json", serial, signature } as const
  return { ...base, kind: "vault", keys: "x25519", owners }
}

const alice = (): OwnerEntry => entry("alice", 1, "alice")
const bob = (): OwnerEntry => entry("bob", 2, "alice")

function names(record: VaultRecord): string[] {
  return verifyOwners(record).map(({ name }) => name)
}

const refusal = (code: string, why: string): object =>
  expect.objectContaining({ code, message: expect.stringContaining(why) as string }) as object

function known(serial: number, ...people: readonly Person[]): KnownOwners {
  return { serial, signers: people.map((person) => of(person).key.signer) }
}

function trusting(person: Person): Anchor {
  return { signer: of(person).key.signer, from: ["the test"] }
}

const stranger = (name: string): object => refusal("UNTRUSTED", `${name} (ed25519:`)

describe("a chain of owners", () => {
  test("goes from the first, who added himself, to those who have not ended", () => {
    const [first, second] = [alice(), bob()]
    const carol = entry("carol", 5, "bob")
    expect(names(vaultOf(1, first))).toEqual(["alice"])
    expect(names(vaultOf(7, first, second, carol))).toEqual(["alice", "bob", "carol"])
    expect(names(vaultOf(7, end(first, 6, "bob"), second, carol))).toEqual(["bob", "carol"])
    // Who was removed may have added and removed others before.
    const ended = [end(first, 4, "bob"), end(second, 7, "carol"), carol]
    expect(names(vaultOf(7, ...ended))).toEqual(["carol"])
    expect(names(vaultOf(7, end(first, 7, "alice"), second))).toEqual(["bob"])
  })

  test("does not depend on the order of the entries after the first", () => {
    const rest = [end(bob(), 5, "carol"), entry("carol", 3, "bob"), entry("dave", 4, "carol")]
    fc.assert(
      fc.property(fc.shuffledSubarray(rest, { minLength: 3 }), (shuffled) => {
        const record = vaultOf(6, alice(), ...shuffled)
        expect(names(record).sort()).toEqual(["alice", "carol", "dave"])
      }),
    )
  })

  type Broken = readonly [how: string, code: string, why: string, make: () => VaultRecord]
  const broken: readonly Broken[] = [
    ["nobody", "RECORD_INVALID", "no owner is left", () => vaultOf(1)],
    [
      "only ended owners",
      "RECORD_INVALID",
      "no owner is left",
      () => vaultOf(2, end(alice(), 2, "alice")),
    ],
    [
      "an owner who added himself",
      "RECORD_INVALID",
      "starts no chain",
      () => vaultOf(2, alice(), entry("mallory", 2, "mallory")),
    ],
    [
      "a second root",
      "RECORD_INVALID",
      "starts no chain",
      () => vaultOf(1, alice(), entry("mallory", 1, "mallory")),
    ],
    [
      "a first owner whom somebody else added",
      "RECORD_INVALID",
      "starts no chain",
      () => vaultOf(2, bob(), alice()),
    ],
    [
      "a first owner from later on",
      "RECORD_INVALID",
      "not there first",
      () => vaultOf(2, entry("alice", 2, "alice")),
    ],
    [
      "a cycle",
      "SIGNATURE_INVALID",
      "not an owner then",
      () => vaultOf(9, alice(), entry("bob", 2, "carol"), entry("carol", 3, "bob")),
    ],
    [
      "an adder who is not listed",
      "SIGNATURE_INVALID",
      "nobody in the list",
      () => vaultOf(2, alice(), entry("carol", 2, "bob")),
    ],
    [
      "an entry as old as its adder",
      "SIGNATURE_INVALID",
      "not an owner then",
      () => vaultOf(3, alice(), bob(), entry("carol", 2, "bob")),
    ],
    [
      "an entry from the serial of its adder's end",
      "SIGNATURE_INVALID",
      "not an owner then",
      () => vaultOf(5, alice(), end(bob(), 4, "alice"), entry("carol", 4, "bob")),
    ],
    [
      "an entry from after its adder's end",
      "SIGNATURE_INVALID",
      "not an owner then",
      () => vaultOf(5, alice(), end(bob(), 4, "alice"), entry("carol", 5, "bob")),
    ],
    [
      "an entry from the future",
      "RECORD_INVALID",
      "from the future",
      () => vaultOf(1, alice(), bob()),
    ],
    [
      "a signer twice",
      "RECORD_INVALID",
      "listed twice",
      () => vaultOf(3, alice(), end(bob(), 3, "alice"), bob()),
    ],
    [
      "an entry of another vault",
      "SIGNATURE_INVALID",
      "signature is not valid",
      () => vaultOf(2, alice(), entry("bob", 2, "alice", OTHER_VAULT)),
    ],
    [
      "an end from another vault",
      "SIGNATURE_INVALID",
      "signature of its end",
      () => vaultOf(3, alice(), end(bob(), 3, "alice", OTHER_VAULT)),
    ],
    [
      "an end by nobody listed",
      "SIGNATURE_INVALID",
      "nobody in the list",
      () => vaultOf(3, alice(), end(bob(), 3, "mallory")),
    ],
    [
      "an end by who came later",
      "SIGNATURE_INVALID",
      "not an owner when",
      () => vaultOf(9, alice(), end(bob(), 3, "carol"), entry("carol", 4, "alice")),
    ],
    [
      "an end by who had ended",
      "SIGNATURE_INVALID",
      "not an owner when",
      () =>
        vaultOf(
          9,
          end(alice(), 6, "bob"),
          end(bob(), 5, "alice"),
          end(entry("carol", 3, "alice"), 7, "bob"),
        ),
    ],
    [
      "an end before the beginning",
      "RECORD_INVALID",
      "ended at no time",
      () => vaultOf(3, alice(), end(bob(), 2, "alice")),
    ],
    [
      "an end in the future",
      "RECORD_INVALID",
      "ended at no time",
      () => vaultOf(3, alice(), end(bob(), 4, "alice")),
    ],
    [
      "two owners of one name",
      "RECORD_INVALID",
      "the same name",
      () =>
        vaultOf(3, alice(), {
          ...bob(),
          ...signOwner(VAULT, { ...bob(), name: "ALICE" }, of("alice").key),
        }),
    ],
  ]
  test.each(broken)("is refused with %s", (_how, code, why, make) => {
    expect(() => verifyOwners(make())).toThrow(refusal(code, why))
  })

  test("is refused when any signed member of an entry is changed", () => {
    const changes: Partial<OwnerEntry>[] = [
      { name: "alicf" },
      { recipient: of("mallory").recipient },
      { recipient: "age1qqqq" },
      { since: 3 },
      { signer: of("mallory").key.signer },
    ]
    for (const change of changes) {
      const record = vaultOf(9, alice(), { ...bob(), ...change })
      expect(() => verifyOwners(record)).toThrow(refusal("SIGNATURE_INVALID", ""))
    }
    const ended = end(bob(), 5, "alice")
    for (const change of [{ until: 6 }, { by: ended.signer }]) {
      const moved = {
        ...ended,
        ended: { until: 5, by: "", signature: "", ...ended.ended, ...change },
      }
      expect(() => verifyOwners(vaultOf(9, alice(), moved))).toThrow(
        refusal("SIGNATURE_INVALID", "end"),
      )
    }
  })

  test("is refused when an owner's entry is signed by somebody without an owner's key", () => {
    const lie = { ...entry("mallory", 2, "mallory"), by: of("alice").key.signer }
    expect(() => verifyOwners(vaultOf(2, alice(), lie))).toThrow(
      refusal("SIGNATURE_INVALID", "mallory"),
    )
    const end1 = end(alice(), 3, "mallory")
    const forgedEnd = {
      ...end1,
      ended: { until: 3, by: bob().signer, signature: end1.ended?.signature ?? "" },
    }
    expect(() => verifyOwners(vaultOf(3, forgedEnd, bob()))).toThrow(
      refusal("SIGNATURE_INVALID", "alice"),
    )
  })

  test("holds keys of one kind", async () => {
    const identity = await generateIdentity("mlkem768x25519")
    const key = signingKey(identity)
    const recipient = await recipientOf(identity)
    const hybrid = { name: "bob", recipient, signer: key.signer, since: 2 }
    const record = vaultOf(2, alice(), signOwner(VAULT, hybrid, of("alice").key))
    expect(() => verifyOwners(record)).toThrow(refusal("KEYS_MIXED", "bob"))
    expect(() => verifyOwners({ ...vaultOf(1, alice()), keys: "mlkem768x25519" })).toThrow(
      refusal("KEYS_MIXED", "alice"),
    )
  })
})

/** Checks the chain as well: what is accepted or refused here is refused nowhere else. */
function accept(record: VaultRecord, ...before: Parameters<typeof known>): void {
  verifyOwners(record)
  acceptOwners(record, known(...before))
}

describe("a reader who knew the owners", () => {
  test("accepts who was added since by one of them, or by who was", () => {
    const carol = entry("carol", 4, "bob")
    const dave = entry("dave", 6, "carol")
    expect(() => accept(vaultOf(3, alice(), bob()), 2, "alice", "bob")).not.toThrow()
    expect(() => accept(vaultOf(6, alice(), bob(), carol, dave), 2, "alice", "bob")).not.toThrow()
    expect(() => accept(vaultOf(6, alice(), dave, carol, bob()), 1, "alice")).not.toThrow()
    const gone = [end(alice(), 7, "dave"), bob(), end(carol, 7, "dave"), dave]
    expect(() => accept(vaultOf(7, ...gone), 1, "alice")).not.toThrow()
  })

  test("refuses an entry that a removed owner dated back", () => {
    const removed = end(bob(), 5, "alice")
    for (const since of [3, 4]) {
      const record = vaultOf(9, alice(), removed, entry("mallory", since, "bob"))
      expect(names(record)).toEqual(["alice", "mallory"])
      expect(() => accept(record, 5, "alice")).toThrow(stranger("mallory"))
      expect(() => accept(record, 8, "alice")).toThrow(stranger("mallory"))
    }
  })

  test("refuses what such an entry added in its turn", () => {
    const chain = [entry("mallory", 3, "bob"), entry("dave", 7, "mallory")]
    const record = vaultOf(9, alice(), end(bob(), 5, "alice"), ...chain)
    expect(() => accept(record, 5, "alice")).toThrow(/mallory|dave/)
    const hidden = end(entry("mallory", 3, "bob"), 8, "dave")
    const later = vaultOf(9, alice(), end(bob(), 5, "alice"), hidden, entry("dave", 7, "mallory"))
    expect(names(later)).toEqual(["alice", "dave"])
    expect(() => accept(later, 5, "alice")).toThrow(stranger("dave"))
  })

  test("refuses a removed owner who takes back his end", () => {
    expect(() => accept(vaultOf(9, alice(), bob()), 5, "alice")).toThrow(stranger("bob"))
  })

  test("refuses a chain that begins with somebody else", () => {
    const mallory = entry("mallory", 1, "mallory")
    const record = vaultOf(9, mallory, entry("alice", 2, "mallory"))
    expect(names(record)).toEqual(["mallory", "alice"])
    expect(() => accept(record, 5, "alice")).toThrow(stranger("mallory"))
  })

  test("refuses whom it did not know, at the serial it knew", () => {
    const record = vaultOf(6, alice(), bob(), entry("carol", 5, "alice"))
    expect(() => accept(record, 5, "alice", "bob")).toThrow(stranger("carol"))
    expect(() => accept(record, 4, "alice", "bob")).not.toThrow()
  })

  test("never accepts more than the chain does", () => {
    const person = fc.constantFrom(...PEOPLE)
    const additions = fc.uniqueArray(
      fc.record({ name: person, since: fc.integer({ min: 1, max: 6 }), by: person }),
      { selector: ({ name }) => name, maxLength: 4 },
    )
    fc.assert(
      fc.property(additions, fc.integer({ min: 1, max: 6 }), (list, serial) => {
        const owners = list.map(({ name, since, by }) => entry(name, since, by))
        const record = vaultOf(6, alice(), ...owners.filter(({ name }) => name !== "alice"))
        let active: string[]
        try {
          active = names(record)
        } catch (error) {
          expect(error).toMatchObject({ code: expect.stringMatching(/_INVALID$/) as string })
          return
        }
        // In a vault where only alice's chain counts, everybody accepted leads back to alice,
        // over serials that rise.
        expect(() =>
          checkAnchor({ signer: of("alice").key.signer, from: ["x"] }, record.owners),
        ).not.toThrow()
        const young = list.filter(({ name, since }) => active.includes(name) && since <= serial)
        const strangers = young.filter(({ name }) => name !== "alice")
        const accepting = expect(() => acceptOwners(record, known(serial, "alice")))
        if (strangers.length === 0) accepting.not.toThrow()
        else accepting.toThrow(refusal("UNTRUSTED", "no owner you knew"))
      }),
      { numRuns: 300 },
    )
  })
})

describe("the owner to trust", () => {
  test("is an owner who brought all others", () => {
    const carol = entry("carol", 3, "bob")
    expect(() => checkAnchor(trusting("alice"), [alice(), bob(), carol])).not.toThrow()
    const ended = [end(alice(), 4, "bob"), bob(), carol]
    expect(() => checkAnchor(trusting("bob"), ended)).not.toThrow()
    // Through somebody who has ended, too.
    const carolLeft = [alice(), end(bob(), 4, "alice"), carol]
    expect(() => checkAnchor(trusting("alice"), carolLeft)).not.toThrow()
  })

  test("is nobody who is only listed: a stranger can list anybody", () => {
    const forgedChain = [entry("mallory", 1, "mallory"), entry("alice", 2, "mallory")]
    expect(names(vaultOf(2, ...forgedChain))).toEqual(["mallory", "alice"])
    expect(() => checkAnchor(trusting("alice"), forgedChain)).toThrow(
      refusal("UNTRUSTED", "mallory"),
    )
    expect(() => checkAnchor(trusting("bob"), [alice(), entry("bob", 2, "alice")])).toThrow(
      refusal("UNTRUSTED", "alice"),
    )
  })

  test("is no owner who has ended, no stranger, and not nobody", () => {
    const owners = [end(alice(), 3, "bob"), entry("bob", 2, "alice")]
    for (const anchor of [trusting("alice"), trusting("mallory"), undefined]) {
      expect(() => checkAnchor(anchor, owners)).toThrow(refusal("UNTRUSTED", "bob"))
    }
  })
})
