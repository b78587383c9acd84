import type { Git } from "../git/git.js"
import { isShallowClone, readObjects, refusePartial, sizesOf } from "../git/git-objects.js"
import {
  type AgentRecord,
  type GroupRecord,
  type SecretRecord,
  type VaultDocument,
  type VaultRecord,
  decodeRecord,
  digestOf,
} from "../records/record.js"
import { everyVerifier } from "../records/owners.js"
import type { Verifier } from "../records/signature.js"
import { changesOf } from "../undone/blobs.js"
import type { Vault } from "../vault/vault.js"
import { VaultError } from "../words/errors.js"
import { VAULT_RECORD, classify, limitOf } from "../words/layout.js"
import type { Progress } from "../words/progress.js"
import { utc } from "../words/time.js"
import { formerFolders } from "./former-folders.js"
import type { VaultInGit } from "./past-records.js"

/** A record as a commit brought it first, verified by whoever was an owner at any time. */
export interface SignedVersion<R extends VaultDocument> {
  readonly record: R
  /** Of its bytes. */
  readonly digest: string
  /** The earliest commit that has it; undefined where only the work tree does. */
  readonly commit: string | undefined
  /** When that was made, as Git says it: UTC, `YYYY-MM-DDTHH:MM:SSZ`. Nobody signs it. */
  readonly at: string
}

/** What a commit has in a record's place that no owner signed, or Git cannot hand out: it counts for nothing. */
export interface Uncounted {
  readonly path: string
  readonly commit: string | undefined
  readonly why: string
}

/** A record that others name, and no branch or tag here leads to. */
export interface MissingPast {
  readonly path: string
  readonly what: string
}

interface WalkedRecord {
  readonly path: string
  readonly commit: string | undefined
  readonly at: string
  readonly bytes: Uint8Array | undefined
  readonly digest: string
}

/**
 * All that the commits of a repository have of a vault's records: of every branch and tag that is
 * here, since whoever has a key has the clone. Read in one walk; verified as it is asked for.
 */
export class SignedPast {
  /** Where the vault lies, and lay, from the top of the work tree. */
  readonly folders: readonly string[]
  /** Whether commits before some are not in this clone. */
  readonly isShallow: boolean
  /** When a path was removed last, by path, as Git says it. */
  readonly removals: ReadonlyMap<string, string>
  readonly uncounted: Uncounted[] = []
  readonly #vault: Vault
  readonly #found: readonly WalkedRecord[]
  readonly #owners: ReadonlyMap<string, Verifier>
  readonly #onProgress: Progress | undefined

  private constructor(
    vault: Vault,
    found: readonly WalkedRecord[],
    removals: ReadonlyMap<string, string>,
    folders: readonly string[],
    isShallow: boolean,
    onProgress: Progress | undefined,
  ) {
    this.#vault = vault
    this.#found = found
    this.#owners = everyVerifier(vault.record)
    this.removals = removals
    this.folders = folders
    this.isShallow = isShallow
    this.#onProgress = onProgress
  }

  /** Walks the repository of a vault; `onProgress` hears of each record that is verified. Throws `GIT_FAILED`. */
  static async of(
    { vault, git, folder }: VaultInGit,
    now: Date,
    onProgress?: Progress,
  ): Promise<SignedPast> {
    const folders = await formerFolders(git, folder)
    const times = await commitTimes(git, folders)
    const { blobs, removals } = await recordBlobs(git, folders, times)
    const found = await contentsOf(git, blobs)
    const known = new Set(found.map(({ path, digest }) => `${path} ${digest}`))
    const here = workTree(vault, now).filter(({ path, digest }) => !known.has(`${path} ${digest}`))
    return new SignedPast(
      vault,
      [...found, ...here],
      removals,
      folders,
      await isShallowClone(git),
      onProgress,
    )
  }

  groups(): SignedVersion<GroupRecord>[] {
    return this.#versions("group", ({ path }) => classify(path).is === "group")
  }

  /** Of one agent. */
  agents(path: string): SignedVersion<AgentRecord>[] {
    return this.#versions("agent", (found) => found.path === path)
  }

