import { auditFileOf, auditFolder } from "../audit/audit.js"
import { type AuditChain, readChain } from "../audit/audit-chain.js"
import { type AuditHead, readHeads, signHead } from "../audit/audit-head.js"
import { compareHeads } from "../audit/verify-audit.js"
import { clearWay } from "../commit/leftovers.js"
import { withLock } from "../commit/lock.js"
import { type Committed, changeableBranch, commitChange } from "../commit/transaction.js"
import type { Environment } from "../disk/homes.js"
import { type Checkout, type Place, findVault, gitPath } from "../disk/place.js"
import { checkoutAround, openGit } from "../git/git.js"
import { blobId } from "../git/git-objects.js"
import type { Key } from "../keys/key-files.js"
import { encodeRecord } from "../records/record.js"
import { withVault } from "../vault/open.js"
import { type Vault, findAgent, listAgents } from "../vault/vault.js"
import { VaultError } from "../words/errors.js"
import type { MaybeUnfinished } from "../words/unfinished.js"
import { utc } from "../words/time.js"

/** Whose audit is published, and from where. */
export interface PublishRequest {
  readonly place: Place
  readonly key: Key
  readonly env: Environment
  readonly now: Date
}

/** What was published: nothing, if there is no line, or the last head says all there is. */
export interface Published extends MaybeUnfinished {
  readonly head: AuditHead | undefined
  readonly commit?: string
  /** Whether there is a remote to share it by. */
  readonly hasRemote: boolean
}

/**
 * Signs how far the agent's audit on this machine has come, and commits that as one new file of the
 * vault. Needs no owner, and touches no record. Throws `NOT_GRANTED` for a key of no agent,
 * `AUDIT_BROKEN` for a chain that does not hold, and what a change throws.
 */
export async function publishAudit(request: PublishRequest): Promise<Published> {
  const { gitFolder } = checkoutOf(request.place)
  return withLock<Published>(gitFolder, async (lock) => {
    const place = findVault(request.place.root)
    const git = await openGit(checkoutOf(place), request.env)
    await clearWay(git)
    const due = await withVault(place, request.key.trust, request.env, (vault) =>
      dueHead(vault, request),
    )
    const { hasRemote } = git
    if (due === undefined) return { head: undefined, hasRemote }
    const { head, replaces } = due
    const folder = gitPath(git.checkout, place.root)
    const path = `${folder}/${head.path}`
    const committed: Committed = await commitChange(git, lock, {
      files: new Map([[path, encodeRecord(head)]]),
      observed: new Map([[path, replaces && blobId(replaces, git.hash)]]),
      message: `agent-vault: audit of ${head.agent} up to line ${head.seq}`,
      folder,
    })
    return { head, hasRemote, ...committed }
  })
}

/** A head that is to be published, and what stands at its place. */
interface DueHead {
  readonly head: AuditHead
  readonly replaces: Uint8Array | undefined
}

function dueHead(vault: Vault, { key, env, now }: PublishRequest): DueHead | undefined {
  const agent = agentOf(vault, key)
  const file = auditFileOf(auditFolder(vault.id, env), { role: "agent", name: agent })
  const chain = readChain(file)
  const last = chain.lines.at(-1)
  if (chain.id === undefined || last === undefined) return undefined
  const facts = { vault: vault.id, agent, chain: chain.id, head: last.digest, at: utc(now) }
  const head = signHead({ ...facts, seq: last.line.seq }, key.identity)
  // Whoever can push can add a head under this agent's name; by another key it proves nothing.
  const own = readHeads(vault.files, vault.id).heads.filter(
    ({ signature }) => signature.signer === head.signature.signer,
  )
  refuseBroken(chain, own)
  if (own.some(({ path }) => path === head.path)) return undefined
  return { head, replaces: vault.files.read(head.path) }
}

function agentOf(vault: Vault, key: Key): string {
  const agent = listAgents(vault).find(
    (name) => findAgent(vault, name)?.recipient === key.recipient,
  )
  if (agent !== undefined) return agent
  throw new VaultError("NOT_GRANTED", "this key is not that of an agent of this vault", {
    hint: "an agent publishes the head of its own audit: --agent NAME",
  })
}

/** What does not hold is not signed: a head would vouch for it. */
function refuseBroken(chain: AuditChain, heads: readonly AuditHead[]): void {
  const isContradicted = compareHeads([chain], heads).some(
    ({ is }) => is === "changed" || is === "cut-off",
  )
  if (chain.faults.length === 0 && !isContradicted) return
  throw new VaultError("AUDIT_BROKEN", `the audit ${chain.file} is not as it was written`, {
    hint: "see what does not hold: agent-vault audit verify; to begin a new chain, move the file away",
  })
}

function checkoutOf(place: Place): Checkout {
  const hint = "publish from a clone of the vault's repository"
  const checkout = checkoutAround(findVault(place.root), hint)
  changeableBranch(checkout)
  return checkout
}
