import { getuid } from "node:process"
import {
  type Place,
  VaultError,
  agentHarness,
  claimedId,
  describeTrust,
  findVaultOrNone,
  keyHome,
  shellWord,
  stateHome,
} from "../../core/index.js"
import {
  type KeptKey,
  closeFolder,
  closeToOthers,
  cloneFacts,
  describeKeys,
  driverOf,
  gitVersion,
  holderName,
  homeRights,
  repair,
  setUpDriver,
  unwritableState,
} from "../../core/owner.js"
import type { Looked } from "../../serving/blind-program.js"
import type { Door } from "../door/door.js"
import { toCheckOut } from "../door/from-here.js"
import { startedByGit } from "../door/git-driver.js"
import { programFiles } from "../door/own-program.js"
import { verifiedOr } from "../door/reading.js"
import { identityIfSet, option, userPath } from "../door/who.js"
import { seeSuccessors } from "./see-successors.js"

/** What was seen of one thing here, and what puts it right without a key and without a question. */
export interface SeenHere extends Looked {
  readonly step: string
  readonly fix?: () => Promise<unknown> | void
}

const good = (step: string, saw: string): SeenHere => ({ step, is: "good", saw })
const wrong = (step: string, saw: string, mend: string, fix?: SeenHere["fix"]): SeenHere => ({
  step,
  is: "wrong",
  saw,
  mend,
  ...(fix && { fix }),
})
const unknown = (step: string, saw: string, mend?: string): SeenHere => ({
  step,
  is: "unknown",
  saw,
  ...(mend && { mend }),
})

/**
 * Looks at what a vault needs of this machine and of this clone. Changes nothing, opens no value,
 * and starts no program but git and the guard's own hook.
 */
export async function lookAround(door: Door): Promise<readonly SeenHere[]> {
  const folder = userPath(door, option(door, "dir") ?? ".")
  const rights = [await seeing("rights", () => seeRights(door))].flat()
  const machine = [
    good("node", process.versions.node),
    await seeing("git", () => seeGit(door, folder)),
    seeState(door),
    ...rights,
    seeHarness(door),
    await seeIsolation(door),
  ]
  const place = findVaultOrNone(folder)
  if (place === undefined) {
    const way = await toCheckOut(door.call, door.cwd, door.env)
    const mend = way ?? "go to the clone, or: agent-vault init"
    return [...machine, unknown("vault", `none around ${folder}`, mend)]
  }
  const here = await Promise.all([
    seeing("trust", () => seeTrust(door, place)),
    seeing("keys", () => seeKeys(door, place)),
    seeing("clone", () => seeClone(door, place)),
    seeing("merges", () => seeDriver(door, place)),
    seeing("guard", () => seeGuard(door, place)),
    seeing("successors", () => seeSuccessors(door, place)),
  ])
  return [...machine, good("vault", place.root), ...here.flat()]
}

/** What cannot be looked at is wrong as well, with the way out that the refusal names. */
async function seeing<T extends SeenHere | readonly SeenHere[]>(
  step: string,
  look: () => T | Promise<T>,
): Promise<T | SeenHere> {
  try {
    return await look()
  } catch (error) {
    if (!(error instanceof VaultError)) throw error
    const { code, message, hint } = error
    return wrong(step, `${code}: ${message}`, hint ?? "see: agent-vault check")
  }
}

/** The lowest version that changes vaults, and the one that merges them. */
const [CHANGES, MERGES] = [30, 38]

async function seeGit(door: Door, folder: string): Promise<SeenHere> {
  const version = await gitVersion(door.env, folder)
  const [major = 0, minor = 0] = version.split(".").map(Number)
  const since = major > 2 ? Number.POSITIVE_INFINITY : major < 2 ? 0 : minor
  if (since < CHANGES) return wrong("git", version, `install Git 2.${CHANGES} or later`)
  if (since < MERGES) return unknown("git", version, `sync and resolve need Git 2.${MERGES}`)
  return good("git", version)
}

function seeState({ env }: Door): SeenHere {
  const folder = unwritableState(env)
  if (folder === undefined) return good("state", "what was read is noted and remembered")
  const mend = `let your user write to ${shellWord(folder)}, or set XDG_STATE_HOME`
  return wrong("state", `${folder} cannot be written: no value is read without its line`, mend)
}

/** The folders of keys and of state should be this user's alone. */
function seeRights({ env }: Door): SeenHere | readonly SeenHere[] {
  const { written, seen, others } = homeRights(getuid?.(), env)
  const homesOf = (paths: readonly string[]): string =>
    [keyHome(env), stateHome(env)]
      .filter((home) => paths.some((path) => path.startsWith(home)))
      .map(shellWord)
      .join(" ")
  const closing = (folders: readonly string[]): [mend: string, fix: () => void] => [
    folders.length === 1
      ? `chmod 700 ${folders.map(shellWord).join(" ")}`
      : `chmod -R go= ${homesOf(folders)}`,
    () => folders.forEach(closeFolder),
  ]
  const [looked, close] = closing(seen)
  const found = [
    ...(others[0] === undefined
      ? []
      : [
          wrong(
            "rights",
            `${more(others)}: another user's, among what only yours should have`,
            `sudo chown -R "$(id -un)" ${homesOf(others)}`,
          ),
        ]),
    ...(written[0] === undefined
      ? []
      : [wrong("rights", `other users can write to ${more(written)}`, ...closing(written))]),
    ...(seen[0] === undefined
      ? []
      : [{ ...unknown("rights", `other users can look into ${more(seen)}`, looked), fix: close }]),
  ]
  return found.length > 0 ? found : good("rights", "keys and state are in folders of yours alone")
}

