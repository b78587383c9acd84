import { userInfo } from "node:os"
import { dirname, resolve, sep } from "node:path"
import { VaultError, agentHarness, findVaultOrNone } from "../../../core/index.js"
import { type NewVault, gitUserName, init, ownerNameFrom } from "../../../core/owner.js"
import { afterRepair } from "../../door/after-repair.js"
import type { Door } from "../../door/door.js"
import { choosePassphrase } from "../../keys/new-passphrase.js"
import { asJson, tell, unfinishedLines, unfinishedPart } from "../../door/render.js"
import { confirmOr } from "../../terminal/ask.js"
import { noteOnce } from "../../terminal/terminal.js"
import { isSet, option } from "../../door/who.js"
import { changeGuard } from "../guard/guard-install.js"

export async function run(door: Door): Promise<void> {
  const [dir = "."] = door.call.words
  const dryRun = isSet(door, "dry-run")
  const folder = resolve(door.cwd, dir)
  const { name, passedOver } = await ownerHere(door, folder)
  const request = {
    folder,
    name,
    keys: isSet(door, "post-quantum") ? ("mlkem768x25519" as const) : ("x25519" as const),
    env: door.env,
    now: door.now,
    onNote: noteOnce(door.terminal),
  }
  // Before a passphrase is asked for, everything that could stand in the way is looked at.
  const look = (): Promise<NewVault> => init({ ...request, dryRun: true })
  const planned = await afterRepair({ place: { root: folder }, env: door.env, dryRun }, look)
  const choice = { from: "passphrase-fd", nothing: "nothing was made: repeat agent-vault init" }
  const passphrase = dryRun ? undefined : await choosePassphrase(door, choice)
  const made = dryRun ? planned : await init({ ...request, passphrase })
  const { root, owner, files } = made
  const document = dryRun ? { root, owner, files } : { ...made, ...unfinishedPart(made) }
  if (await asJson(door, document)) return
  tell(door, ...(dryRun ? dryRunLines(made) : madeLines(made, passphrase !== undefined)))
  tell(door, ...hiddenLines(dirname(root)))
  if (!dryRun) tell(door, `Next${whereNext(door.cwd, folder)}: ${NEXT}`)
  if (passedOver !== undefined) {
    const why = `Git's user.name (${passedOver}) makes no owner's name, of letters and digits in ASCII`
    tell(door, `${why}: ${owner} stands in. --name says another.`)
  }
  tell(door, ...unfinishedLines(made))
  if (dryRun) return
  if (passphrase === undefined) tell(door, ...harnessLines(door))
  await offerGuard(door, folder)
}

/** Where somebody can be asked; elsewhere a line says how. The vault is made in any case. */
async function offerGuard(door: Door, folder: string): Promise<void> {
  const command = "agent-vault guard install"
  if (!canAsk(door)) return tell(door, `Keep keys out of commits: ${command}`)
  const question = "Keep keys out of commits: install the guard in this repository's hooks?"
  try {
    if (await confirmOr(door.terminal, question, "yes", command)) {
      await changeGuard(door, "install", folder)
    } else {
      tell(door, `Later: ${command}`)
    }
  } catch (error) {
    if (!VaultError.is(error)) throw error
    if (error.code === "INTERRUPTED") throw withoutGuard(command, error)
    tell(door, `The guard is not installed: ${error.message}`, `  ${error.hint ?? command}`)
  }
}

function withoutGuard(command: string, cause: VaultError): VaultError {
  return new VaultError("INTERRUPTED", "interrupted: the vault is made, the guard not installed", {
    hint: command,
    cause,
  })
}

function canAsk({ terminal, env }: Door): boolean {
  const { stdin, stdout, stderr } = terminal
  return stdin.isTTY && stdout.isTTY && stderr.isTTY && !env["CI"]
}

/** Who the owner is to be, and what Git's user is called, where that makes no owner's name. */
interface OwnerHere {
  readonly name: string
  readonly passedOver?: string | undefined
}

/** Git's user, by whose name the team knows these commits; the login where that makes no name. */
async function ownerHere(door: Door, folder: string): Promise<OwnerHere> {
  const said = option(door, "name")
  if (said !== undefined) return { name: said }
  const user = await gitUserName(folder, door.env)
  const name = ownerNameFrom(user ?? "")
  if (name !== undefined) return { name }
  return { name: ownerNameFrom(login()) ?? "owner", passedOver: user || undefined }
}

/** Nothing for a user whom the system has no name for, in a container say. */
function login(): string {
  try {
    return userInfo().username
  } catch {
    return ""
  }
}

/** A key that no passphrase protects does not give access where a harness acts. */
function harnessLines({ env }: Door): string[] {
  const harness = agentHarness(env)
  if (harness === undefined) return []
  return [
    `${harness} runs here, and your key has no passphrase: so agent add, grant and what else gives`,
    "  access wants your own word. Type it in a terminal of your own.",
  ]
}

/** Whoever is below a vault may not know that there is one. `folder` is the new one's, without links. */
function hiddenLines(folder: string): string[] {
  try {
    const around = findVaultOrNone(dirname(folder))
    return around === undefined ? [] : [`In ${folder}, it takes the place of ${around.root}`]
  } catch (error) {
    // What is there may be another user's, and stands in no way.
    if (VaultError.is(error)) return []
    throw error
  }
}

function dryRunLines({ root, owner, keyFile }: NewVault): string[] {
  return [
    `Dry run: ${root} would be made and committed, with ${owner} as its owner.`,
    `The owner's key would go to a file like ${keyFile}`,
  ]
}

function madeLines({ root, owner, signer, keyFile }: NewVault, hasPassphrase: boolean): string[] {
  return [
    `The vault ${root} is made and committed. Its owner is ${owner}.`,
    "",
    `Your key: ${keyFile}`,
    hasPassphrase
      ? "  Back it up now: copy it to a safe place, and its passphrase to another. It opens everything,"
      : "  Back it up now: print it, or copy it to a safe place. It is one line, it opens everything,",
    "  and nobody can bring it back: not we, not the Git host.",
    `Your signer, for those who are to trust you: ${signer}`,
    "",
  ]
}

const NEXT = "agent-vault agent add NAME, agent-vault set GROUP/NAME, agent-vault grant NAME GROUP"

/** Outside of the folder, the commands would find no vault, or another one. */
function whereNext(cwd: string, folder: string): string {
  return `${cwd}${sep}`.startsWith(`${folder}${sep}`) ? "" : `, in ${folder}`
}
