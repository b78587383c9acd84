import * as fc from "fast-check"
import { describe, expect, test } from "vitest"
import type { CommandSpec, OptionSpec } from "../../src/cli/call.js"
import { parseQuickly } from "../../src/cli/quick.js"
import { COMMANDS } from "../../src/cli/table.js"
import { parseFully } from "../../src/cli/yargs.js"

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
      const argv = [...spec.name.split(" "), ...fewestWords(spec), ...given]
      const call = parseFully(argv)
      expect(call.options).toEqual({ [name]: option.value === undefined ? true : sample(option) })
      expect(parseQuickly(argv) ?? call).toEqual(call)
    }
  })

  test.each(COMMANDS.map((spec) => ({ spec })))("$spec.name needs no option", ({ spec }) => {
    const words = fewestWords(spec)
    const argv = [...spec.name.split(" "), ...words]
    expect(parseQuickly(argv)).toEqual({ command: spec.name, words, options: {} })
    expect(parseFully(argv)).toEqual(parseQuickly(argv))
  })
})

test("an option of the same name is the same kind of option everywhere", () => {
  const kinds = new Map<string, boolean>()
  for (const { options } of COMMANDS) {
    for (const [name, { value }] of Object.entries<OptionSpec>(options)) {
      expect(kinds.get(name) ?? value !== undefined, name).toBe(value !== undefined)
      kinds.set(name, value !== undefined)
    }
  }
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
  return [[`--${name}`, value], [`--${name}=${value}`]]
}

function sample({ choices, implied }: OptionSpec): string {
  return implied ?? choices?.[0] ?? "some-value"
}

function fewestWords({ words }: CommandSpec): string[] {
  return words.split(" ").filter((part) => part.startsWith("<"))
}
