import type { Door, Looked } from "../../door/door.js"
import { asJson, print, table, tell } from "../../door/render.js"
import { type Probed, probeClient, probeTerms } from "../../doctor/probe-client.js"

/** Ends with 1 if something is wrong. */
export async function run(door: Door): Promise<number> {
  return probe(door, door.call.words)
}

async function probe(door: Door, command: readonly string[]): Promise<number> {
  const probed = await probeClient(door, command, probeTerms(door))
  const code = probed.steps.every(({ is }) => is === "good") ? 0 : 1
  const { ended, steps, holds, url } = probed
  if (await asJson(door, { url, holds, ended, steps, exitCode: code })) return code
  tellProgram(door, probed)
  await print(door, stepLines(steps))
  return code
}

function tellProgram(door: Door, { ended, holds, url }: Probed): void {
  tell(door, `The client ended with ${ended}. It was to reach ${url}, on this machine.`)
  tell(door, `It was ${holds}.`)
}

const SIGNS = { good: "ok", wrong: "WRONG", unknown: "-" } as const

/** What each step is about, for people. */
const STEPS: Readonly<Record<string, string>> = {
  proxy: "comes to the broker",
  token: "shows the token",
  host: "asks for the host",
  authority: "trusts the authority",
  placeholder: "sends the placeholder",
  value: "the value is put in",
  reply: "takes the reply",
}

function stepLines(steps: Probed["steps"]): string[] {
  const rows = table(steps.map(({ step, is, saw }) => [STEPS[step] ?? step, SIGNS[is], saw]))
  return steps.flatMap(({ mend }: Looked, at) => [
    rows[at] ?? "",
    ...(mend === undefined ? [] : [`    ${mend}`]),
  ])
}
