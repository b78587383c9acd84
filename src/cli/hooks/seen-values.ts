import {
  type Environment,
  attempted,
  attributionOf,
  auditFolder,
  auditTo,
  claimedId,
  findVaultOrNone,
  loadOwnValues,
  utc,
} from "../../core/index.js"
import type { HookCall, HookVerdict } from "./hook-call.js"

type Find = (text: Uint8Array) => { secret: string; start: number; end: number }[]

/**
 * What is to be said of what came out of a tool: it as it is, or without the values of the vault
 * that agents whose key is here may read. Throws as opening the vault does.
 */
export async function judgeAfter(
  { cwd, output }: HookCall,
  env: Environment,
): Promise<HookVerdict> {
  if (output === undefined || output === null) return { is: "pass" }
  const { ownValuesAt } = await loadOwnValues()
  const own = await ownValuesAt(cwd, env)
  if (own === undefined || "why" in own || own.secrets === 0) return { is: "pass" }
  const names = new Set<string>()
  const clean = withoutValues(output, own.find, names)
  return names.size === 0 ? { is: "pass" } : { is: "output", output: clean, names: [...names] }
}

/**
 * Notes whose values were taken out of what a tool said, in the audit of the agent that the hook is
 * for. Nothing leaves by that, so what cannot be noted stops nothing.
 */
export function noteSeen(
  agent: string,
  { cwd, session, turn, call }: HookCall,
  env: Environment,
  names: readonly string[],
): void {
  const place = findVaultOrNone(cwd)
  if (place === undefined) return
  const vault = claimedId(place)
  const own = attributionOf(env)
  const by = { ...own, session: session ?? own.session, turn, call }
  const audit = auditTo({ folder: auditFolder(vault, env) }, by)
  const facts = { event: "output", decision: "redacted", door: "guard", vault } as const
  const actor = { role: "agent", name: agent } as const
  const at = utc(new Date())
  attempted(() => {
    audit.note(names.map((name) => ({ ...facts, at, actor, secrets: [{ name }] })))
    audit.close()
  })
}

/** The same value with each text in it searched, keys of objects too. */
function withoutValues(value: unknown, find: Find, names: Set<string>): unknown {
  if (typeof value === "string") return textWithout(value, find, names)
  if (Array.isArray(value)) return value.map((each) => withoutValues(each, find, names))
  if (typeof value !== "object" || value === null) return value
  return Object.fromEntries(
    Object.entries(value).map(([key, each]) => [
      textWithout(key, find, names),
      withoutValues(each, find, names),
    ]),
  )
}

function textWithout(text: string, find: Find, names: Set<string>): string {
  const bytes = Buffer.from(text)
  const found = find(bytes).toSorted((a, b) => a.start - b.start || b.end - a.end)
  if (found.length === 0) return text
  const parts: Buffer[] = []
  let at = 0
  for (const { secret, start, end } of found) {
    names.add(secret)
    if (end <= at) continue
    if (start >= at) parts.push(bytes.subarray(at, start), Buffer.from(`[REDACTED ${secret}]`))
    at = end
  }
  return Buffer.concat([...parts, bytes.subarray(at)]).toString()
}
