import { randomBytes } from "node:crypto"
import { existsSync } from "node:fs"
import { dirname, join } from "node:path"
import { type KeyKind, generateIdentity, recipientOf, sealWithPassphrase } from "../age/age.js"
import { VaultError } from "../words/errors.js"
import { removeEmptyFolder, removeFile } from "../disk/files.js"
import { lookAt, realPath } from "../disk/at-path.js"
import { branchMarks, markOf } from "../memory/marks.js"
import { openGit } from "../git/git.js"
import { type Environment, inHome } from "../disk/homes.js"
import { journalExists, lockExists, refuseIncomplete } from "../disk/journal-file.js"
import { formatKeyFile, ownerKeyFile } from "../keys/key-files.js"
import { writeKeyFile } from "../keys/kept-key-files.js"
import {
  ATTRIBUTES,
  ATTRIBUTE_LINES,
  MANIFEST,
  VAULT_FOLDER,
  VAULT_RECORD,
} from "../words/layout.js"
import { clearWay } from "../commit/leftovers.js"
import { withLock } from "../commit/lock.js"
import { newManifest } from "../records/manifest.js"
import { parseOwnerName } from "../words/names.js"
import { signOwner } from "../records/owners.js"
import { type Checkout, findCheckout, foreign, gitPath } from "../disk/place.js"
import { type OwnerEntry, type VaultRecord, encodeRecord, signRecord } from "../records/record.js"
import { repair } from "../commit/repair.js"
import { signingKey } from "../records/signature.js"
import { rememberKnownVault, knownVaultFile } from "../memory/known-vault.js"
import { utc } from "../words/time.js"
import { changeableBranch, commitChange } from "../commit/transaction.js"
import { attempted } from "../words/system-error.js"
import { type MaybeUnfinished, withUnfinished } from "../words/unfinished.js"
import { commitOf, committedFiles } from "../git/git-objects.js"
import type { OnNote } from "../words/note.js"
import { writePin } from "../memory/trust.js"

export interface InitRequest {
  /** The folder that gets the vault; it must be in a Git work tree. */
  readonly folder: string
  /** The owner's name in the vault. */
  readonly name: string
  readonly keys: KeyKind
  /** Protects the owner's key file; none when undefined. */
  readonly passphrase?: string | undefined
  readonly env: Environment
  readonly now: Date
  readonly dryRun?: boolean | undefined
  readonly onNote?: OnNote | undefined
}

/** What `init` made. */
export interface NewVault extends MaybeUnfinished {
  readonly vault: string
  readonly root: string
  readonly owner: string
  readonly signer: string
  readonly recipient: string
  readonly keyFile: string
  /** Relative to the vault. */
  readonly files: readonly string[]
}

/**
 * Makes a vault in a Git work tree and its first owner's key outside it, pins that owner, and
 * commits. Throws `EXISTS`, `NO_REPOSITORY`, `FOREIGN_VAULT`, `KEY_UNSAFE`.
 */
export async function init(request: InitRequest): Promise<NewVault> {
  const name = parseOwnerName(request.name)
  const { root, checkout } = await freePlace(request)
  const draft = await draftVault(name, request.keys)
  const made = describe(draft, root, request.env)
  if (request.dryRun === true) return made
  await writeOwnerKey(made, draft.identity, request)
  const { unfinished = [] } = await withKey(made, draft, checkout, request)
  const unremembered = attempted(() => rememberVault(root, checkout, draft, request.env))
  return withUnfinished(made, ...unfinished, unremembered)
}

/** Commits the vault whose key is written; only a key that opens nothing for certain is removed. */
async function withKey(
  { root, keyFile }: NewVault,
  { files }: VaultDraft,
  checkout: Checkout,
  request: InitRequest,
): Promise<MaybeUnfinished> {
  try {
    return await commitVault(checkout, root, files, request)
  } catch (error) {
    if (await isNotMade(checkout, root, request.env)) {
      attempted(() => removeOwnerKey(keyFile))
    } else {
      request.onNote?.(`the owner's key is kept, since the vault may be made: ${keyFile}`)
    }
    throw error
  }
}

/** Whether neither a commit nor a journal, which may still become one, has the vault. */
async function isNotMade(checkout: Checkout, root: string, env: Environment): Promise<boolean> {
  try {
    if (journalExists({ root, checkout })) return false
    const git = await openGit(checkout, env)
    const tip = await commitOf(git, changeableBranch(checkout))
    const record = `${gitPath(checkout, root)}/${VAULT_RECORD}`
    return (await committedFiles(git, tip, record)).size === 0
  } catch {
    return false
  }
}

