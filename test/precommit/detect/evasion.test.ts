import { execFileSync } from "node:child_process"
import { symlinkSync } from "node:fs"
import { join } from "node:path"
import { afterEach, describe, expect, test } from "vitest"
import { passwordLine, pemKey, randomPassword } from "../keys.js"
import { Repo } from "../repo.js"

// Ways around the guard that were tried, and led past it once.

const SETTINGS = ".agent-vault-guard.yaml"

const repos: Repo[] = []
function newRepo(...initArgs: readonly string[]): Repo {
  const repo = Repo.make(...initArgs)
  repos.push(repo)
  return repo
}
afterEach(() => {
  for (const repo of repos.splice(0)) repo.remove()
})

/** ASCII with zero bytes before or behind each character. */
function wide(text: string, bytes: 2 | 4, last: boolean): Buffer {
  const gap = Buffer.alloc(bytes - 1)
  return Buffer.concat(
    [...Buffer.from(text)].map((byte) =>
      Buffer.concat(last ? [gap, Buffer.of(byte)] : [Buffer.of(byte), gap]),
    ),
  )
}

function rule(pattern: string): string {
  return JSON.stringify({ version: 1, rules: [{ id: "badge", title: "A badge", pattern }] })
}

describe("a private key is found", () => {
  const bom16 = Buffer.of(0xff, 0xfe)
  const ways: readonly (readonly [string, (key: string) => Buffer])[] = [
    ["in UTF-16 without a byte order mark", (key) => wide(key, 2, false)],
    ["in UTF-16BE without one", (key) => wide(key, 2, true)],
    ["in UTF-32", (key) => wide(`\0${key}`, 4, false)],
    ["in UTF-32 with a byte order mark", (key) =>
      Buffer.concat([bom16, Buffer.alloc(2), wide(key, 4, false)])],
    ["in UTF-16 within a binary file", (key) =>
      Buffer.concat([Buffer.alloc(64), Buffer.from("MZ "), wide(key, 2, false), Buffer.alloc(9, 7)])],
    ["behind the mark of an encoding that it is not in", (key) =>
      Buffer.concat([bom16, Buffer.from(key)])],
    ["behind UTF-16, in another encoding", (key) =>
      Buffer.concat([bom16, wide("a b\n", 2, false), Buffer.from(`\n${key}`)])],
    ["in UTF-16 within a file of 6 MiB", (key) =>
      Buffer.concat([Buffer.alloc(6 << 20, "x\n"), wide(key, 2, false)])],
  ] // prettier-ignore
  test.each(ways)("%s", async (_way, encode) => {
    const repo = newRepo()
    repo.stage({ "a.dat": encode(pemKey()) })
    const { code, found } = await repo.guard()
    expect({ code, rules: found.map((each) => each.split(" ")[1]) }).toEqual({
      code: 1,
      rules: ["pem-private-key"],
    })
  })
})

test("a password in UTF-16 without a byte order mark is found", async () => {
  const repo = newRepo()
  repo.stage({ "a.ts": Buffer.from(passwordLine(), "utf16le") })
  expect((await repo.guard()).found).toEqual(["a.ts:1 generic-password"])
})

describe("a range that ends in no commit is refused", () => {
  test.each(["a tag on a file", "a tag on a tag on a file", "a folder", "nothing"])(
    "%s",
    async (end) => {
      const repo = newRepo()
      repo.commit({ "a.txt": "a\n" })
      const blob = repo.gitWith(pemKey(), "hash-object", "-w", "--stdin")
      repo.git("tag", "plain", blob)
      repo.git("tag", "-a", "-m", "a tag", "annotated", blob)
      const ends: Record<string, string> = {
        "a tag on a file": "plain",
        "a tag on a tag on a file": "annotated",
        "a folder": repo.git("rev-parse", "HEAD^{tree}"),
        nothing: "^HEAD",
      }
      for (const start of end === "nothing" ? [""] : ["", `${"0".repeat(40)}..`]) {
        const { error } = await repo.guard({ is: "range", range: `${start}${ends[end] ?? ""}` })
        expect(error).toBe(end === "nothing" ? "USAGE" : "GIT_FAILED")
      }
    },
  )
})

test("a range of one commit is looked at by the rules of that commit", async () => {
  const repo = newRepo()
  const rules = [{ id: "badge", title: "A badge", pattern: "BADGE-[0-9]{6}" }]
  repo.commit({ [SETTINGS]: JSON.stringify({ version: 1, rules }) })
  repo.commit({ "a.txt": `BADGE-${"4".repeat(6)}\n` })
  expect((await repo.guard({ is: "range", range: "HEAD^!" })).found).toEqual(["a.txt:1 badge"])
})

test("all files are not looked at where HEAD cannot be read", async () => {
  const repo = newRepo()
  repo.commit({ "a.txt": "a\n" })
  const tree = repo.gitWith(`100644 blob ${"1".repeat(40)}\ta\n`, "mktree", "--missing")
  const broken = repo.git("commit-tree", tree, "-m", "a commit")
  repo.git("update-ref", "HEAD", broken)
  execFileSync("rm", [join(repo.top, ".git/objects", tree.slice(0, 2), tree.slice(2))])
  expect((await repo.guard({ is: "all" })).error).toBe("GIT_FAILED")
})

