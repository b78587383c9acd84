import { VaultError } from "../../../core/index.js"
import type { TrialStep } from "../../../serving/blind-program.js"
import type { Door } from "../../door/door.js"
import { fromHere, inSameFolder } from "../../door/from-here.js"
import { asJson, print, table, tell } from "../../door/render.js"
import { isSet } from "../../door/who.js"
import { type SeenHere, lookAround } from "../../doctor/look-around.js"
import { type Probed, probeClient, probeTerms } from "../../doctor/probe-client.js"

/** Ends with 1 if something is wrong. */
export function run(door: Door): Promise<number> {
  const { words, options } = door.call
  if (words.length === 0) return examine(door)
  if (!("fix" in options)) return probe(door, words)
  throw new VaultError(
    "USAGE",
    "--fix mends this machine, and a command behind -- tries a client",
    {
      hint: "give one of them",
    },
  )
}

/** This machine and this clone. */
async function examine(door: Door): Promise<number> {
  const tried = isSet(door, "fix") ? await mend(door, await lookAround(door)) : []
  const seen = await lookAround(door)
  const left = new Set(seen.filter(({ fix }) => fix !== undefined).map(named))
  const fixed = tried.filter((step) => !left.has(step))
  const code = seen.some(({ is }) => is === "wrong") ? 1 : 0
  const steps = seen.map(({ step, is, saw, mend: way }) => ({
    step,
    is,
    saw,
    ...(way && { mend: fromHere(way, door.call, () => door.cwd) }),
  }))
  if (await asJson(door, { fixed, steps, exitCode: code })) return code
  tell(door, ...fixed.map((step) => `Mended: ${step}`))
  await print(door, stepLines(steps))
  const next = "Whether a client follows the broker: agent-vault doctor -- CLIENT [ARG…] {url}"
  const canBeMended = seen.some(({ fix }) => fix !== undefined)
  const fix = canBeMended && !isSet(door, "fix")
  const all = fix ? ["What needs no key and no answer: agent-vault doctor --fix", next] : [next]
  tell(door, ...all.map((line) => inSameFolder(line, door.call)))
  return code
}

function named({ step, mend: way = "" }: SeenHere): string {
  return `${step} (${way})`
}

/** Tries to mend what can be, one after the other; returns what did not fail. */
async function mend(door: Door, seen: readonly SeenHere[]): Promise<string[]> {
  const fixed: string[] = []
  for (const each of seen) {
    const { step, fix } = each
    if (fix === undefined) continue
    try {
      await fix()
      fixed.push(named(each))
    } catch (error) {
      if (!VaultError.is(error)) throw error
      tell(door, `Not mended: ${step}: ${error.message}`)
    }
  }
  return fixed
}

/** A client that is to follow the broker. */
async function probe(door: Door, command: readonly string[]): Promise<number> {
  const probed = await probeClient(door, command, probeTerms(door))
  const code = probed.steps.every(({ is }) => is === "good") ? 0 : 1
  const { ended, steps, holds, url } = probed
  if (await asJson(door, { url, holds, ended, steps, exitCode: code })) return code
  tellProgram(door, probed)
  await print(
    door,
    stepLines(steps.map((each) => ({ ...each, step: STEPS[each.step] ?? each.step }))),
  )
  return code
}

function tellProgram(door: Door, { ended, holds, url }: Probed): void {
  tell(door, `The client ended with ${ended}. It was to reach ${url}, on this machine.`)
  tell(door, `It was ${holds}.`)
}

const SIGNS = { good: "ok", wrong: "WRONG", unknown: "-" } as const

/** What each step of a client is about, for people. */
const STEPS: Readonly<Record<string, string>> = {
  proxy: "comes to the broker",
  token: "shows the token",
  host: "asks for the host",
  authority: "trusts the authority",
  placeholder: "sends the placeholder",
  value: "the value is put in",
  reply: "takes the reply",
}

function stepLines(steps: readonly TrialStep[]): string[] {
  const rows = table(steps.map(({ step, is, saw }) => [step, SIGNS[is], saw]))
  return steps.flatMap(({ mend: way }, at) => [
    rows[at] ?? "",
    ...(way === undefined ? [] : [`    ${way}`]),
  ])
}
