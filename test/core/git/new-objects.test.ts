import { spawn } from "node:child_process"
import { once } from "node:events"
import { randomBytes } from "node:crypto"
import { afterAll, beforeAll, expect, test } from "vitest"
import { findCheckout } from "../../../src/core/disk/place.js"
import { authorship, writeCommit } from "../../../src/core/git/git-commit.js"
import { blobId } from "../../../src/core/git/git-objects.js"
import { openGit } from "../../../src/core/git/git.js"
import { storeBlobs } from "../../../src/core/git/new-objects.js"
import { type World, emptyWorld } from "../world.js"

let world: World
beforeAll(() => {
  world = emptyWorld()
  world.commit("README.md")
})
afterAll(() => world.remove())

test("objects find their folders though git removes empty ones all the while", async () => {
  // As `git gc` does behind a commit of the user's, over and over.
  const script = "echo begun; while :; do git prune-packed --quiet; done"
  const pruning = spawn("sh", ["-c", script], {
    cwd: world.top,
    env: { ...process.env, ...world.env },
  })
  try {
    await once(pruning.stdout, "data")
    const checkout = findCheckout(world.top)
    if (checkout === undefined) throw new Error("the world has a work tree")
    const git = await openGit(checkout, world.env)
    for (let round = 0; round < 20; round += 1) {
      // So few that Git keeps each in a file of its own.
      const contents = Array.from({ length: 90 }, () => randomBytes(20))
      await storeBlobs(git, contents)
      const ids = contents.map((bytes) => blobId(bytes, git.hash))
      expect(world.git("rev-list", "--no-walk", "--objects", ...ids).split("\n")).toHaveLength(90)
      world.git("prune", "--expire=now")
    }
  } finally {
    pruning.kill("SIGKILL")
    await once(pruning, "close")
  }
})

test("one content at two paths is one object", async () => {
  const checkout = findCheckout(world.top)
  if (checkout === undefined) throw new Error("the world has a work tree")
  const git = await openGit(checkout, world.env)
  const bytes = randomBytes(20)
  const files = new Map(["one", "other"].map((path) => [path, bytes]))
  const parent = world.git("rev-parse", "HEAD")
  const commit = await writeCommit(git, await authorship(git), { parent, files, message: "both" })
  for (const path of files.keys()) expect(world.bytes("show", `${commit}:${path}`)).toEqual(bytes)
})