function more([first = "", ...others]: readonly string[]): string {
  return others.length === 0 ? first : `${first} and ${others.length} more`
}

function seeHarness({ env }: Door): SeenHere {
  const harness = agentHarness(env)
  if (harness === undefined) return good("harness", "no agent's harness is seen here")
  return good("harness", `${harness}: what gives access or shows a value needs a person`)
}

async function seeIsolation({ others, env }: Door): Promise<SeenHere> {
  const broker = await others.broker()
  const found = await broker.findBubblewrap(env)
  return "missing" in found
    ? unknown("isolation", `none for run --blind: ${found.missing}`, found.hint)
    : good("isolation", `bubblewrap ${found.version}, for run --blind`)
}

async function seeTrust(door: Door, place: Place): Promise<SeenHere> {
  const identity = await identityIfSet(door, place)
  const { anchor, trusted } = describeTrust(place, identity?.trust, door.env)
  const mend = "compare the signer with an owner: agent-vault trust"
  if (anchor === undefined) return wrong("trust", "nobody is trusted here yet", mend)
  if (trusted) return good("trust", anchor.signer)
  return wrong("trust", `${anchor.signer} is not an owner of this vault`, mend)
}

async function seeKeys(door: Door, place: Place): Promise<readonly SeenHere[]> {
  const id = claimedId(place)
  const kept = await verifiedOr(door, place, (vault) => describeKeys(id, vault, door.env))
  if (kept.length === 0) {
    return [unknown("keys", "none of this vault is here", "agent-vault key add FILE, or join NAME")]
  }
  const seen = kept.flatMap(keyTroubles)
  // An older key of a holder lies beside the present one.
  const holders = [...new Set(kept.map(keyHere))]
  return seen.length > 0 ? seen : [good("keys", holders.join(", "))]
}

/** The keychain is not asked: it may ask a person. */
function keyHere(key: KeptKey): string {
  return key.state === "keychain" ? `${holderName(key)} in the keychain` : holderName(key)
}

function keyTroubles({ file, state, unsafe }: KeptKey): readonly SeenHere[] {
  const word = shellWord(file)
  return [
    ...(unsafe === true
      ? [
          wrong("keys", `other users can read ${file}`, `chmod 600 ${word}`, () => {
            closeToOthers(file)
          }),
        ]
      : []),
    ...(state === "damaged"
      ? [wrong("keys", `${file} holds no key`, "agent-vault agent recover, or key add FILE")]
      : []),
  ]
}

/** Clocks may differ by so much, in milliseconds. */
const SKEW_MS = 5 * 60_000

async function seeClone(door: Door, place: Place): Promise<readonly SeenHere[]> {
  const facts = await cloneFacts(place, door.env)
  if (facts === undefined) {
    return [unknown("clone", "no repository: nothing that was seen of this vault is remembered")]
  }
  const { branch, isIncomplete, conversion, newest, keyFiles } = facts
  const repaired = (): Promise<unknown> => repair(place.root, door.env)
  const [first] = keyFiles
  return [
    branch === undefined
      ? unknown("branch", "HEAD is detached: nothing is remembered as seen", "git switch BRANCH")
      : good("branch", branch),
    isIncomplete
      ? wrong("journal", "an earlier change is not complete", "agent-vault repair", repaired)
      : good("journal", "no change is left half done"),
    conversion === undefined
      ? good("attributes", "Git keeps every byte of the vault")
      : wrong("attributes", conversion.how, conversion.mend),
    newest !== undefined && newest.getTime() > door.now.getTime() + SKEW_MS
      ? wrong("clock", "the newest commit is of a time to come", "set this clock: grants end by it")
      : good("clock", "not before the newest commit"),
    first === undefined
      ? good("work tree", "holds no private key of age in the clear, but for what Git ignores")
      : wrong(
          "work tree",
          `${more(keyFiles)}: a private key of age in the clear`,
          "move it out of the repository; whose it is gets a new one: agent-vault agent rekey AGENT",
        ),
  ]
}

async function seeDriver({ env }: Door, place: Place): Promise<SeenHere> {
  const folder = place.root
  if ((await driverOf(folder, env)) !== undefined) {
    return good("merges", "git leaves merges of records to agent-vault")
  }
  const saw = "git merges records as text; resolve settles what comes of it"
  const fix = (): Promise<unknown> => setUpDriver(folder, env, startedByGit())
  return { ...unknown("merges", saw, "agent-vault git setup"), fix }
}

/** What `guard status --json` says. */
interface GuardStatus {
  readonly guarded: boolean | null
  readonly proof: string
  /** What lets it look, where it cannot. */
  readonly mend?: string
}

async function seeGuard(door: Door, place: Place): Promise<SeenHere> {
  const { guarded, proof, mend } = await askGuard(door, place, "status")
  if (guarded === true) return good("guard", proof)
  if (guarded === null) return unknown("guard", proof, "agent-vault guard status --run-hooks")
  if (mend !== undefined) return wrong("guard", proof, mend)
  const fix = (): Promise<unknown> => askGuard(door, place, "install")
  return wrong("guard", proof, "agent-vault guard install", fix)
}

async function askGuard(
  { others, env }: Door,
  place: Place,
  action: "status" | "install",
): Promise<GuardStatus> {
  let document = ""
  const guard = await others.guard()
  await guard.installGuard({
    action,
    json: true,
    cwd: place.root,
    env,
    prePush: false,
    mayRun: () => Promise.resolve(false),
    program: programFiles(),
    write: (text) => Promise.resolve(void (document += text)),
    say: () => {},
  })
  return JSON.parse(document) as GuardStatus
}
