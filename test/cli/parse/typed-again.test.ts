import { describe, expect, test } from "vitest"
import { takesCommand } from "../../../src/cli/parse/call.js"
import { parseQuickly } from "../../../src/cli/parse/quick.js"
import { COMMANDS } from "../../../src/cli/parse/table.js"
import { BEHIND_DASHES, asActing, typedAgain } from "../../../src/cli/parse/typed-again.js"
import { parseFully } from "../../../src/cli/parse/yargs.js"

describe("a line that is typed again", () => {
  test.each([
    [["policy", "set", "my rules.yaml"], "--yes"],
    [["use", "stripe/api-key", "--host", "a.example", "--host", "b.example"], "--yes"],
    [["run", "--agent", "ci", "-s", "stripe/api-key", "--", "sh", "-c", "echo $X"], "--no-redact"],
    [["doctor", "--", "curl", "--json"], "--json"],
    [["set", "stripe/api-key", "--generate=40"], "--dry-run"],
    [["set", "stripe/api-key", "--description=--odd"], "--dry-run"],
  ])("%j: means the same, and one thing more", (argv, more) => {
    const call = parseFully(argv)
    const [, ...again] = words(typedAgain(call, more))
    const { options, ...rest } = parseFully(again)
    expect(rest).toEqual({ command: call.command, words: call.words })
    expect(options).toEqual({ ...call.options, [more.slice(2)]: true })
  })

  test("knows the commands whose words are another program's", () => {
    const names = COMMANDS.filter((spec) => takesCommand(spec)).map(({ name }) => name)
    expect([...BEHIND_DASHES].sort()).toEqual(names.sort())
  })
})

describe("a hint of a read", () => {
  const hint = "look at it: agent-vault get a/b --reference; then: agent-vault get a/b --agree 12"
  test("names who acts, as the call did", () => {
    expect(asActing(hint, call("--agent", "ci"))).toBe(
      "look at it: agent-vault get a/b --agent ci --reference; then: agent-vault get a/b --agent ci --agree 12",
    )
    expect(asActing("agent-vault run -s a/b -- COMMAND", call("--identity", "my key"))).toBe(
      "agent-vault run --identity 'my key' -s a/b -- COMMAND",
    )
  })

  test("stays as it is where it says who, or nobody was named", () => {
    expect(asActing(hint, call())).toBe(hint)
    const owners = "as an owner: agent-vault get a/b --sealed --owner"
    expect(asActing(owners, call("--agent", "ci"))).toBe(owners)
    // No program runs with an owner's key.
    const run = "agent-vault run -s a/b -- COMMAND"
    expect(asActing(run, call("--owner"))).toBe(run)
  })
})

const call = (...argv: string[]) => parseQuickly(["get", "a/b", ...argv]) ?? expect.fail()

/** The words of a line, as a shell takes them. */
function words(line: string): string[] {
  return [...line.matchAll(/(?:[^\s']|'[^']*')+/g)].map(([word]) => word.replaceAll("'", ""))
}
