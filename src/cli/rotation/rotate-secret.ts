import {
  type Identity,
  LIMITS,
  type Place,
  type Rotation,
  type SecretName,
  VaultError,
  readSecret,
} from "../../core/index.js"
import {
  type ChangeRequest,
  type KeptRotation,
  type Outcome,
  type Rotated,
  type RotationState,
  type RotationStep,
  setRotated,
} from "../../core/owner.js"
import type { Door } from "../door/door.js"
import { auditOf, readingVault } from "../door/reading.js"
import { tell } from "../door/render.js"
import { tooLarge } from "../terminal/input.js"
import { type StepEnd, interrupted, runStep } from "./run-step.js"

/** A rotation that a person agreed to. */
export interface RotationToDo {
  readonly place: Place
  readonly identity: Identity
  readonly name: SecretName
  readonly rotation: Rotation
  readonly state: RotationState
  /** Of each program, in ms. */
  readonly timeLimit: number
  /** When the new value ends; absent: when the old one did. */
  readonly expires?: string | undefined
}

/** The value that a secret has, read and noted as any other. */
interface Present {
  readonly value: Uint8Array
  readonly version: number
  readonly changed: string
}

/**
 * Rotates a secret: a new value is made, or one that is kept here taken up; it is tested and set, and
 * the old one ended. Undefined where the new value was set before, and only the end was left. Throws
 * `ROTATION_FAILED`, `INTERRUPTED`, `CONFLICT`, and what reading and changing throw.
 */
export async function rotateSecret(
  door: Door,
  request: ChangeRequest,
  rotating: RotationToDo,
): Promise<Outcome<Rotated> | undefined> {
  const { name, state, expires } = rotating
  const present = await readPresent(door, rotating)
  const taken = await state.open(rotating.identity.identity)
  if (taken !== undefined) tell(door, `A new value of ${name.full} is kept here: it is taken up.`)
  const kept = taken ?? (await makeNew(door, rotating, present))
  const isSet = taken !== undefined && Buffer.from(present.value).equals(taken.new)
  let outcome: Outcome<Rotated> | undefined
  if (!isSet) {
    await test(door, rotating, kept)
    outcome = await setting(name, () => setRotated({ ...request, name, kept, expires }))
  }
  await endOld(door, rotating, kept)
  state.discard()
  return outcome
}

async function readPresent(door: Door, { place, identity, name }: RotationToDo): Promise<Present> {
  const audit = auditOf(door, place)
  // A program that rotates is for what is sealed.
  const terms = { outlet: { surface: "run" }, audit, asSealed: true } as const
  const { value, record } = await readingVault(door, place, identity.trust, (vault) =>
    readSecret(vault, identity, name, terms, door.now),
  )
  audit.close()
  return { value, version: record.version, changed: record.changed }
}

async function makeNew(
  door: Door,
  rotating: RotationToDo,
  { value: old, version, changed }: Present,
): Promise<KeptRotation> {
  const { name, state } = rotating
  state.prove()
  const end = await step(door, rotating, "run", old, [old])
  const hint = `${name.full} is as it was, and nothing is kept; if a value was made at its source, end it there`
  if (end.is === "interrupted") throw interrupted("the program was ended", hint)
  if (end.is === "failed") throw failed(`what makes a new value of ${name.full} ${end.why}`, hint)
  if (end.isCut) throw tooLarge(`what makes a new value printed more than ${LIMITS.value} bytes`)
  if (end.printed.length === 0) throw failed(`no new value of ${name.full} was printed`, hint)
  if (Buffer.from(old).equals(end.printed)) {
    throw failed(`what was printed is the value that ${name.full} has`, hint)
  }
  const kept = { version, changed, old, new: end.printed }
  await keeping(name, () => state.keep(kept))
  if (end.isTold) throw interrupted("it was interrupted", keptHint(name))
  return kept
}

async function test(door: Door, rotating: RotationToDo, kept: KeptRotation): Promise<void> {
  const { name, rotation } = rotating
  if (rotation.test === undefined) return
  const end = await step(door, rotating, "test", kept.new, [kept.old, kept.new])
  const hint = keptHint(name)
  if (end.is === "interrupted") throw interrupted("the test was ended", hint)
  if (end.is === "failed") {
    throw failed(`the test of the new value of ${name.full} ${end.why}`, hint)
  }
}

async function endOld(door: Door, rotating: RotationToDo, kept: KeptRotation): Promise<void> {
  const { name, rotation } = rotating
  if (rotation.end === undefined) return
  const end = await step(door, rotating, "end", kept.old, [kept.old, kept.new])
  const hint = `${name.full} has its new value; the old one may still work at its source; ${waysOn(name)}`
  if (end.is === "interrupted") throw interrupted("what ends the old value was ended", hint)
  if (end.is === "failed") throw failed(`what ends the old value of ${name.full} ${end.why}`, hint)
}

function step(
  door: Door,
  { place, rotation, timeLimit }: RotationToDo,
  which: RotationStep,
  stdin: Uint8Array,
  hidden: readonly Uint8Array[],
): Promise<StepEnd> {
  const words = rotation[which] ?? []
  return runStep(door, place, { step: which, words, stdin, hidden, timeLimit })
}

/** A new value that is not kept is gone with this process: nobody is to look for it. */
async function keeping({ full }: SecretName, work: () => Promise<void>): Promise<void> {
  try {
    await work()
  } catch (error) {
    if (!VaultError.is(error) || error.code === "BUSY") throw error
    throw new VaultError(error.code, `the new value of ${full} is lost: ${error.message}`, {
      hint: `${full} is as it was; a value was made at its source: end it there${error.hint === undefined ? "" : `; ${error.hint}`}`,
      cause: error,
    })
  }
}

/** Whatever stops it, the new value is still there, and the error says so. */
async function setting<T>({ full }: SecretName, work: () => Promise<T>): Promise<T> {
  try {
    return await work()
  } catch (error) {
    if (!VaultError.is(error) || error.code === "CONFLICT") throw error
    const hint = `${error.hint === undefined ? "" : `${error.hint}; `}the new value is kept here, sealed to the owners: agent-vault rotate ${full} goes on with it`
    throw new VaultError(error.code, error.message, { hint, cause: error })
  }
}

function keptHint(name: SecretName): string {
  return `${name.full} is as it was, and the new value is kept here, sealed to the owners; ${waysOn(name)}`
}

function waysOn({ full }: SecretName): string {
  return `to go on: agent-vault rotate ${full}; to give that up: agent-vault rotate ${full} --discard`
}

function failed(message: string, hint: string): VaultError {
  return new VaultError("ROTATION_FAILED", message, { hint })
}
