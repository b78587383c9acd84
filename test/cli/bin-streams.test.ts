import { expect, test } from "vitest"
import { ReadableStream, TransformStream } from "../../scripts/bin-streams.mjs"

/** The bundle has streams of its own: with them, age must do all that it does with Node's. */
const nodes = globalThis.ReadableStream
Object.assign(globalThis, { ReadableStream, TransformStream })
await import("../core/age/age.test.js")

test("these are not Node's streams", () => {
  expect(globalThis.ReadableStream).not.toBe(nodes)
})
