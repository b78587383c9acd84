import { describe, expect, test } from "vitest"
import { generateIdentity, recipientOf } from "../../../src/core/age/age.js"
import {
  acceptJoinLine,
  acceptOwnerLine,
  formatJoinLine,
  formatOwnerLine,
  joinFingerprint,
  ownerFingerprint,
} from "../../../src/core/records/join-line.js"
import { signingKey } from "../../../src/core/records/signature.js"

const vault = "0".repeat(32)

async function newLine(agent = "ci") {
  const identity = await generateIdentity("x25519")
  const recipient = await recipientOf(identity)
  return { recipient, line: formatJoinLine({ vault, agent, recipient }, signingKey(identity)) }
}

async function ownerLine(owner = "bob") {
  const identity = await generateIdentity("x25519")
  const recipient = await recipientOf(identity)
  const key = signingKey(identity)
  const line = formatOwnerLine({ vault, owner, recipient }, key)
  return { line, key, recipient, signer: key.signer }
}

/** The line with its JSON changed, and nothing else. */
function changed(line: string, change: (json: string) => string): string {
  const [prefix = "", encoded = ""] = line.split(/(?<=:)/)
  const json = change(Buffer.from(encoded, "base64url").toString("utf8"))
  return prefix + Buffer.from(json).toString("base64url")
}

describe("the line of join", () => {
  test("gives the recipient to the vault and the agent that it names", async () => {
    const { line, recipient } = await newLine()
    expect(acceptJoinLine(line, vault, "ci")).toBe(recipient)
    expect(acceptJoinLine(` ${line}\n`, vault, "ci")).toBe(recipient)
    expect(line).toMatch(/^agent-vault-join-1:[\w-]+$/)
  })

  test("is refused for another agent or vault", async () => {
    const { line } = await newLine()
    expect(() => acceptJoinLine(line, vault, "deploy")).toThrow("asks for ci, not deploy")
    expect(() => acceptJoinLine(line, "1".repeat(32), "ci")).toThrow(`for the vault ${vault}`)
  })

  test("is refused with a part of another line", async () => {
    const [mine, other] = await Promise.all([newLine(), newLine()])
    const swapped = changed(mine.line, (json) => json.replace(mine.recipient, other.recipient))
    expect(swapped).not.toBe(mine.line)
    expect(() => acceptJoinLine(swapped, vault, "ci")).toThrow("not whole, or was changed")
    const renamed = changed(mine.line, (json) => json.replace('"ci"', '"deploy"'))
    expect(() => acceptJoinLine(renamed, vault, "deploy")).toThrow("not whole, or was changed")
  })

  test("is refused with a field too many, or cut anywhere", async () => {
    const { line } = await newLine()
    const more = changed(line, (json) => json.replace("{", '{"role":"owner",'))
    expect(() => acceptJoinLine(more, vault, "ci")).toThrow("not whole, or was changed")
    for (let length = 0; length < line.length; length++) {
      expect(() => acceptJoinLine(line.slice(0, length), vault, "ci"), String(length)).toThrow(
        "not whole, or was changed",
      )
    }
  })

  test.each([
    "",
    "x",
    "agent-vault-join-1:",
    "agent-vault-join-1:bnVsbA",
    "agent-vault-join-1:W10",
  ])("is not %j", (line) => {
    expect(() => acceptJoinLine(line, vault, "ci")).toThrow("not whole, or was changed")
  })

  test("has a fingerprint that people can read to each other", async () => {
    const { recipient } = await newLine()
    expect(joinFingerprint(recipient)).toMatch(/^(?:[0-9a-f]{5}-){3}[0-9a-f]{5}$/)
  })
})

describe("the line of an owner", () => {
  test("gives both keys to the vault and the name that it names", async () => {
    const { line, recipient, signer } = await ownerLine()
    const expected = { vault, owner: "bob", recipient, signer }
    expect(acceptOwnerLine(line, vault, "bob")).toEqual(expected)
    expect(() => acceptOwnerLine(line, vault, "eve")).toThrow("asks for bob, not eve")
    expect(() => acceptOwnerLine(line, "1".repeat(32), "bob")).toThrow(`for the vault ${vault}`)
  })

  test("makes no agent, and that of an agent makes no owner", async () => {
    const owner = await ownerLine("ci")
    expect(() => acceptJoinLine(owner.line, vault, "ci")).toThrow("asks for the owner ci")
    const agent = await newLine("ci")
    expect(() => acceptOwnerLine(agent.line, vault, "ci")).toThrow("asks for the agent ci")
    const turned = changed(agent.line, (json) => json.replace('"agent"', '"owner"'))
    expect(() => acceptOwnerLine(turned, vault, "ci")).toThrow("not whole, or was changed")
  })

  test("has another fingerprint when either key is somebody else's", async () => {
    const [bob, mallory] = await Promise.all([ownerLine(), ownerLine()])
    // Mallory can sign a line that has bob's recipient, so the recipient alone would look the same.
    const { recipient } = bob
    const forged = formatOwnerLine({ vault, owner: "bob", recipient }, mallory.key)
    const read = acceptOwnerLine(forged, vault, "bob")
    expect([read.recipient, read.signer]).toEqual([bob.recipient, mallory.signer])
    expect(ownerFingerprint(read)).not.toBe(ownerFingerprint(bob))
    const opener = formatOwnerLine({ vault, owner: "bob", recipient: mallory.recipient }, bob.key)
    expect(ownerFingerprint(acceptOwnerLine(opener, vault, "bob"))).not.toBe(ownerFingerprint(bob))
  })
})
