import { execFileSync } from "node:child_process"
import { mkdirSync, mkdtempSync, realpathSync, rmSync, symlinkSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { afterAll, beforeAll, describe, expect, test } from "vitest"
import type { HookCall } from "../../../src/cli/hooks/hook-call.js"
import { judgeBefore } from "../../../src/cli/hooks/judge.js"
import { wrappedCommand } from "../../../src/cli/hooks/wrapped-command.js"

let home: string
let cwd: string
let env: Record<string, string>

const KEY = ["AGE-SECRET", "KEY-1"].join("-") + "Q".repeat(58)
const PEM = ["-----BEGIN", "PRIVATE KEY-----"].join(" ")

beforeAll(() => {
  home = realpathSync(mkdtempSync(join(tmpdir(), "agent-vault-judge-")))
  cwd = join(home, "my project")
  env = { HOME: home }
  for (const folder of [cwd, join(home, ".config/agent-vault/v/agents"), join(home, "elsewhere")]) {
    mkdirSync(folder, { recursive: true })
  }
  mkdirSync(join(home, ".local/state/agent-vault"), { recursive: true })
  const files = {
    ".env": "A=1\n",
    ".env.production": "A=1\n",
    "prod.env": "A=1\n",
    ".env.example": "A=\n",
    ".env.vault": "A=av://a/b\n",
    "mail.txt": `# a key\n${KEY}\n`,
    id_key: `${PEM}\n${"MIIE".repeat(16)}\n`,
    "talks-of-keys.ts": `const begin = "${PEM}"\n// ${KEY.slice(0, 16)}\n`,
    "plain.txt": "hello\n",
  }
  for (const [name, text] of Object.entries(files)) writeFileSync(join(cwd, name), text)
  writeFileSync(join(home, ".config/agent-vault/v/agents/ci.key"), "x")
  symlinkSync(join(home, ".config/agent-vault"), join(cwd, "innocent"))
  symlinkSync(join(cwd, ".env"), join(cwd, "settings"))
})
afterAll(() => rmSync(home, { recursive: true }))

function called(of: Partial<HookCall>): HookCall {
  return {
    moment: "before",
    cwd,
    command: undefined,
    input: {},
    output: undefined,
    session: undefined,
    turn: undefined,
    call: undefined,
    ...of,
  }
}

function printed(line: string): string {
  return execFileSync("/bin/bash", ["-c", line], { encoding: "utf8" })
}

function verdict(of: Partial<HookCall>): string {
  return judgeBefore(called(of), env, undefined).is
}

describe("a read", () => {
  test.each([
    [".env"],
    ["./.env.production"],
    ["prod.env"],
    ["settings"],
    ["mail.txt"],
    ["id_key"],
    ["innocent"],
    ["innocent/v/agents/ci.key"],
    ["innocent/not/yet/there"],
    ["../.config/agent-vault/v/agents/ci.key"],
    ["~/.config/agent-vault"],
    ["$HOME/.local/state/agent-vault"],
    ["**/.env*"],
    ["*.env"],
  ])("of %s is refused, in any tool and as a word of a command", (path) => {
    const refused = judgeBefore(called({ input: { file_path: path } }), env, undefined)
    expect(refused).toMatchObject({ is: "refuse", reason: expect.stringContaining(path) as string })
    expect(verdict({ input: { edits: [{ target_file: path }] } })).toBe("refuse")
    expect(verdict({ command: `cat ${path}` })).toBe("refuse")
    expect(verdict({ command: `x=1 tar c --file=${path} | nc "a b"` })).toBe("refuse")
    expect(verdict({ command: `node <"${path}"` })).toBe("refuse")
  })

  test.each([[".env.example"], [".env.vault"], ["plain.txt"], ["talks-of-keys.ts"], [".env.none"]])(
    "of %s is not",
    (path) => {
      expect(verdict({ input: { file_path: path } })).toBe("pass")
      expect(verdict({ command: `cat ${path}` })).toBe("pass")
    },
  )

  test("is judged from the folder that the client works in, and by absolute paths", () => {
    expect(verdict({ cwd: home, command: "cat .env" })).toBe("pass")
    expect(verdict({ cwd: home, input: { path: join(cwd, ".env") } })).toBe("refuse")
    expect(verdict({ input: { uri: `file://${join(cwd, ".env")}` } })).toBe("refuse")
  })

  test("of no path is none: texts, numbers and what is too long are passed by", () => {
    expect(verdict({ input: { content: ".env", query: "cat .env", n: 1, none: null } })).toBe(
      "pass",
    )
    expect(verdict({ command: "x".repeat(10_000) })).toBe("pass")
    expect(verdict({ command: "" })).toBe("pass")
  })
})

describe("a command", () => {
  const how = { program: ["agent-vault"], options: ["-g", "stripe", "--blind"], shell: "/bin/sh" }

  test("is put behind run, with the client's names for the audit", () => {
    const call = called({ session: "s-1", turn: "t:2", call: "c.3", command: "npm test" })
    const wrapped = judgeBefore(call, env, (of, command) => wrappedCommand(of, command, how))
    expect(wrapped).toEqual({
      is: "command",
      command:
        "AGENT_VAULT_SESSION=s-1 AGENT_VAULT_TURN=t:2 AGENT_VAULT_CALL=c.3 agent-vault run -g stripe --blind -- /bin/sh -c 'npm test'",
    })
  })

  test("has the project in front, quoted, unless it would drive a terminal", () => {
    const [plain, odd] = ["/work/my pay", "/work/\u001b[2J"].map((project) =>
      wrappedCommand(called({}), "x", { ...how, project }),
    )
    expect(plain).toMatch(/^AGENT_VAULT_PROJECT='\/work\/my pay' agent-vault run /)
    expect(odd).toMatch(/^agent-vault run /)
  })

  test("that is refused is not wrapped", () => {
    const call = called({ command: "cat .env" })
    expect(judgeBefore(call, env, () => "wrapped").is).toBe("refuse")
  })

  test.each([
    ["a name that could be more", { session: "$(id)", turn: "a b", call: "" }],
    ["a name that is too long", { session: "x".repeat(129) }],
    ["no name", {}],
  ])("has no %s in front", (_, names) => {
    expect(wrappedCommand(called(names), "x", how)).toMatch(/^agent-vault run /)
  })

  test.each([
    ['echo "it\'s" $HOME `id`'],
    ["printf '%s\\n' a\\ b"],
    ["cat <<'X'\nit's $HOME\nX"],
    ["echo a; echo b && echo c | cat"],
  ])("does in the shell behind it what it did: %s", (command) => {
    const echo = { program: ["/bin/sh", "-c", 'shift 3; exec "$@"', "run"], options: ["-g"] }
    const line = wrappedCommand(called({ command }), command, { ...echo, shell: "/bin/bash" })
    expect(printed(line)).toBe(printed(command))
  })
})
