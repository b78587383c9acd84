import { chmodSync } from "node:fs"
import { join } from "node:path"
import { beforeEach, expect, test } from "vitest"
import { type Ran, newRepo, run } from "../hooked.js"
import { pemKey } from "../keys.js"
import { Repo } from "../repo.js"

const ZEROS = "0".repeat(40)

let repo: Repo
beforeEach(() => {
  repo = newRepo()
  repo.commit({ "a.txt": "one\n" })
  repo.git("init", "--quiet", "--bare", "remote.git")
  repo.git("remote", "add", "origin", join(repo.top, "remote.git"))
  repo.write(".git/hooks/pre-push", '#!/bin/sh\nexec agent-vault guard --pre-push "$1"\n')
  chmodSync(join(repo.top, ".git/hooks/pre-push"), 0o755)
  expectPushed(push("main"))
})

function push(...args: readonly string[]): Ran {
  return run(repo, "git", "push", "origin", ...args)
}

function expectPushed({ code, said }: Ran): void {
  expect({ code, said }).toMatchObject({ code: 0 })
}

function expectRefused({ code, said }: Ran, ...commits: readonly string[]): void {
  expect(said).toContain("the push is stopped")
  for (const commit of commits) expect(said).toContain(`(${commit.slice(0, 12)})`)
  expect(code).not.toBe(0)
  expect(run(repo, "git", "-C", "remote.git", "log", "--all", "-S", "PRIVATE KEY").said).toBe("")
}

/** A commit past the hook, on a branch of its own. */
function onBranch(branch: string): string {
  repo.git("checkout", "--quiet", "-b", branch, "main")
  return repo.commit({ [`${branch}.pem`]: pemKey() })
}

test("what --no-verify let through is refused, and pushed when it is taken out", () => {
  const bad = repo.commit({ "key.pem": pemKey() })
  repo.commit({ "key.pem": "gone\n" })
  expectRefused(push("main"), bad)
  repo.git("reset", "--quiet", "--hard", "HEAD~2")
  repo.commit({ "b.txt": "fine\n" })
  const pushed = push("main")
  expectPushed(pushed)
  expect(pushed.said).not.toContain("agent-vault guard")
})

test("what a rebase and a cherry-pick bring is refused", () => {
  onBranch("side")
  repo.git("checkout", "--quiet", "main")
  repo.commit({ "b.txt": "fine\n" })
  expectPushed(push("main"))
  repo.git("cherry-pick", "side")
  expectRefused(push("main"), repo.git("rev-parse", "HEAD"))
  repo.git("reset", "--quiet", "--hard", "origin/main")
  repo.git("rebase", "--quiet", "main", "side")
  expectRefused(push("side"), repo.git("rev-parse", "HEAD"))
})

test("an exception in what is pushed allows a finding", async () => {
  repo.commit({ "key.pem": pemKey() })
  const range = { is: "range", range: "origin/main..HEAD" } as const
  const { stdout } = await repo.run("fingerprints", range)
  repo.commit({ ".agent-vault-guard.yaml": stdout.replace(/reason: $/gm, "reason: of a demo") })
  expectPushed(push("main"))
})

test("a new branch, a tag and several refs: what the remote has of them is not looked at", () => {
  const known = repo.commit({ "known.pem": pemKey() })
  expectPushed(push("--no-verify", "main"))
  repo.git("tag", "old", known)
  repo.git("branch", "again", known)
  expectPushed(push("again", "old"))

  const [one, two] = [onBranch("one"), onBranch("two")]
  repo.git("tag", "-a", "-m", "a tag", "v1", two)
  const refused = push("one", "v1")
  expect(refused.said).toContain(`(${one.slice(0, 12)})`)
  expect(refused.said).toContain(`(${two.slice(0, 12)})`)
  expect(refused.said).not.toContain("known.pem")
  expect(refused.code).not.toBe(0)
})

test("another remote's branches are not this one's", () => {
  const bad = repo.commit({ "key.pem": pemKey() })
  repo.git("update-ref", "refs/remotes/other/main", bad)
  expectRefused(push("main"), bad)
})

test("a branch that is deleted passes, and one that is pushed by force is looked at", () => {
  repo.git("branch", "gone")
  expectPushed(push("gone"))
  expectPushed(push("--delete", "gone"))
  repo.commit({ "b.txt": "fine\n" })
  expectPushed(push("main"))
  // Somebody else pushes what this clone does not have.
  repo.git("clone", "--quiet", "remote.git", "other")
  const other = new Repo(join(repo.top, "other"))
  other.git("config", "user.name", "bob")
  other.git("config", "user.email", "bob@example.com")
  other.commit({ "c.txt": "fine\n" })
  other.git("push", "--quiet", "origin", "main")
  repo.git("reset", "--quiet", "--hard", "HEAD~1")
  const bad = repo.commit({ "key.pem": pemKey() })
  expectRefused(push("--force", "main"), bad)
  repo.git("reset", "--quiet", "--hard", "HEAD~1")
  expectPushed(push("--force", "main"))
})

test("a line that is not Git's, and a commit that is not there, stop the push", async () => {
  const lines = [
    `refs/heads/main ${ZEROS} refs/heads/main`,
    "nothing",
    `a ${"1".repeat(40)} b ${ZEROS}`,
  ]
  for (const line of lines) {
    const { code, stderr } = await repo.run("people", { is: "push", remote: "origin", lines: line })
    expect(code).toBeGreaterThan(1)
    expect(stderr).toContain("this push could not be looked at, so it is stopped")
  }
  const none = await repo.run("people", { is: "push", remote: "origin", lines: "" })
  expect(none).toMatchObject({ code: 0, stderr: "" })
})

test("a remote whose address is a pattern hides nothing", async () => {
  const bad = repo.commit({ "key.pem": pemKey() })
  repo.git("update-ref", "refs/remotes/other/main", bad)
  const lines = `HEAD@{1 day ago} ${bad} refs/heads/main ${ZEROS}\n`
  const { found } = await repo.guard({ is: "push", remote: "*", lines })
  expect(found).toEqual(["key.pem:1 pem-private-key"])
})
