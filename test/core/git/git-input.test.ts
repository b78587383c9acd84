import { afterEach, beforeEach, describe, expect, test } from "vitest"
import { findCheckout } from "../../../src/core/disk/place.js"
import { openGit } from "../../../src/core/git/git.js"
import { type World, emptyWorld } from "../world.js"

let world: World

beforeEach(() => {
  world = emptyWorld()
})
afterEach(() => world.remove())

describe("what git reads ends", () => {
  test.each([
    ["an empty text", ""],
    ["no bytes", Buffer.alloc(0)],
  ])("%s", async (_name, input) => {
    const checkout = findCheckout(world.top)
    if (checkout === undefined) throw new Error("there is a repository")
    const git = await openGit(checkout, world.env)
    const id = await git.run(["hash-object", "--stdin"], { input })
    expect(id.toString("utf8").trim()).toBe("e69de29bb2d1d6434b8b29ae775ad8c2e48c5391")
  })
})
