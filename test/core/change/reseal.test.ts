import { availableParallelism } from "node:os"
import { describe, expect, test } from "vitest"
import { generateIdentity, recipientOf, seal, unseal } from "../../../src/core/age/age.js"
import type * as reseal from "../../../src/core/change/reseal.js"

// Only what is built has a worker beside it.
const BUILT = new URL("../../../dist/core/change/reseal.js", import.meta.url).href
const { resealAll } = (await import(/* @vite-ignore */ BUILT)) as typeof reseal

/** What a worker gets at once, and how many workers there are at most. */
const [BATCH, MOST_WORKERS] = [50, 8]

const [before, after] = [await generateIdentity("x25519"), await generateIdentity("x25519")]
const sealed = await seal(Buffer.from("a value"), [await recipientOf(before)])

interface Job extends reseal.Resealing {
  readonly index: number
}

/** Counts the jobs that were asked for. */
function jobsAskedFor(count: number, damaged?: number) {
  const asked = { count: 0 }
  function* jobs(): Generator<Job> {
    for (let index = 0; index < count; index++) {
      asked.count++
      const ciphertext = index === damaged ? sealed.subarray(0, -1) : sealed
      yield { index, ciphertext, identity: before, path: `secrets/a/${index}.age` }
    }
  }
  return { asked, jobs: jobs() }
}

describe.each([
  ["few, in this thread", 100, 1],
  ["many, in workers", 1000, BATCH * Math.min(availableParallelism(), MOST_WORKERS)],
])("%s", (_where, count, most) => {
  test("each is sealed anew, and no more of them are held than are worked on", async () => {
    const { asked, jobs } = jobsAskedFor(count)
    const done = new Map<number, Uint8Array>()
    let held = 0
    await resealAll(jobs, count, await recipientOf(after), ({ index }, ciphertext) => {
      held = Math.max(held, asked.count - done.size)
      done.set(index, ciphertext)
    })
    const indexes = [...done.keys()].sort((a, b) => a - b)
    expect(indexes).toEqual(Array.from({ length: count }, (_, index) => index))
    expect(held).toBeLessThanOrEqual(most)
    for (const index of [0, count - 1]) {
      const value = await unseal(done.get(index) ?? new Uint8Array(), [after])
      expect(Buffer.from(value).toString()).toBe("a value")
    }
  })

  test("one that cannot be opened ends it, and is named", async () => {
    const { asked, jobs } = jobsAskedFor(count, 20)
    const resealing = resealAll(jobs, count, await recipientOf(after), () => {})
    await expect(resealing).rejects.toMatchObject({
      code: "CIPHERTEXT_DAMAGED",
      message: expect.stringContaining("secrets/a/20.age") as string,
    })
    expect(asked.count).toBeLessThan(count)
  })
})