  /** Of all secrets, or of those at these paths. */
  secrets(paths?: ReadonlySet<string>): SignedVersion<SecretRecord>[] {
    return this.#versions("secret", ({ path }) => {
      return paths === undefined ? classify(path).is === "secret" : paths.has(path)
    })
  }

  vaults(): SignedVersion<VaultRecord>[] {
    return this.#versions("vault", ({ path }) => path === VAULT_RECORD)
  }

  /** Every path that ever had a record. */
  paths(): ReadonlySet<string> {
    return new Set(this.#found.map(({ path }) => path))
  }

  /**
   * The paths that a secret's values had, from one of them on: each record names the one that it
   * replaced, under another name too. Nothing is verified for that.
   */
  pathsLinkedTo(path: string): ReadonlySet<string> {
    const secrets = this.#found.filter((found) => classify(found.path).is === "secret")
    const pathOf = new Map(secrets.map((found) => [found.digest, found.path]))
    const links = secrets.flatMap((found) => {
      const before = pathOf.get(previousIn(found.bytes) ?? "")
      return before === undefined || before === found.path ? [] : [[before, found.path] as const]
    })
    const linked = new Set([path])
    for (const each of linked) {
      for (const [one, other] of links) {
        if (one === each) linked.add(other)
        if (other === each) linked.add(one)
      }
    }
    return linked
  }

  #versions<K extends "vault" | "agent" | "group" | "secret">(
    kind: K,
    isMeant: (found: WalkedRecord) => boolean,
  ): SignedVersion<ReturnType<typeof decodeRecord<K>>>[] {
    const meant = this.#found.filter(isMeant)
    return meant.flatMap(({ path, commit, at, bytes, digest }, index) => {
      this.#onProgress?.(index + 1, meant.length, `verifying ${kind} records`)
      try {
        if (bytes === undefined) throw new VaultError("RECORD_INVALID", `${path} cannot be read`)
        const record = decodeRecord(kind, path, bytes, this.#vault.id, this.#owners)
        return [{ record, digest, commit, at }]
      } catch (error) {
        if (!VaultError.is(error)) throw error
        this.uncounted.push({ path, commit, why: error.message })
        return []
      }
    })
  }
}

/** When each commit was made that may have changed the vault. */
async function commitTimes(
  git: Git,
  folders: readonly string[],
): Promise<ReadonlyMap<string, string>> {
  const walk = ["rev-list", "--full-history", "--format=%at", "--all", "--", ...folders]
  const printed = (await git.run(walk)).toString("utf8")
  const entries = printed.matchAll(/^commit ([0-9a-f]{40,64})\n(.*)$/gm)
  return new Map([...entries].map(([, id = "", at]) => [id, timeOf(Number(at))]))
}

/** Anybody may write any time into a commit, also one that no calendar has. */
function timeOf(seconds: number): string {
  const bounded = Math.min(Math.max(seconds || 0, 0), LAST_SECOND)
  return utc(new Date(bounded * 1000))
}

/** Of the year 9999. */
const LAST_SECOND = 253_402_300_799

interface RecordBlob {
  readonly path: string
  readonly blob: string
  readonly commit: string
  readonly at: string
}

/** Each record's blobs, with the earliest commit of each. */
async function recordBlobs(
  git: Git,
  folders: readonly string[],
  times: ReadonlyMap<string, string>,
): Promise<{ blobs: RecordBlob[]; removals: ReadonlyMap<string, string> }> {
  const earliest = new Map<string, RecordBlob>()
  const removals = new Map<string, string>()
  for (const folder of folders) {
    for (const [file, changes] of await changesOf(git, [...times.keys()], folder)) {
      const path = file.slice(folder.length + 1)
      if (!RECORDS.has(classify(path).is)) continue
      for (const { commit, after } of changes) {
        const at = times.get(commit) ?? ""
        if (after === undefined) {
          if (at > (removals.get(path) ?? "")) removals.set(path, at)
          continue
        }
        const key = `${path} ${after}`
        const before = earliest.get(key)
        if (before === undefined || at < before.at) {
          earliest.set(key, { path, blob: after, commit, at })
        }
      }
    }
  }
  return { blobs: [...earliest.values()], removals }
}

const RECORDS: ReadonlySet<string> = new Set(["vault", "agent", "group", "secret"])

async function contentsOf(git: Git, blobs: readonly RecordBlob[]): Promise<WalkedRecord[]> {
  const sizes = await sizesOf(
    git,
    blobs.map(({ blob }) => blob),
  )
  const fits = blobs.map(({ path }, index) => (sizes[index] ?? 0) <= limitOf(path))
  const read = await readObjects(
    git,
    blobs.filter((_, index) => fits[index]).map(({ blob }) => blob),
  )
  refusePartial(git, read)
  let next = 0
  return blobs.map(({ path, commit, at }, index) => {
    const bytes = fits[index] === true ? read[next++]?.bytes : undefined
    return { path, commit, at, bytes, digest: bytes === undefined ? "" : digestOf(bytes) }
  })
}

/** What is not committed yet: a merge that is under way. */
function workTree({ files }: Vault, now: Date): WalkedRecord[] {
  return files.list().flatMap((path) => {
    if (!RECORDS.has(classify(path).is)) return []
    const bytes = files.read(path)
    if (bytes === undefined) return []
    return [{ path, commit: undefined, at: utc(now), bytes, digest: digestOf(bytes) }]
  })
}

function previousIn(bytes: Uint8Array | undefined): string | undefined {
  try {
    const { previous } = JSON.parse(Buffer.from(bytes ?? []).toString("utf8")) as {
      previous?: unknown
    }
    return typeof previous === "string" ? previous : undefined
  } catch {
    return undefined
  }
}
