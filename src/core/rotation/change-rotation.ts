import { type ChangeRequest, type Outcome, change } from "../change/change.js"
import { following, putRecord } from "../change/session.js"
import type { SecretRecord } from "../records/record.js"
import {
  type Rotation,
  type RotationStep,
  isSameRotation,
  parseCommandLine,
} from "../records/rotation.js"
import { type Vault, getSecret } from "../vault/vault.js"
import { VaultError } from "../words/errors.js"
import { type SecretName, parseSecretName } from "../words/names.js"

interface RotationRequest extends ChangeRequest {
  /** `GROUP/NAME` */
  readonly name: string
  readonly edit: RotationEdit
}

/** What becomes of a secret's rotation: a step gets another program, or all of it goes. */
export type RotationEdit =
  | { readonly do: "put"; readonly step: RotationStep; readonly words: readonly string[] }
  | { readonly do: "remove" }

/** How a secret is rotated, after a change. */
interface RotationChange {
  readonly name: string
  readonly rotation?: Rotation
}

/**
 * Changes how a secret is rotated. It runs nothing, and on no machine does anything run before a
 * person there agreed. Throws `SECRET_NOT_FOUND`, `UNCONFIRMED` for a new program, and `USAGE`, also
 * for one of a value that lies in another store.
 */
export function changeRotation(request: RotationRequest): Promise<Outcome<RotationChange>> {
  const name = parseSecretName(request.name)
  const { edit } = request
  if (edit.do === "put") parseCommandLine(edit.words)
  return change(request, (session) => {
    const record = getSecret(session.vault, name)
    if (edit.do === "put") refuseElsewhere(name, record)
    const rotation = edited(name.full, record.rotation, edit)
    if (!isSameRotation(rotation, record.rotation)) {
      if (edit.do === "put") session.requirePerson(`change what rotates ${name.full}`)
      const { rotation: _rotation, ...body } = following(record)
      putRecord<SecretRecord>(session, {
        ...body,
        ...(rotation === undefined ? {} : { rotation }),
      })
    }
    const result = { name: name.full, ...(rotation === undefined ? {} : { rotation }) }
    return Promise.resolve({ result, message: `rotation ${name.full}` })
  })
}

/** How a secret is rotated, by its signed record. Throws `SECRET_NOT_FOUND`, `USAGE` where it is not. */
export function rotationOf(vault: Vault, name: SecretName): Rotation {
  const record = getSecret(vault, name)
  refuseElsewhere(name, record)
  const { rotation } = record
  if (rotation !== undefined) return rotation
  throw new VaultError("USAGE", `the record of ${name.full} names no rotation`, {
    hint: `say what makes a new value: agent-vault rotation -s ${name.full} -- PROGRAM; or set one: agent-vault set ${name.full}`,
  })
}

function refuseElsewhere({ full }: SecretName, { source }: SecretRecord): void {
  if (source === undefined) return
  throw new VaultError(
    "USAGE",
    `the value of ${full} lies in ${source.store}, and is rotated there`,
    {
      hint: `then say so, with the reference that it has: agent-vault set ${full} --source REFERENCE`,
    },
  )
}

function edited(
  name: string,
  before: Rotation | undefined,
  edit: RotationEdit,
): Rotation | undefined {
  if (edit.do === "remove") return undefined
  const { step, words } = edit
  if (step === "run") return { ...before, run: words }
  if (before !== undefined) return { ...before, [step]: words }
  throw new VaultError("USAGE", `${name} has no program yet that makes a new value`, {
    hint: `say that first: agent-vault rotation -s ${name} -- PROGRAM`,
  })
}
