import {
  type AuditChain,
  type AuditLine,
  type UsedSecret,
  type Vault,
  compareHeads,
  readHeads,
  usedVersions,
} from "../../core/index.js"

/** What audits say of values, and how far they can be believed. */
export interface NotedUses {
  readonly files: readonly {
    readonly file: string
    readonly lines: number
    readonly broken: boolean
  }[]
  /** Chains that were published, which none of the files is. */
  readonly elsewhere: number
  /** By `GROUP/NAME@VERSION`. */
  readonly used: ReadonlyMap<string, UsedSecret>
}

/** What chains say of values that the agents used whom `isMeant` tells, from a time on. */
export function notedUses(
  files: readonly AuditChain[],
  vault: Vault,
  isMeant: (agent: string) => boolean,
  since = "",
): NotedUses {
  const chains = withoutCopies(files)
  const heads = readHeads(vault.files, vault.id).heads.filter(({ agent }) => isMeant(agent))
  const compared = compareHeads(chains, heads)
  const used = usedVersions(
    [...eachOnce(chains)].filter(
      ({ agent, vault: of, at }) =>
        agent !== undefined && isMeant(agent) && of === vault.id && at >= since,
    ),
  )
  const isContradicted = (chain: AuditChain): boolean =>
    compared.some(
      ({ head, is }) => head.chain === chain.id && (is === "changed" || is === "cut-off"),
    )
  const elsewhere = compared.flatMap(({ head, is }) => (is === "not-here" ? [head.chain] : []))
  return {
    files: chains.map((chain) => ({
      file: chain.file,
      lines: chain.lines.length,
      broken: chain.faults.length > 0 || isContradicted(chain),
    })),
    elsewhere: new Set(elsewhere).size,
    used: new Map(used.map((each) => [each.secret, each])),
  }
}

/**
 * Each chain once, as far as it goes; files without lines are none. Two machines that began with one
 * copy of the state folder have a chain that goes on in two ways: both count.
 */
function withoutCopies(files: readonly AuditChain[]): readonly AuditChain[] {
  return files.filter((chain, at) => {
    const isIn = (other: AuditChain, where: number): boolean => {
      const further = other.lines.length - chain.lines.length
      return holds(other, chain) && (further > 0 || (further === 0 && where < at))
    }
    return chain.id !== undefined && !files.some(isIn)
  })
}

/** Whether a chain has the last line of another one, and so all before it. */
function holds(longer: AuditChain, { id, lines }: AuditChain): boolean {
  const last = lines.length - 1
  return longer.id === id && longer.lines[last]?.digest === lines[last]?.digest
}

/** The lines of chains, those once that two of them begin with. */
function* eachOnce(chains: readonly AuditChain[]): Generator<AuditLine> {
  for (const [at, { id, lines }] of chains.entries()) {
    const before = chains.slice(0, at).filter((other) => other.id === id)
    for (const [place, { line, digest }] of lines.entries()) {
      if (!before.some((other) => other.lines[place]?.digest === digest)) yield line
    }
  }
}

/** Whether the audits that are here may lack something, or tell something else than was noted. */
export function isWhole({ files, elsewhere }: NotedUses): boolean {
  return elsewhere === 0 && !files.some(({ broken }) => broken)
}

/** The files that are not as they were written. */
export function brokenLines({ files }: NotedUses): string[] {
  return files
    .filter(({ broken }) => broken)
    .map(({ file }) => `${file} is not as it was written: see agent-vault audit verify`)
}
