import { existsSync, readFileSync, readdirSync, rmSync } from "node:fs"
import { join } from "node:path"
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from "vitest"
import { gitThat, realGit } from "../processes.js"
import { type Clones, clonesOf, syncAt } from "../sync/clones.js"
import { type World, outcome, vaultWorld } from "../world.js"

let template: World
let clones: Clones

beforeAll(async () => {
  template = await vaultWorld()
  template.write(".gitattributes", "*.txt text eol=crlf\n")
  for (const name of ["changed.txt", "gone", "mine", "run"]) template.write(name, `old ${name}\n`)
  template.write("folder/file", "old\n")
  template.git("add", "-A")
  template.git("commit", "-qm", "files of others")
})
beforeEach(() => {
  clones = clonesOf(template.copy())
})
afterEach(() => clones.one.remove())
afterAll(() => template.remove())

/** Pushes a change of the vault, and of files that are none of its own. */
async function others(): Promise<void> {
  const { two } = clones
  await two.set("stripe/api-key", "new")
  await two.grant("deploy", "stripe")
  for (const name of ["changed.txt", "mine", "folder/file"]) two.write(name, `1 new ${name}\n2\n`)
  two.write("new/deep/file", "all new\n")
  two.git("rm", "-q", "gone")
  two.git("update-index", "--chmod=+x", "run")
  two.git("add", "changed.txt", "mine", "folder/file", "new/deep/file")
  two.git("commit", "-qm", "work")
  await syncAt(two)
}

/** A sync whose git does a part of a move, in words of a shell, and then is gone. */
function syncWith(part: string, also = ""): Promise<unknown> {
  const { one } = clones
  const path = gitThat(one, `case " $* " in *" --ff-only "*) ${part}; exit 1;; ${also} esac`)
  const env = { PATH: path }
  return outcome(
    syncAt(one.with(env)).finally(() => rmSync(join(one.folder, "bin"), { recursive: true })),
  )
}

/** Nothing of the half is left, and the next sync brings all of it. */
async function expectTakenBack(status = ""): Promise<void> {
  const { one, two } = clones
  expect(one.git("status", "--porcelain")).toBe(status)
  expect(readdirSync(join(one.top, ".git/agent-vault"))).toEqual([])
  expect(existsSync(join(one.top, "new"))).toBe(false)
  if (status !== "") return
  await syncAt(one)
  expect(one.git("rev-parse", "HEAD")).toBe(two.git("rev-parse", "HEAD"))
  expect(one.git("status", "--porcelain")).toBe("")
  expect(await one.read("ci", "stripe/api-key")).toBe("new")
}

const GONE =
  "rm changed.txt gone .agent-vault/manifest.yaml .agent-vault/secrets/stripe/api-key.json"
/** As git writes it: line ends of the work tree, and not to the end. */
const TORN = `printf '1 new changed.txt\\r\\n' >changed.txt; : >folder/file`
const NEW = `mkdir -p new/deep; printf 'all new\\n' >new/deep/file; printf '1 new mine\\n2\\n' >mine; chmod +x run`

describe("what a git that is gone did of a move is taken back", () => {
  for (const [name, part] of [
    ["files that it took away", GONE],
    ["files that it wrote in part", TORN],
    ["new files, and modes", NEW],
    ["a new file in part", "mkdir -p new/deep; printf 'all' >new/deep/file"],
    [
      "all files and the index, but not the branch",
      `${realGit()} update-index -q --refresh; ${realGit()} read-tree -m -u HEAD origin/main || exit 0`,
    ],
    ["nothing at all", "true"],
  ] as const) {
    test(name, async () => {
      await others()
      expect(await syncWith(part)).toBe("GIT_FAILED")
      await expectTakenBack()
    })
  }
})

test("by repair, where it cannot be at once", async () => {
  await others()
  const { one } = clones
  expect(await syncWith(`${GONE}; ${NEW}`, `*" restore "*) exit 1;;`)).toBe("GIT_FAILED")
  expect(one.git("status", "--porcelain")).not.toBe("")
  await one.repair()
  await expectTakenBack()
})

test("what the user wrote or staged meanwhile stays", async () => {
  await others()
  const { one } = clones
  const stage = `echo staged >folder/file; ${realGit()} add folder/file`
  expect(await syncWith(`${GONE}; echo edited >mine; ${stage}`)).toBe("GIT_FAILED")
  await expectTakenBack("M  folder/file\n M mine")
  expect(readFileSync(join(one.top, "mine"), "utf8")).toBe("edited\n")
})

test("nothing is written or removed behind a link", async () => {
  await others()
  const { one } = clones
  const outside = join(one.folder, "outside")
  const link = `mv folder ../outside; ln -s ../outside folder; ln -s ../outside new`
  const write = `printf '1 new folder/file\\n2\\n' >folder/file; mkdir new/deep; printf 'all new\\n' >new/deep/file`
  expect(await syncWith(`${link}; ${write}`)).toBe("GIT_FAILED")
  expect(readFileSync(join(outside, "file"), "utf8")).toBe("1 new folder/file\n2\n")
  expect(readFileSync(join(outside, "deep/file"), "utf8")).toBe("all new\n")
})

test("runs no program of a configuration that came with the half", async () => {
  const { one, two } = clones
  const ran = join(one.folder, "ran")
  one.git("config", "include.path", "../gitconfig")
  two.commit("gitconfig", "[core]\n")
  await syncAt(two)
  await syncAt(one)
  two.commit(".gitattributes", "*.txt text eol=crlf filter=evil\n")
  two.commit("gitconfig", `[filter "evil"]\n\tclean = "touch '${ran}'; cat"\n`)
  await others()
  const came = ["gitconfig", ".gitattributes"].map(
    (name) => `${realGit()} cat-file blob origin/main:${name} >${name}`,
  )
  expect(await syncWith(`${came.join("; ")}; ${TORN}`)).toBe("GIT_FAILED")
  expect(readFileSync(join(one.top, "gitconfig"), "utf8")).toBe("[core]\n")
  expect(existsSync(ran)).toBe(false)
})

test("a file that the user deleted after the branch moved stays deleted", async () => {
  await others()
  const { one } = clones
  const journal = ".git/agent-vault/journal.json"
  const keep = `cp ${journal} kept; ${realGit()} "$@"; mv kept ${journal}; rm changed.txt; exit 0`
  const path = gitThat(one, `case " $* " in *" --ff-only "*) ${keep};; esac`)
  await syncAt(one.with({ PATH: path }))
  await one.repair()
  expect(one.git("status", "--porcelain").trim()).toBe("D changed.txt")
})
