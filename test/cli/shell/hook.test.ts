import { spawn, spawnSync } from "node:child_process"
import {
  mkdirSync,
  mkdtempSync,
  readFileSync,
  realpathSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from "node:fs"
import { join } from "node:path"
import { text } from "node:stream/consumers"
import { assert, property, string } from "fast-check"
import { afterAll, afterEach, beforeAll, describe, expect, test } from "vitest"
import { SHELLS, type Shell, evaluated } from "../../../src/cli/shell/hook-scripts.js"
import { shell as findShell } from "../../../scripts/shells.mjs"
import { testUnless } from "../../needs.js"
import { atTerminal, plain } from "../at-terminal.js"
import { type Machine, vaultMachine } from "../machine.js"

/** As hostile to a shell as a value can be. */
const VALUE = "a'b \"$(touch owned)\" `touch owned` \\ \\' !! \n;touch owned\n"

const lacks: Partial<Record<Shell, string>> = {}
for (const name of ["zsh", "fish"] as const) {
  const found = await findShell(name)
  if ("missing" in found) lacks[name] = found.missing
}

let template: Machine
let machine: Machine
beforeAll(async () => {
  template = await vaultMachine()
  await template.call(["set", "stripe/api-key", "--from-file", "-"], VALUE)
})
afterAll(() => template.remove())
afterEach(() => machine.remove())

function fresh(): void {
  machine = template.copy()
}

/** How each shell has the hook, and comes to a prompt. */
const STARTS: Readonly<Record<Shell, readonly [command: readonly string[], prompt: string]>> = {
  bash: [["bash", "--norc", "-c"], "_agent_vault_hook"],
  zsh: [["zsh", "-f", "-c"], "_agent_vault_hook"],
  fish: [["fish", "--no-config", "-c"], "emit fish_prompt"],
}

/** Runs lines in a shell with the hook, beside the repository; `PROMPT` is a prompt. */
async function inShell(shell: Shell, lines: readonly string[], env: NodeJS.ProcessEnv = {}) {
  const [[program = "", ...args], prompt] = STARTS[shell]
  const hook =
    shell === "fish" ? "agent-vault hook fish | source" : `eval "$(agent-vault hook ${shell})"`
  const script = [hook, ...lines].join("\n").replaceAll("PROMPT", prompt)
  const child = spawn(program, [...args, script], {
    cwd: machine.home,
    env: { ...machine.env, ...env },
    stdio: ["ignore", "pipe", "pipe"],
  })
  const [stdout, stderr] = await Promise.all([text(child.stdout), text(child.stderr)])
  return { stdout, stderr }
}

const SHOW = "printenv STRIPE_API_KEY || echo none"
const ALLOW = ["hook", "allow", "-g", "stripe", "--agent", "ci"] as const

for (const shell of SHELLS) {
  describe(shell, () => {
    testUnless(lacks[shell], "has values where they were allowed, and nowhere else", async () => {
      fresh()
      expect((await machine.call(ALLOW)).code).toBe(0)
      mkdirSync(join(machine.repo, "deep/er"), { recursive: true })
      const { stdout, stderr } = await inShell(shell, [
        "PROMPT",
        SHOW,
        "cd repo; PROMPT",
        SHOW,
        "cd deep/er; PROMPT",
        SHOW,
        "cd ../../..; PROMPT",
        SHOW,
        "printenv AGENT_VAULT_HOOK || echo none",
      ])
      // Byte for byte, and nothing of it ran.
      expect(stdout).toBe(`none\n${VALUE}\n${VALUE}\nnone\nnone\n`)
      expect(stderr.match(/this shell has/g)).toHaveLength(1)
      expect(stderr).toContain("STRIPE_API_KEY, STRIPE_WEBHOOK until you leave")
      expect(stderr).not.toContain("touch owned")
      for (const folder of [machine.home, machine.repo]) {
        expect(() => statSync(join(folder, "owned"))).toThrow("ENOENT")
      }
    })

    testUnless(lacks[shell], "gives back what was there before", async () => {
      fresh()
      await machine.call(ALLOW)
      const lines = ["cd repo; PROMPT", "cd ..; PROMPT", SHOW]
      const { stdout } = await inShell(shell, lines, { STRIPE_API_KEY: "mine '$x'" })
      expect(stdout).toBe("mine '$x'\n")
    })

    testUnless(lacks[shell], "says how, once, where nothing was allowed", async () => {
      fresh()
      const lines = ["cd repo; PROMPT", "PROMPT", SHOW]
      const { stdout, stderr } = await inShell(shell, lines)
      expect(stdout).toBe("none\n")
      expect(stderr.trim()).toBe(
        "agent-vault: there is a vault here; to have its variables: agent-vault hook allow",
      )
    })

    testUnless(lacks[shell], "follows what is allowed and taken back meanwhile", async () => {
      fresh()
      const { stdout } = await inShell(shell, [
        "cd repo; PROMPT",
        SHOW,
        `agent-vault ${ALLOW.join(" ")}; PROMPT`,
        "printenv STRIPE_WEBHOOK",
        "agent-vault hook deny; PROMPT",
        SHOW,
      ])
      expect(stdout).toBe("none\nw\nnone\n")
    })

    testUnless(lacks[shell], "lets a shell that it starts leave as well", async () => {
      fresh()
      await machine.call(ALLOW)
      const [[program = "", ...args], prompt] = STARTS[shell]
      const hook =
        shell === "fish" ? "agent-vault hook fish | source" : `eval "$(agent-vault hook ${shell})"`
      const inner = join(machine.home, "inner")
      writeFileSync(inner, `${hook}\n${prompt}\ncd ..\n${prompt}\n${SHOW}\n`)
      const command = [program, ...args.slice(0, -1), inner].join(" ")
      const { stdout } = await inShell(shell, ["cd repo; PROMPT", command])
      expect(stdout).toBe("none\n")
    })
  })
}

describe("what was allowed", () => {
  test("is for one vault at one place", async () => {
    fresh()
    await machine.call(ALLOW)
    // Another vault comes to its place, and the vault goes to another.
    const moved = join(machine.home, "moved")
    renameSync(machine.repo, moved)
    mkdirSync(machine.repo)
    machine.git("init", "--quiet")
    // It is trusted here, and ci opens a group of the same name with a key that is here.
    for (const line of [
      "init --name alice",
      "agent add ci",
      "set stripe/api-key",
      "grant ci stripe",
    ]) {
      expect((await machine.call(line.split(" "), "other")).code, line).toBe(0)
    }
    expect((await machine.call(["get", "stripe/api-key", "--agent", "ci"])).stdout).toBe("other")
    const { stdout, stderr } = await inShell("bash", [
      "cd repo; PROMPT",
      SHOW,
      "cd ../moved; PROMPT",
      SHOW,
    ])
    expect(stdout).toBe("none\nnone\n")
    expect(stderr.match(/to have its variables: agent-vault hook allow/g)).toHaveLength(2)
  })

  test("holds by whichever link the folder is reached", async () => {
    fresh()
    await machine.call(ALLOW)
    symlinkSync(machine.repo, join(machine.home, "link"))
    const { stdout } = await inShell("bash", ["cd link; PROMPT", "printenv STRIPE_WEBHOOK"])
    expect(stdout).toBe("w\n")
  })

  test("is kept for this user alone, and names what, not the values", async () => {
    fresh()
    const { stderr } = await machine.call(ALLOW)
    expect(stderr).toContain("the values of STRIPE_API_KEY, STRIPE_WEBHOOK")
    const file = join(machine.home, ".local/state/agent-vault/shell-hook.json")
    expect(statSync(file).mode & 0o777).toBe(0o600)
    expect(JSON.parse(readFileSync(file, "utf8"))).toEqual([
      {
        vault: expect.stringMatching(/^[0-9a-f]{32}$/) as unknown,
        root: realpathSync(join(machine.repo, ".agent-vault")),
        groups: ["stripe"],
        agent: "ci",
      },
    ])
    expect(readFileSync(file, "utf8")).not.toContain("touch owned")
  })

  test("ends with the grant, and every read is noted", async () => {
    fresh()
    await machine.call(ALLOW)
    await inShell("bash", ["cd repo; PROMPT"])
    const { stdout: audit } = await machine.call(["audit", "--agent", "ci", "--json"])
    expect(audit).toContain('"program": "shell"')
    await machine.call(["revoke", "ci", "stripe"])
    const { stdout, stderr } = await inShell("bash", ["cd repo; PROMPT", SHOW])
    expect(stdout).toBe("none\n")
    expect(stderr).toContain("NOT_GRANTED")
  })

  test("is not believed where somebody else could have written it", async () => {
    fresh()
    const file = join(machine.home, ".local/state/agent-vault/shell-hook.json")
    writeFileSync(file, '{"a":1}')
    const { stdout, stderr } = await inShell("bash", ["cd repo; PROMPT", SHOW])
    expect(stdout).toBe("none\n")
    expect(stderr).toContain("is not as agent-vault writes it")
  })

  test("needs a person where an agent's harness runs, and gives no values there", async () => {
    fresh()
    Object.assign(machine.env, { CLAUDECODE: "1" })
    const { code, stderr } = await machine.call(ALLOW)
    expect([code, stderr]).toEqual([4, expect.stringContaining("UNCONFIRMED")])
    delete machine.env["CLAUDECODE"]
    await machine.call(ALLOW)
    const lines = ["cd repo; PROMPT", SHOW]
    const inside = await inShell("bash", lines, { CLAUDECODE: "1" })
    expect(inside.stdout).toBe("none\n")
    expect(inside.stderr).toContain("Claude Code runs here, so this shell gets no values")
  })

  test("says what is wrong before anything is allowed", async () => {
    fresh()
    const nobody = await machine.call(["hook", "allow", "-g", "stripe"])
    expect([nobody.code, nobody.stderr]).toEqual([3, expect.stringContaining("NO_IDENTITY")])
    const closed = await machine.call(["hook", "allow", "-g", "db", "--agent", "ci"])
    expect([closed.code, closed.stderr]).toEqual([4, expect.stringContaining("NOT_GRANTED")])
    expect((await machine.call(["hook", "deny"])).stderr).toBe("Nothing was allowed here.\n")
    expect((await machine.call(["hook", "tcsh"])).code).toBe(2)
  })
})

describe("without groups", () => {
  test("a shell has what a running proxy offers, as long as it runs", async () => {
    fresh()
    // A socket's path is short.
    const short = mkdtempSync("/tmp/av-")
    symlinkSync(join(machine.home, ".local/state"), join(short, "s"))
    machine.env["XDG_STATE_HOME"] = join(short, "s")
    try {
      const use = "use stripe/api-key --host api.localhost --path /v1/** --method GET".split(" ")
      await machine.call([...use, "--at", "header:authorization", "--scheme", "bearer", "--yes"])
      expect((await machine.call(["hook", "allow"])).code).toBe(0)
      const { stdout, stderr } = await inShell("bash", [
        "cd repo; PROMPT",
        SHOW,
        "agent-vault proxy --agent ci -g stripe 2>../proxy.log & proxy=$!",
        "until grep -q 'Ctrl-C ends it' ../proxy.log; do sleep 0.05; done",
        "PROMPT; printenv HTTPS_PROXY STRIPE_API_KEY",
        "kill $proxy; wait $proxy 2>/dev/null",
        "PROMPT",
        SHOW,
        "printenv HTTPS_PROXY || echo none",
      ])
      const [before, proxy, placeholder, ...after] = stdout.trimEnd().split("\n")
      expect([before, ...after]).toEqual(["none", "none", "none"])
      expect(proxy).toMatch(/^http:\/\/x:\S+@127\.0\.0\.1:\d+$/)
      expect(placeholder).not.toContain("a'b")
      expect(stderr).toContain("PROXY_NOT_RUNNING")
    } finally {
      rmSync(short, { recursive: true })
    }
  })
})

test("a shell at a terminal has it at its prompt, with Ctrl-C and exit codes as ever", async () => {
  fresh()
  await machine.call(ALLOW)
  const rc = join(machine.home, "rc")
  writeFileSync(rc, `PS1='> '\nPROMPT_COMMAND='true'\neval "$(agent-vault hook bash)"\n`)
  const seen = await atTerminal(
    machine,
    ["--noprofile", "--rcfile", rc, "-i"],
    [
      ["> ", "cd repo\r"],
      ["until you leave", "\r"],
      ["> ", "echo got $STRIPE_WEBHOOK; false\r"],
      ["got w", "echo code $?; cd ..\r"],
      ["code 1", "echo left ${STRIPE_WEBHOOK-nothing}; exit\r"],
    ],
    { program: ["bash"], cwd: machine.home },
  )
  expect(plain(seen)).toContain("left nothing")
})

test("the script starts this very program, whatever PATH says in a repository", async () => {
  fresh()
  await machine.call(ALLOW)
  writeFileSync(join(machine.repo, "agent-vault"), "#!/bin/sh\ntouch owned\n", { mode: 0o755 })
  writeFileSync(join(machine.repo, "node"), "#!/bin/sh\ntouch owned\n", { mode: 0o755 })
  const path = `.:${machine.env["PATH"]}`
  const { stdout } = await inShell("bash", [
    `PATH=${JSON.stringify(path)}`,
    "cd repo; PROMPT",
    "printenv STRIPE_WEBHOOK",
  ])
  expect(stdout).toBe("w\n")
  expect(() => statSync(join(machine.repo, "owned"))).toThrow("ENOENT")
})

test("a shell reads what is written for it, whatever the value is", () => {
  assert(
    property(string({ unit: "binary" }), (raw) => {
      const value = raw.replaceAll("\0", "")
      const bytes = Buffer.from(value)
      const script = evaluated("bash", new Map([["A_B", value]]), {})
      const { stdout } = spawnSync("bash", ["-c", `${script}\nprintf %s "$A_B"`])
      expect(stdout).toEqual(bytes)
    }),
    { numRuns: 50 },
  )
})
