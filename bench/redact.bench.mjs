// What the redactor costs: 64 MiB of typical output in chunks of 64 KiB, against a plain loop that
// adds up the same bytes. The two take turns, so that a machine that changes its speed changes both.
import { createHash } from "node:crypto"
import { Redactor, compilePatterns } from "../dist/core/index.js"

const CHUNK = 64 * 1024
const SIZE = 64 * 2 ** 20

/** @param {import("./run.mjs").Bench} bench */
export default async ({ call }) => {
  const output = typicalOutput(SIZE)
  for (const [count, budget] of /** @type {const} */ ([
    [1, undefined],
    [100, 4],
    [1000, undefined],
  ])) {
    const patterns = compilePatterns(secrets(count))
    const name = `redact 64 MiB, ${count} secret${count === 1 ? "" : "s"}`
    const redact = () => {
      const redactor = new Redactor(patterns)
      let length = 0
      for (let at = 0; at < SIZE; at += CHUNK) {
        length += redactor.push(output.subarray(at, at + CHUNK)).length
      }
      length += redactor.end().length
      if (length !== SIZE) throw new Error("output without secrets has changed")
    }
    const limit = budget === undefined ? {} : { budget }
    await call(name, redact, { against: plainLoop, runs: 9, ...limit })
  }
  const [value, stream] = [Buffer.from(`${"a".repeat(799)}b`), Buffer.alloc(2 ** 20, "a")]
  const repetitive = compilePatterns([{ name: "bulk/repetitive", value }])
  await call(
    "redact 1 MiB in which the secret seems to begin at every place",
    () => {
      const redactor = new Redactor(repetitive)
      for (let at = 0; at < stream.length; at += CHUNK) {
        redactor.push(stream.subarray(at, at + CHUNK))
      }
      redactor.end()
    },
    { against: ordinary, runs: 9, budget: 60 },
  )
  await call("compile 1000 secrets", () => compilePatterns(secrets(1000)))

  /** As much of the ordinary output. */
  function ordinary() {
    const redactor = new Redactor(repetitive)
    for (let at = 0; at < stream.length; at += CHUNK) redactor.push(output.subarray(at, at + CHUNK))
    redactor.end()
  }

  function plainLoop() {
    for (let at = 0; at < SIZE; at += CHUNK) sum(output.subarray(at, at + CHUNK))
  }
}

/** @param {Uint8Array} bytes */
function sum(bytes) {
  let total = 0
  for (let i = 0; i < bytes.length; i++) total = (total + (bytes[i] ?? 0)) | 0
  return total
}

/**
 * Secrets of the kinds that agents have: tokens, passwords, addresses with passwords, and a key of
 * many lines in every twentieth.
 *
 * @param {number} count
 */
function secrets(count) {
  return Array.from({ length: count }, (_, i) => ({
    name: `bulk/s${i}`,
    value: Buffer.from(secret(i)),
  }))
}

/** @param {number} i */
function secret(i) {
  if (i % 20 === 19) {
    const lines = Array.from({ length: 26 }, (_, line) => noise(`${i} ${line}`).slice(0, 64))
    return `-----BEGIN FAKE KEY-----\n${lines.join("\n")}\n-----END FAKE KEY-----\n`
  }
  const word = noise(`${i}`)
  const kinds = [
    `fake_live_${word.slice(0, 24)}`,
    `${word.slice(0, 10)}!$'"&${word.slice(10, 16)}`,
    `postgres://app:${word.slice(0, 20)}@db.example.org:5432/app?sslmode=require`,
    word.slice(0, 40),
  ]
  return kinds[i % kinds.length] ?? word
}

/** @param {string} seed */
function noise(seed) {
  return createHash("sha512").update(seed).digest("base64")
}

/**
 * Log lines, JSON, addresses, hex and base64, as a child process prints them.
 *
 * @param {number} size
 */
function typicalOutput(size) {
  const lines = Array.from({ length: 4096 }, (_, i) => {
    const word = noise(`output ${i}`)
    const kinds = [
      `2026-11-22T02:11:${i % 60}.123Z INFO  request id=${Buffer.from(word).toString("hex").slice(0, 24)} path=/v1/charges?limit=10&after=ch_${word.slice(0, 14)} status=200`,
      JSON.stringify({ user: `user${i}`, url: `https://db.example.org/${word.slice(0, 9)}`, i }),
      `\u001B[32mok\u001B[0m ${i} the quick brown fox jumps over the lazy dog, and again over it`,
      `sha512-${word}`,
      `    at process.processTicksAndRejections (node:internal/process/task_queues:${i}:5)`,
    ]
    return `${kinds[i % kinds.length]}\n`
  }).join("")
  const output = Buffer.alloc(size)
  output.fill(lines)
  return output
}
