import {
  type AuditChain,
  type ComparedHead,
  type VaultError,
  auditSignerOf,
  compareHeads,
  readChain,
  readHeads,
} from "../../../core/index.js"
import type { Door } from "../../door/door.js"
import { auditFilesOf } from "../../door/noted.js"
import { readingVault } from "../../door/reading.js"
import { asJson, counted, print, tell } from "../../door/render.js"
import { identityIfSet, placeOf } from "../../door/who.js"

export async function run(door: Door): Promise<number> {
  const place = placeOf(door)
  const key = await identityIfSet(door, place)
  const chains = auditFilesOf(door).map((file) => readChain(file))
  const { heads, invalid } = await readingVault(door, place, key?.trust, ({ files, id }) =>
    readHeads(files, id),
  )
  const own = key === undefined ? undefined : auditSignerOf(key.identity)
  const compared = compareHeads(chains, heads).map((each) => ({
    ...each,
    signedBy: signedBy(each, key?.agent, own),
  }))
  const isBroken =
    chains.some(({ faults }) => faults.length > 0) ||
    invalid.length > 0 ||
    compared.some(
      ({ is, signedBy: by }) => is === "changed" || is === "cut-off" || by === "another",
    )
  const isMissing = compared.some(({ is }) => is === "not-here")
  const code = isBroken ? 5 : isMissing ? 1 : 0
  const document = {
    chains: chains.map(({ lines, ...chain }) => ({ ...chain, lines: lines.length })),
    heads: compared,
    invalid: invalid.map(({ code: why, message }) => ({ code: why, message })),
  }
  if (await asJson(door, { ...document, exitCode: code })) return code
  await print(door, [
    ...chains.flatMap((chain) => chainLines(chain, compared)),
    ...invalid.map((error: VaultError) => `BROKEN  ${error.message}`),
    ...compared.flatMap(headLines),
  ])
  if (chains.length === 0) tell(door, "Nothing is noted on this machine.")
  return code
}

type Signer = "this-key" | "another" | "unknown"
type SignedHead = ComparedHead & { readonly signedBy: Signer }

/** Only the agent's key says which signer is its own. */
function signedBy(
  { head }: ComparedHead,
  agent: string | undefined,
  own: string | undefined,
): Signer {
  if (own === undefined || head.agent !== agent) return "unknown"
  return head.signature.signer === own ? "this-key" : "another"
}

function chainLines(chain: AuditChain, heads: readonly SignedHead[]): string[] {
  const { file, id, lines, pieces, faults } = chain
  const last = lines.at(-1)?.line.seq ?? 0
  const held = heads.filter(
    ({ head, is }) => head.chain === id && is === "held" && head.seq <= last,
  )
  const published = held.reduce((most, { head }) => Math.max(most, head.seq), 0)
  const whole = faults.length === 0 ? "whole  " : "BROKEN "
  const left =
    pieces === 0 ? "" : `, and ${counted(pieces, "piece")} that ${pieces === 1 ? "is" : "are"} none`
  return [
    `${whole} ${file}: ${counted(lines.length, "line")}${left}`,
    ...faults.map(({ line, what }) => `    line ${line} ${what}`),
    published === 0
      ? "    no head is published: whoever can write the file can write all of it anew"
      : last > published
        ? `    published up to line ${published}: what follows can be cut off or written anew`
        : `    published up to line ${published}, its last`,
  ]
}

function headLines({ head, is, signedBy: by }: SignedHead): string[] {
  const name = `${head.agent}, line ${head.seq} of ${head.chain.slice(0, 23)}, signed ${head.at}`
  const said = {
    held: [],
    changed: [`BROKEN  ${name}: another line is there now`],
    "cut-off": [`BROKEN  ${name}: the chain ends before it, or lacks it`],
    "not-here": [`not here  ${name}: moved away, of another machine, or removed; name its file`],
  }[is]
  const forged = by === "another" ? [`BROKEN  ${name}: signed by another key`] : []
  return [...said, ...forged]
}
