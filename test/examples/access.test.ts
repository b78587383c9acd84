import { chmodSync, existsSync, readFileSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { fileURLToPath } from "node:url"
import { afterAll, beforeAll, expect, test } from "vitest"
import { parseDocument } from "yaml"
import { Machine } from "../cli/machine.js"

// Access by pull request: a bare remote, the owner's clone, a colleague's, and the CI's own.

const project = fileURLToPath(new URL("../..", import.meta.url))

/** What either host's program is called with: the comment, and the words after its name. */
const STAND_IN = `#!/bin/sh
case "$0" in *curl) cat >"$HOME/header" ;; esac
printf '%s\\n' "$*" >"$HOME/called"
cp comment.md "$HOME/said"
`
const HOSTS = [
  ["GitHub", github(), { PULL_REQUEST: "7", BASE: "origin/main" }],
  [
    "GitLab",
    gitlab(),
    {
      CI_MERGE_REQUEST_TARGET_BRANCH_NAME: "main",
      CI_API_V4_URL: "https://gitlab.example/api/v4",
      CI_PROJECT_ID: "3",
      CI_MERGE_REQUEST_IID: "7",
      VAULT_NOTES_TOKEN: "not-a-real-token",
    },
  ],
] as const

let owner: Machine

beforeAll(async () => {
  owner = new Machine()
  for (const name of ["gh", "curl"]) {
    writeFileSync(join(owner.home, "bin", name), STAND_IN)
    chmodSync(join(owner.home, "bin", name), 0o755)
  }
  await done(`git init -q -b main && git config user.name alice && git config user.email a@example.com
    agent-vault init && agent-vault agent add ci && agent-vault agent add robot && echo not-a-real-key | agent-vault set weather/api-key
    agent-vault grant ci weather
    git init -q --bare ../origin.git && git remote add origin ../origin.git && git push -q -u origin main
    git clone -q ../origin.git ../colleague`)
})
afterAll(() => owner.remove())

/** Runs a script on the owner's machine, in their clone, which must succeed. */
async function done(script: string): Promise<string> {
  const { stdout, stderr, code } = await owner.shell(`set -e; ${script}`)
  expect(code, stderr).toBe(0)
  return stdout
}

function parsed(file: string): unknown {
  const text = readFileSync(join(project, "examples/ci", file), "utf8")
  return parseDocument(text, { strict: true }).toJS()
}

function github(): string {
  const { jobs } = parsed("access.yml") as { jobs: { tell: { steps: { run?: string }[] } } }
  return jobs.tell.steps.find(({ run }) => run?.includes("agent-vault"))?.run ?? ""
}

function gitlab(): string {
  const { access } = parsed("gitlab-ci.yml") as { access: { script: string[] } }
  return access.script.filter((line) => !line.startsWith("npm ")).join("\n")
}

/**
 * What the job says of a branch, in a fresh clone without a key, and how it ends. GitHub hands it the
 * merge with the base, as that stands.
 */
async function jobOf(script: string, variables: object, branch: string) {
  const lines = Object.entries(variables).map(([name, value]) => `export ${name}='${value}'`)
  const trust = await done("agent-vault trust --json | grep -o 'ed25519:[^\"]*' | head -n 1")
  const ran = await owner.shell(`rm -rf ../ci ~/said ~/called ~/header ~/empty
    git clone -q --branch ${branch} ../origin.git ../ci && cd ../ci
    git config user.name ci && git config user.email ci@example.com
    ${script === github() ? "git merge -q --no-edit origin/main" : ""}
    export HOME=~/empty-home-of-ci AGENT_VAULT_TRUST=${trust.trim()}; mkdir -p "$HOME"
    ${lines.join("\n")}
    ${script.replaceAll("npx --no-install agent-vault", "agent-vault")}`)
  const read = (name: string): string => {
    const file = join(owner.home, "empty-home-of-ci", name)
    return existsSync(file) ? readFileSync(file, "utf8") : ""
  }
  return { code: ran.code, said: read("said"), called: read("called"), header: read("header") }
}

test.each(HOSTS)(
  "a pull request at %s asks, the owner applies on the branch, and it is told",
  async (host, script, variables) => {
    const branch = `ask-at-${host.toLowerCase()}`
    await done(`cd ../colleague && git config user.name bob && git config user.email b@example.com
    git switch -q -c ${branch} origin/main
    printf '  - { agent: robot, group: weather, reason: "\`\`\`" }\\n' >>.agent-vault/manifest.yaml
    git commit -qam ask && git push -q origin ${branch}`)

    const asked = await jobOf(script, variables, branch)
    expect(asked.code).toBe(0)
    expect(asked.said).toMatch(/^ {4}.*robot/m)
    // No line of what a stranger wrote is anything but code.
    expect(
      asked.said
        .split("\n")
        .slice(2)
        .filter((line) => !/^(?: {4}.*)?$/.test(line)),
    ).toEqual([])

    await done(`git fetch -q && git switch -q ${branch} && git merge -q --no-edit main
      plan=$(agent-vault apply --dry-run --json | sed -n 's/^ *"id": "\\([0-9a-f]*\\)".*/\\1/p')
      agent-vault apply --yes --plan "$plan" && git push -q origin ${branch}`)
    const applied = await jobOf(script, variables, branch)
    expect([applied.code, applied.said.includes("PENDING")]).toEqual([0, false])
    expect(applied.said).not.toBe(asked.said)

    await done(`git switch -q main && git merge -q --no-edit ${branch} && git push -q
    agent-vault get weather/api-key --agent robot
    agent-vault revoke robot weather && git push -q`)
  },
)

test.each(HOSTS)("what no reader would accept fails at %s", async (host, script, variables) => {
  const branch = `forge-at-${host.toLowerCase()}`
  await done(`cd ../colleague && git fetch -q && git switch -q -c ${branch} origin/main
    sed -i.bak 's/"epoch": [0-9]*/"epoch": 9/' .agent-vault/groups/weather.json
    rm .agent-vault/groups/*.bak
    git commit -qam forge
    git push -q origin ${branch}`)
  const { code, said } = await jobOf(script, variables, branch)
  expect(code).not.toBe(0)
  expect(said).toContain("SIGNATURE_INVALID")
})

test("GitHub's comment is one, and GitLab's token is on no command line", async () => {
  const [[, forGithub, atGithub], [, forGitlab, atGitlab]] = HOSTS
  const { called } = await jobOf(forGithub, atGithub, "main")
  expect(called).toBe("pr comment 7 --edit-last --create-if-none --body-file comment.md\n")
  const at = await jobOf(forGitlab, atGitlab, "main")
  expect(at.called).toContain("https://gitlab.example/api/v4/projects/3/merge_requests/7/notes")
  expect(at.called).not.toContain(atGitlab.VAULT_NOTES_TOKEN)
  expect(at.header).toBe(`PRIVATE-TOKEN: ${atGitlab.VAULT_NOTES_TOKEN}`)
})
