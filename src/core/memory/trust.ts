import { groupedBy } from "../words/grouped.js"
import { LIMITS } from "../words/limits.js"
import { VaultError } from "../words/errors.js"
import { inFolder, readRegularFile, replaceFile } from "../disk/files.js"
import { type Environment, inHome, stateHome } from "../disk/homes.js"
import type { OwnerEntry } from "../records/record.js"

/** The owner to trust, and the source that names it. */
export interface Anchor {
  readonly signer: string
  readonly from: readonly string[]
}

const SIGNER = /^ed25519:[A-Za-z0-9_-]{43}$/

/** Checks the form of a signer that somebody wrote down. Throws `USAGE`. */
export function parseSigner(text: string): string {
  if (!SIGNER.test(text)) {
    throw new VaultError("USAGE", "the owner to trust is not a signer", {
      hint: "write it as the owner's machine shows it (agent-vault trust): ed25519:…",
    })
  }
  return text
}

/**
 * The anchor of trust: the signer that the identity file, AGENT_VAULT_TRUST and the pin name.
 * All that are present must agree; undefined when none is. Throws `TRUST_MISMATCH`.
 */
export function findAnchor(
  vault: string,
  keyFileTrust: string | undefined,
  env: Environment,
): Anchor | undefined {
  const named = [
    { from: "the key file", signer: keyFileTrust },
    { from: "AGENT_VAULT_TRUST", signer: env["AGENT_VAULT_TRUST"] },
    { from: "the pin on this machine", signer: readPin(vault, env) },
  ].filter((source): source is { from: string; signer: string } => source.signer !== undefined)
  const [first, ...others] = named
  if (first === undefined) return undefined
  const other = others.find(({ signer }) => signer !== first.signer)
  if (other !== undefined) {
    throw new VaultError(
      "TRUST_MISMATCH",
      `${first.from} trusts ${first.signer}, but ${other.from} trusts ${other.signer}`,
      { hint: "ask the owner which is right, then correct the other (agent-vault trust --help)" },
    )
  }
  return { signer: parseSigner(first.signer), from: named.map(({ from }) => from) }
}

/**
 * Throws `UNTRUSTED` unless the anchor is one of the owners, and every other one was brought by it:
 * added by it, or by an owner it brought. That a stranger lists the anchor proves nothing: anybody
 * can start a chain of their own and put somebody else's public key into it. `entries` are all
 * entries of a verified vault.json, ended ones too.
 */
export function checkAnchor(anchor: Anchor | undefined, entries: readonly OwnerEntry[]): void {
  const owners = entries.filter(({ ended }) => ended === undefined)
  const listed = owners.map(({ name, signer }) => `${name} ${signer}`).join(", ")
  if (anchor === undefined) {
    throw new VaultError("UNTRUSTED", `nothing says whom to trust; the vault names ${listed}`, {
      hint: "compare that with the owner, who sees it by agent-vault owner key; then: agent-vault trust",
    })
  }
  const from = `${anchor.from[0] ?? "you"} trusts ${anchor.signer}, who`
  if (!owners.some(({ signer }) => signer === anchor.signer)) {
    throw new VaultError("UNTRUSTED", `${from} is not an owner here; the vault names ${listed}`, {
      hint: "if the owner changed, compare the new signer with them, then: agent-vault trust SIGNER",
    })
  }
  const brought = broughtBy(anchor.signer, entries)
  const stranger = owners.find(({ signer }) => !brought.has(signer))
  if (stranger === undefined) return
  throw new VaultError("UNTRUSTED", `${from} did not bring the owner ${stranger.name}`, {
    hint: "trust the owner who brought all others, after comparing: agent-vault trust SIGNER",
  })
}

/** The owner who brought all others. Agents get this one as their anchor. */
export function commonAnchor(entries: readonly OwnerEntry[]): OwnerEntry | undefined {
  const owners = entries.filter(({ ended }) => ended === undefined)
  return owners.find(({ signer }) => {
    const brought = broughtBy(signer, entries)
    return owners.every((owner) => brought.has(owner.signer))
  })
}

/** The signers of an owner, of those whom it added, of those whom they added, and so on. */
function broughtBy(signer: string, entries: readonly OwnerEntry[]): ReadonlySet<string> {
  const added = groupedBy(entries, ({ by }) => by)
  const brought = new Set([signer])
  for (const each of brought) for (const next of added.get(each) ?? []) brought.add(next.signer)
  return brought
}

/** The signer that is pinned for a vault on this machine. */
export function readPin(vault: string, env: Environment): string | undefined {
  const bytes = inHome("state", () => readRegularFile(pinFile(vault, env), LIMITS.pin))
  return bytes === undefined ? undefined : Buffer.from(bytes).toString("utf8").trim()
}

/** Pins the owner to trust. */
export function writePin(vault: string, signer: string, env: Environment): void {
  inHome("state", () => replaceFile(pinFile(vault, env), `${signer}\n`, 0o600))
}

/** The file with the pin of a vault. */
export function pinFile(vault: string, env: Environment): string {
  return inFolder(stateHome(env), `${vault}/pin`)
}
