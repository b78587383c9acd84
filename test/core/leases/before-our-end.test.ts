import process from "node:process"
import { expect, test } from "vitest"
import { beforeOurEnd } from "../../../src/core/leases/before-our-end.js"

const survive = (): void => undefined

test("a signal counts that came beside the answer, and that nobody has heard yet", async () => {
  const isSeen = await beforeOurEnd(async ({ isNear }) => {
    process.kill(process.pid, "SIGTERM")
    const seen = await isNear()
    process.on("SIGTERM", survive)
    return seen
  })
  process.off("SIGTERM", survive)
  expect(isSeen).toBe(true)
})
