// The hint for a damaged file is typed where the command was.
import { appendFileSync, mkdirSync } from "node:fs"
import { join } from "node:path"
import { afterEach, expect, test } from "vitest"
import { Machine } from "../../machine.js"

let machine: Machine
afterEach(() => machine.remove())

const VAULT = "plat form"
const PLACES: readonly [where: string, folder: string, dir: readonly string[]][] = [
  ["where the vault's folder is", `repo/${VAULT}`, []],
  ["in a folder below it", `repo/${VAULT}/it's deep`, []],
  ["at the top of the repository", "repo", ["--dir", VAULT]],
  ["in no repository", "elsewhere", ["--dir", `../repo/${VAULT}`]],
]

/** A vault that is not at the top of its repository. */
async function nestedVault(): Promise<void> {
  machine = new Machine()
  mkdirSync(join(machine.home, "elsewhere"))
  mkdirSync(join(machine.repo, VAULT, "it's deep"), { recursive: true })
  const { code, stderr } = await machine.shell(`set -e
    git init -q -b main . && git config user.name alice && git config user.email alice@example.com
    cd '${VAULT}' && agent-vault init && agent-vault agent add ci
    printf v | agent-vault set stripe/api-key && agent-vault grant ci stripe`)
  expect(code, stderr).toBe(0)
}

/** The first line of Git in what was told. */
const gitIn = (told: string): string => /git (?:-C .*?)?restore [^;\n]*/.exec(told)?.[0] ?? "false"

test.each(PLACES)("%s, a damaged file comes back by it", async (_where, folder, dir) => {
  await nestedVault()
  const cwd = join(machine.home, folder)
  const file = (path: string): string => join(machine.repo, VAULT, ".agent-vault", path)
  const told: [damage: string, argv: readonly string[]][] = [
    ["secrets/stripe/api-key.age", ["get", "stripe/api-key", "--agent", "ci"]],
    ["groups/stripe.json", ["check"]],
    ["manifest.yaml", ["group", "add", "more"]],
  ]
  for (const [damage, argv] of told) {
    appendFileSync(file(damage), "# more\n")
    const { stdout, stderr } = await machine.call([...argv, ...dir], "", { cwd })
    const line = gitIn(stdout + stderr)
    expect(line).toContain(damage)
    expect((await machine.shell(line, { cwd })).code, line).toBe(0)
    const again = await machine.call([...argv, ...dir], "", { cwd })
    expect([again.code, again.stderr].join(" "), line).toMatch(/^0 /)
  }
})