describe("what is named is looked at", () => {
  test("also behind a link, and in a pipe", async () => {
    const repo = newRepo()
    repo.write("key.pem", pemKey())
    symlinkSync("key.pem", join(repo.top, "link"))
    symlinkSync("nowhere", join(repo.top, "dangling"))
    const paths = (...named: readonly string[]) => repo.guard({ is: "paths", paths: named })
    expect((await paths("link")).found).toEqual(["link:1 pem-private-key"])
    expect((await paths("dangling")).code).toBe(0)
    execFileSync("mkfifo", [join(repo.top, "pipe")])
    const writing = execFileSync.bind(undefined, "sh", ["-c", "cat key.pem > pipe &"])
    writing({ cwd: repo.top, stdio: "ignore" })
    expect((await paths("pipe")).found).toEqual(["pipe:1 pem-private-key"])
    expect((await paths("/dev/null")).error).toBe("USAGE")
  })

  test("and a link in a folder is read, as in a commit", async () => {
    const repo = newRepo()
    repo.write("folder/a.txt", "a\n")
    symlinkSync(`x ${passwordLine().trim()}`, join(repo.top, "folder/link"))
    expect((await repo.guard({ is: "paths", paths: ["folder"] })).code).toBe(1)
  })
})

async function foundBeside(pattern: string): Promise<readonly string[]> {
  const repo = newRepo()
  repo.commit({ [SETTINGS]: rule(pattern) })
  repo.stage({ "k.txt": `HEADER agent-vault: allow badge it is wide\n${pemKey()}` })
  return (await repo.guard()).found
}

describe("a rule of the repository hides nothing", () => {
  test("by a small piece, which is the same everywhere", async () => {
    expect(await foundBeside("-----BEGIN PRIVATE")).toContain("k.txt:2 pem-private-key")
  })

  test("by a piece of a value in an env file", async () => {
    const repo = newRepo()
    repo.commit({ [SETTINGS]: rule("SERVICE") })
    const line = "SERVICE_PASSWORD=SERVICE-abc # agent-vault: allow badge it is short"
    repo.stage({ ".env": `${line}\n` })
    expect((await repo.guard()).found).toContain(".env:1 env-file")
  })

  test("by a piece that begins where a comment allows it", async () => {
    expect(await foundBeside("(?s)HEADER.*")).toContain("k.txt:2 pem-private-key")
  })
})

describe("a comment allows one line", () => {
  test.each(["\r", "\u2028", "\u0085"])("and not what an editor shows as many: %j", async (end) => {
    const repo = newRepo()
    const comment = "# agent-vault: allow generic-password the account of the docs"
    const passwords = ["a", "b"].map((name) => `${name}_password = "${randomPassword()}"`)
    repo.stage({
      "beside.py": [comment, "x = 1", ...passwords].join(end),
      "below.py": `${comment}\n${passwords.join(end)}`,
    })
    expect((await repo.guard()).found).toHaveLength(4)
  })

  test("also where lines end in CR LF", async () => {
    const repo = newRepo()
    const comment = "# agent-vault: allow generic-password the account of the docs"
    repo.stage({ "a.py": `${comment}\r\npassword = "${randomPassword()}"\r\n` })
    expect((await repo.guard()).code).toBe(0)
  })
})

test("settings that are too large are refused, also where nothing is found", async () => {
  const repo = newRepo()
  repo.commit({ [SETTINGS]: `version: 1\n${"#\n".repeat(3 << 20)}` })
  repo.stage({ "a.txt": "a\n" })
  expect((await repo.guard()).error).toBe("USAGE")
})

describe("what stands in the name of a file", () => {
  test("is found, and shown in no form", async () => {
    const repo = newRepo()
    const [first, second] = [randomPassword(), randomPassword()]
    repo.stage({
      [`a/password=${first}.py`]: passwordLine(),
      [`.agent-vault/password=${second}.txt`]: "x\n",
      [`password=${first}.bin`]: Buffer.alloc(6 << 20),
    })
    const { found, stdout } = await repo.guard()
    expect(found.filter((each) => each.includes("generic-password"))).toHaveLength(4)
    expect(found.filter((each) => each.includes("vault-plaintext"))).toHaveLength(1)
    const said = [stdout]
    for (const form of ["people", "sarif", "fingerprints"] as const) {
      const ran = await repo.run(form)
      said.push(ran.stdout, ran.stderr)
    }
    for (const each of said) {
      expect(each).not.toContain(first)
      expect(each).not.toContain(second)
    }
  })

  test("is not told again, and can be allowed", async () => {
    const repo = newRepo()
    const path = `password=${randomPassword()}.txt`
    repo.stage({ [path]: "one\n" })
    const { stdout } = await repo.run("fingerprints")
    repo.stage({ [SETTINGS]: stdout.replaceAll("reason: ", "reason: a door that is gone") })
    expect((await repo.guard()).code).toBe(0)
    repo.git("rm", "--quiet", "--force", SETTINGS)
    repo.commit()
    repo.stage({ [path]: "two\n" })
    expect((await repo.guard()).code).toBe(0)
  })
})
