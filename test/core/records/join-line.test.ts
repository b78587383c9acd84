import { describe, expect, test } from "vitest"
import { generateIdentity, recipientOf } from "../../../src/core/age/age.js"
import {
  acceptJoinLine,
  formatJoinLine,
  joinFingerprint,
} from "../../../src/core/records/join-line.js"
import { signingKey } from "../../../src/core/records/signature.js"

const vault = "0".repeat(32)

async function newLine(agent = "ci", of = vault) {
  const identity = await generateIdentity("x25519")
  const recipient = await recipientOf(identity)
  return { recipient, line: formatJoinLine({ vault: of, agent, recipient }, signingKey(identity)) }
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
