import { existsSync } from "node:fs"
import { join } from "node:path"
import { setTimeout as sleep } from "node:timers/promises"
import {
  type Identity,
  type Vault,
  VaultError,
  type WrittenUse,
  claimedId,
  describeSecrets,
  describeUse,
  identityAt,
  ownerKeyFile,
  parseSecretName,
  parseUse,
  shellWord,
} from "../../core/index.js"
import {
  type MissingSecret,
  type SetRequest,
  type SetResult,
  askNobody,
  requestSecret,
  secretPath,
  setSecret,
} from "../../core/owner.js"
import type { Unanswered, ValueQuestion } from "../../questions/question.js"
import type { Questions } from "../../questions/questions.js"
import type { Door } from "../door/door.js"
import type { SecretGained } from "../../serving/serving.js"
import { readingVault } from "../door/reading.js"
import { rulesOfService } from "../door/service-rule.js"

/** Stands for a value that nobody has entered yet, where it is tried whether one could be stored. */
const TO_TRY = Buffer.from("a value")
/** How often, in ms, the vault is looked at while the person is asked. */
const LOOK_AGAIN_MS = 250
/** Characters of the client's name that a page shows. */
const CLIENT_NAME = 100

/**
 * Has a person enter a secret that an agent misses, and stores it with the owner's key that is here;
 * or they store it themselves, at a terminal. The value goes nowhere else. Where no owner's key can be
 * used, the secret becomes a wish for an owner, and nobody is asked for a value that could not be
 * stored. Throws `ASK_REFUSED`, `SERVICE_NOT_FOUND`, `EXISTS`, and what `set` throws.
 */
export async function gainSecret(
  door: Door,
  request: MissingSecret,
  enter: Questions["enter"],
  signal: AbortSignal,
): Promise<SecretGained> {
  const use = await rulesOfService(door, request.service)
  const storing = await storingHere(request, use)
  if ("lack" in storing) {
    const asked = await requestSecret(request)
    return { is: "wished", asked, lack: storing.lack, line: setLine(request) }
  }
  const over = new AbortController()
  const typed = isTyped(door, request, over.signal)
  const question = questionFor(request, storing.trial, use)
  const entered = enter(question, AbortSignal.any([signal, over.signal]))
  try {
    const answer = await Promise.race([entered, typed])
    if (answer === "typed") return { is: "stored" }
    if ("without" in answer) throw notEntered(request, answer.without)
    return await store({ ...storing.as, now: new Date(), value: answer.value })
  } finally {
    over.abort()
  }
}

/** Resolves when the secret is there, because a person typed its line; never, once `over` aborts. */
async function isTyped(
  door: Door,
  { place, key, secret }: MissingSecret,
  over: AbortSignal,
): Promise<"typed"> {
  const name = parseSecretName(secret)
  const file = join(place.root, secretPath(name))
  const isThere = (vault: Vault): boolean =>
    describeSecrets(vault).some((listed) => listed.name === name.full)
  for (;;) {
    await sleep(LOOK_AGAIN_MS, undefined, { signal: over })
    // A vault that is refused now, or being changed, is looked at again.
    if (!existsSync(file)) continue
    if (await readingVault(door, place, key.trust, isThere).catch(() => false)) return "typed"
  }
}

/** The person has closed the page, and believes it stored: what hinders it says that it is not. */
async function store(request: SetRequest): Promise<SecretGained> {
  try {
    await setSecret(request)
    return { is: "stored" }
  } catch (cause) {
    if (!VaultError.is(cause)) throw cause
    const { code, message, hint } = cause
    throw new VaultError(code, `the value that was entered is not stored: ${message}`, {
      ...(hint === undefined ? {} : { hint }),
      cause,
    })
  }
}

type Storing =
  /** It can be stored, as this, and this would come of it. */
  | { readonly as: Omit<SetRequest, "value">; readonly trial: SetResult }
  /** It cannot be stored here, because of this. */
  | { readonly lack: string }

/** Tries it first: who enters a value wants it stored. */
async function storingHere(
  { place, env, secret, onNote }: MissingSecret,
  use: readonly WrittenUse[],
): Promise<Storing> {
  const identity = await ownerHere({ place, env })
  if (typeof identity === "string") return { lack: identity }
  const common = { place, env, identity, name: secret, metadata: {}, use, ifMissing: true, onNote }
  // The person at the page is the person that a harness needs for it.
  const as = { ...common, now: new Date(), person: "confirmed" } as const
  try {
    const { result } = await setSecret({ ...as, value: TO_TRY, dryRun: true })
    return { as, trial: result }
  } catch (error) {
    if (!VaultError.is(error, "NOT_OWNER")) throw error
    return { lack: "the owner's key on this machine is not an owner's of this vault any more" }
  }
}

/** The owner of this machine, if their key can be used unasked; else why not. */
async function ownerHere({
  place,
  env,
}: Pick<MissingSecret, "place" | "env">): Promise<Identity | string> {
  const identityFile = ownerKeyFile(claimedId(place), env)
  try {
    return await identityAt(place, { identityFile }, "never", env, askNobody)
  } catch (error) {
    if (VaultError.is(error, "KEY_NOT_FOUND")) return "no owner's key is on this machine"
    if (VaultError.is(error, "KEYCHAIN_FAILED")) return "the keychain gave no owner's key"
    if (!VaultError.is(error, "NO_TERMINAL")) throw error
    return "the owner's key on this machine has a passphrase, which nobody is asked for here"
  }
}

function questionFor(
  request: MissingSecret,
  { newGroup, readers }: SetResult,
  use: readonly WrittenUse[],
): ValueQuestion {
  const { secret, why, program = "an MCP client", key } = request
  const [group = ""] = secret.split("/")
  const who = readers.map(({ agent }) => agent).join(", ")
  const opens = newGroup
    ? `The group ${group} will be new, and no agent opens it yet.`
    : who === ""
      ? `No agent opens ${group}.`
      : `Who opens ${group} can use it: ${who}.`
  const goes = use.map((rule) => ` The broker may send it: ${describeUse(parseUse(rule))}.`)
  return {
    kind: "value",
    who: `${program.slice(0, CLIENT_NAME)}, as the agent ${key.agent ?? "of this key"}`,
    what: `What is the value of ${secret}?`,
    secret,
    why,
    line: setLine(request),
    leadsTo: `agent-vault seals it into this repository with the owner's key, as one commit. ${opens}${goes.join("")} The model does not see it.`,
  }
}

/** What an owner would type. */
function setLine({ secret, service }: MissingSecret): string {
  const use = service === undefined ? "" : ` --use ${shellWord(service)}`
  return `agent-vault set ${secret}${use}`
}

const WHY_NOT: Readonly<Record<Unanswered, string>> = {
  decline: "the person said no",
  timeout: "nobody answered in time",
  cancel: "the question was taken back",
  failed: "the question failed",
  unsupported: "nobody can be asked here",
  unwanted: "the person said no",
}

function notEntered(request: MissingSecret, without: Unanswered): VaultError {
  const typed = `a person may still type it in a terminal: ${setLine(request)}`
  const isNo = without === "decline" || without === "unwanted"
  const hint = isNo ? `go on without it, and do not ask again; ${typed}` : typed
  return new VaultError("ASK_REFUSED", `${request.secret} was not entered: ${WHY_NOT[without]}`, {
    hint,
  })
}
