import { expect, test } from "vitest"
import { closeAll } from "../../../src/cli/tools/close-all.js"

test("what cannot be closed keeps nothing else open, and is told", async () => {
  const closed: string[] = []
  const failing = (name: string) => () => {
    closed.push(name)
    throw new Error(name)
  }
  const all = [
    () => closed.push("a"),
    failing("b"),
    () => Promise.reject(new Error("c")),
    () => closed.push("d"),
  ]
  await expect(closeAll(all)).rejects.toThrow("b")
  expect(closed).toEqual(["a", "b", "d"])
})
