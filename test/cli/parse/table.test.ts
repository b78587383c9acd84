import * as fc from "fast-check"
import { describe, expect, test } from "vitest"
import { type CommandSpec, type OptionSpec, takesCommand } from "../../../src/cli/parse/call.js"
import { parseQuickly } from "../../../src/cli/parse/quick.js"
import { COMMANDS } from "../../../src/cli/parse/table.js"
import { parseFully } from "../../../src/cli/parse/yargs.js"

describe("the two parsers", () => {
  test("agree wherever the quick one is certain", () => {
    let understood = 0
    fc.assert(
      fc.property(commandLine, (argv) => {
        const quick = parseQuickly(argv)
        if (quick === undefined) return
        understood += 1
        expect(parseFully(argv)).toEqual(quick)
      }),
      { numRuns: 3000 },
    )
    expect(understood).toBeGreaterThan(300)
  })

  const options = COMMANDS.flatMap((spec) =>
    Object.entries(spec.options).map(([name, option]) => ({ spec, name, option })),
  )
  test.each(options)("$spec.name --$name is understood as documented", ({ spec, name, option }) => {
    for (const given of forms(name, option)) {
      const argv = commandLineOf(spec, given)
      const call = parseFully(argv)
      const value = option.many === true ? [sample(option)] : sample(option)
      expect(call.options).toEqual({ [name]: option.value === undefined ? true : value })
      expect(parseQuickly(argv) ?? call).toEqual(call)
    }
  })

  test.each(COMMANDS.map((spec) => ({ spec })))("$spec.name needs no option", ({ spec }) => {
    const words = fewestWords(spec)
    const argv = commandLineOf(spec, [])
    expect(parseQuickly(argv)).toEqual({ command: spec.name, words, options: {} })
    expect(parseFully(argv)).toEqual(parseQuickly(argv))
  })
})

test("an option of the same name is the same kind of option everywhere", () => {
  const kinds = new Map<string, string>()
  for (const { options } of COMMANDS) {
    for (const [name, { value, short }] of Object.entries<OptionSpec>(options)) {
      const kind = JSON.stringify([value !== undefined, short])
      expect(kinds.get(name) ?? kind, name).toBe(kind)
      kinds.set(name, kind)
    }
  }
})

describe("a command line for another program", () => {
  const words = ["npm", "run", "-s", "--json", "--", "true", "--generate", "-g"]

  test.each([
    [["-s", "a/b"], { secret: ["a/b"] }],
    [
      ["-s", "a/b", "--secret", "c/d", "-g", "x", "--secret=e/f"],
      { secret: ["a/b", "c/d", "e/f"], group: ["x"] },
    ],
    [["--clean-env"], { "clean-env": true }],
  ])("%j: what stands behind the dashes is not ours", (given, options) => {
    const argv = ["run", ...given, "--", ...words]
    expect(parseFully(argv)).toEqual({ command: "run", words, options })
    expect(parseQuickly(argv)).toEqual(parseFully(argv))
  })

  test.each([
    [["run"]],
    [["run", "--"]],
    [["run", "-s", "a/b"]],
    [["run", "-s", "a/b", "npm", "start"]],
  ])("%j: the dashes and a command are needed", (argv) => {
    expect(parseQuickly(argv)?.words.length ?? 0).toBe(0)
    expect(() => parseFully(argv)).toThrow("behind two dashes")
  })

  test("what stands before the dashes is no secret, and the options that name one are told", () => {
    const argv = ["run", "stripe", "--", "npm", "start"]
    expect(parseQuickly(argv)).toBeUndefined()
    expect(() => parseFully(argv)).toThrow(
      expect.objectContaining({
        message: "run takes only options before the two dashes",
        hint: "-s GROUP/NAME names a secret, -g GROUP all of a group",
      }),
    )
  })
})

const odd = fc.constantFrom(
  ..."true|false|-|--||-x|-5|1e3|0x10|--no-json|--__proto__|--toString|--_|--$0|a=b|=|é|a b|\n".split(
    "|",
  ),
)
const word = fc.oneof(fc.constantFrom("stripe/api-key", "ci", "stripe"), odd, fc.string())

/** The command lines of a command, mostly sensible, sometimes not. */
const commandLine = fc.constantFrom(...COMMANDS).chain((spec) => {
  const own = fc.constantFrom(...Object.keys(spec.options), "dir", "json", "frob")
  const option = fc
    .tuple(own, word)
    .chain(([name, value]) =>
      fc.constantFrom([`--${name}`], [`--${name}`, value], [`--${name}=${value}`], [`--${name}=`]),
    )
  const argument = fc.oneof(
    { weight: 3, arbitrary: word.map((text) => [text]) },
    { weight: 3, arbitrary: option },
  )
  return fc
    .array(argument, { maxLength: 5 })
    .map((rest) => [...spec.name.split(" "), ...rest.flat()])
})

function forms(name: string, option: OptionSpec): string[][] {
  if (option.value === undefined) return [[`--${name}`]]
  const value = sample(option)
  if (option.implied !== undefined) return [[`--${name}=${value}`], [`--${name}`]]
  const short = option.short === undefined ? [] : [[`-${option.short}`, value]]
  return [[`--${name}`, value], [`--${name}=${value}`], ...short]
}

function sample({ choices, implied }: OptionSpec): string {
  return implied ?? choices?.[0] ?? "some-value"
}

function commandLineOf(spec: CommandSpec, options: readonly string[]): string[] {
  const dashes = takesCommand(spec) ? ["--"] : []
  return [...spec.name.split(" "), ...options, ...dashes, ...fewestWords(spec)]
}

function fewestWords({ words }: CommandSpec): string[] {
  return words.split(" ").filter((part) => part.startsWith("<"))
}
