import { describe, expect, test } from "vitest"
import type { ClientConfig } from "../../../src/cli/clients/client-config.js"
import { parseJsonc } from "../../../src/cli/clients/jsonc.js"
import { hooksIn, withHooks, withoutHooks } from "../../../src/cli/hooks/hook-entries.js"
import { argumentsIn, hookLine } from "../../../src/cli/hooks/hook-line.js"
import { HOOK_CLIENTS } from "../../../src/cli/parse/table/hook-clients.js"

const LINE = "agent-vault hooks answer x --agent ci || exit 2"

function config(text: string): ClientConfig {
  const spot = { client: undefined, file: "f", scope: "project", format: "json", path: [] } as const
  return { spot, text, servers: {} }
}

const FOREIGN = {
  "another's hook at the same moment": `{
  // mine
  "hooks": {
    "PreToolUse": [
      // keep this
      { "matcher": "Bash", "hooks": [{ "type": "command", "command": "./mine.sh" }] }, // and this
    ],
  },
  "other": [1, 2],
}
`,
  "hooks at another moment": `{
\t"hooks": {
\t\t"Stop": [{ "hooks": [{ "type": "command", "command": "say done" }] }]
\t},
\t"model": "x"
}
`,
  "no hooks": `{
  "model": "x" // the one I like
}
`,
  "an empty table": "{}\n",
  "line ends of Windows": '{\r\n  "a": 1,\r\n  "b": 2\r\n}\r\n',
  "all in a line": '{"a":1,"hooks":{"PreToolUse":[{"matcher":"x","hooks":[]}]}}',
}

describe.each(HOOK_CLIENTS.map((client) => [client.name, client] as const))("%s", (_, client) => {
  test.each(Object.entries(FOREIGN))(
    "takes hooks in beside %s, once, and lets go of them",
    (__, text) => {
      const before = config(text)
      const installed = withHooks(before, client, LINE)
      const found = hooksIn(config(installed), client)
      expect(found.map(({ event }) => event)).toEqual([client.before, ...client.after])
      expect(withHooks(config(installed), client, LINE)).toBe(installed)
      // Whatever stood there stands there, comments too.
      for (const comment of text.match(/\/\/.*$/gm) ?? []) expect(installed).toContain(comment)
      const left = withoutHooks(config(installed), client)
      const frame = "frame" in client ? client.frame : {}
      expect(parseJsonc(left)).toEqual({ ...(parseJsonc(text) as object), ...frame })
      // A file that holds nothing more is removed.
      if (!("frame" in client) && text !== "{}\n") expect(left).toBe(text)
    },
  )

  test("has another line in place of its own", () => {
    const installed = withHooks(config(""), client, LINE)
    const again = withHooks(config(installed), client, `${LINE} `)
    expect(hooksIn(config(again), client).map(({ command }) => command)).toEqual(
      [client.before, ...client.after].map(() => `${LINE} `),
    )
  })
})

test("a line that a person wrote is not taken for ours", () => {
  const [client] = HOOK_CLIENTS
  const text = JSON.stringify({
    hooks: {
      PreToolUse: [{ hooks: [{ command: "echo agent-vault hooks; my-agent-vault x" }] }, 7],
    },
  })
  expect(hooksIn(config(text), client)).toEqual([])
  expect(withoutHooks(config(text), client)).toBe(text)
})

test("a table that is none is refused", () => {
  const [client] = HOOK_CLIENTS
  for (const hooks of ['"text"', "[]", '{"PreToolUse": "text"}']) {
    expect(() => withHooks(config(`{"hooks": ${hooks}}`), client, LINE)).toThrow()
  }
})

test("only a line that hooks install writes is read back", () => {
  const words = ["--agent", "ci", "-g", "a group", "-s", "it's"]
  const line = hookLine("codex", ["/opt/my node/bin/node", "/x/bin.cjs"], words)
  expect(argumentsIn(line)).toEqual(["hooks", "answer", "codex", ...words])
  for (const other of [
    "agent-vault hooks answer codex; rm -rf x || exit 2",
    "agent-vault hooks answer codex $(id) || exit 2",
    "agent-vault hooks answer codex",
  ]) {
    expect(argumentsIn(other)).toBeUndefined()
  }
})