/** Where the vault will be: in a work tree whose branch can be changed, and not there yet. */
async function freePlace(request: InitRequest): Promise<{ root: string; checkout: Checkout }> {
  const checkout = requireWorkTree(request.folder)
  const root = join(realPath(request.folder), VAULT_FOLDER)
  const place = { root, checkout }
  if (request.dryRun === true) refuseIncomplete(place)
  else if (journalExists(place) || lockExists(place)) await repair(checkout.top, request.env)
  refuseExisting(root)
  changeableBranch(checkout)
  return place
}

/** A vault that exists in memory only. */
interface VaultDraft {
  readonly record: VaultRecord
  readonly owner: OwnerEntry
  readonly identity: string
  /** By path, relative to the vault. */
  readonly files: ReadonlyMap<string, Uint8Array>
}

async function draftVault(name: string, keys: KeyKind): Promise<VaultDraft> {
  const vault = randomBytes(16).toString("hex")
  const identity = await generateIdentity(keys)
  const recipient = await recipientOf(identity)
  const key = signingKey(identity)
  const owner = signOwner(vault, { name, recipient, signer: key.signer, since: 1 }, key)
  const record = signRecord<VaultRecord>(
    { kind: "vault", vault, path: VAULT_RECORD, serial: 1, keys, owners: [owner] },
    key,
  )
  const files = new Map<string, Uint8Array>([
    [ATTRIBUTES, Buffer.from(`${ATTRIBUTE_LINES.join("\n")}\n`)],
    [MANIFEST, Buffer.from(newManifest(vault))],
    [VAULT_RECORD, encodeRecord(record)],
  ])
  return { record, owner, identity, files }
}

function describe({ record, owner, files }: VaultDraft, root: string, env: Environment): NewVault {
  const { vault } = record
  const { name, signer, recipient } = owner
  const keyFile = ownerKeyFile(vault, env)
  return { vault, root, owner: name, signer, recipient, keyFile, files: [...files.keys()] }
}

function requireWorkTree(folder: string): Checkout {
  if (!existsSync(folder)) {
    throw new VaultError("NO_REPOSITORY", `there is no folder ${folder}`, {
      hint: `git init ${folder} makes one`,
    })
  }
  const checkout = findCheckout(folder)
  if (checkout !== undefined) return checkout
  if (existsSync(join(folder, "HEAD")) && existsSync(join(folder, "objects"))) {
    throw new VaultError("NO_REPOSITORY", `${folder} is a bare repository: it has no work tree`, {
      hint: "make the vault in a clone of it, and push",
    })
  }
  throw new VaultError("NO_REPOSITORY", `${folder} is in no Git repository`, {
    hint: "make one first: git init",
  })
}

function refuseExisting(root: string): void {
  if (lookAt(root) === undefined) return
  if (lookAt(join(root, VAULT_RECORD)) !== undefined) {
    throw new VaultError("EXISTS", `${root} is a vault already`, {
      hint: "to join it: agent-vault join NAME makes a key, and the line by which an owner lets it in",
    })
  }
  throw foreign(root)
}

async function writeOwnerKey(
  { keyFile, vault, owner, signer, recipient }: NewVault,
  identity: string,
  { passphrase = "", now }: InitRequest,
): Promise<void> {
  const facts = { identity, recipient, vault, owner, trust: signer }
  const text = formatKeyFile(facts, utc(now))
  const content = passphrase === "" ? text : await sealWithPassphrase(Buffer.from(text), passphrase)
  inHome("keys", () => writeKeyFile(keyFile, content))
}

function removeOwnerKey(keyFile: string): void {
  removeFile(keyFile)
  removeEmptyFolder(dirname(keyFile))
}

async function commitVault(
  checkout: Checkout,
  root: string,
  files: ReadonlyMap<string, Uint8Array>,
  { env, onNote }: InitRequest,
): Promise<MaybeUnfinished> {
  return withLock(checkout.gitFolder, async (lock) => {
    const git = await openGit(checkout, env)
    await clearWay(git)
    refuseExisting(root)
    const folder = gitPath(checkout, root)
    return commitChange(git, lock, {
      files: new Map([...files].map(([path, bytes]) => [`${folder}/${path}`, bytes])),
      observed: new Map(),
      message: "agent-vault: init",
      folder,
      onNote,
    })
  })
}

/** Pins the owner, and marks the vault as seen, on the branch that now holds it. */
function rememberVault(
  root: string,
  { top }: Checkout,
  { record, owner }: VaultDraft,
  env: Environment,
): void {
  const checkout = findCheckout(top)
  writePin(record.vault, owner.signer, env)
  branchMarks(record.vault, checkout, env).remember(VAULT_RECORD, markOf(record), owner.signer)
  rememberKnownVault(knownVaultFile({ root, checkout }, env), record.vault)
}
