import { type ChangeRequest, type Outcome, change } from "../change/change.js"
import { readyGroup } from "../change/ready-group.js"
import type { ExposedSecret } from "../change/rekey.js"
import { SecretStore } from "../change/store-secret.js"
import { type GroupReader, readersOfGroup } from "../vault/group-readers.js"
import { getSecret } from "../vault/vault.js"
import { VaultError } from "../words/errors.js"
import type { SecretName } from "../words/names.js"
import type { KeptRotation } from "./kept-rotation.js"

interface SetRotatedRequest extends ChangeRequest {
  readonly name: SecretName
  readonly kept: Pick<KeptRotation, "version" | "changed" | "new">
  /** When the new value ends; absent: when the old one did. */
  readonly expires?: string | undefined
}

/** A new value that was set. */
export interface Rotated {
  readonly name: string
  readonly version: number
  /** When the new value ends. */
  readonly expires?: string
  /** Who can read it now, besides the owners. */
  readonly readers: readonly GroupReader[]
  /** Values exposed because grants of the group had run out. */
  readonly exposed: readonly ExposedSecret[]
}

/**
 * Sets what a rotation gave, if the secret still has the value that it replaces. Throws `CONFLICT` if
 * not, `SECRET_NOT_FOUND`, `PENDING`.
 */
export async function setRotated(request: SetRotatedRequest): Promise<Outcome<Rotated>> {
  const { name, kept, expires } = request
  const { result, ...rest } = await change<Rotated | undefined>(request, async (session) => {
    const before = getSecret(session.vault, name)
    // Not thrown within: a change that meets a conflict is tried again.
    if (before.version !== kept.version || before.changed !== kept.changed) {
      return { result: undefined, message: "" }
    }
    const { record: group, exposed } = await readyGroup(session, name.group)
    const store = await SecretStore.for(session, group, [name])
    await store.put(name, kept.new, expires === undefined ? {} : { expires })
    const after = getSecret(session.vault, name)
    const rotated = {
      name: name.full,
      version: after.version,
      ...(after.expires === undefined ? {} : { expires: after.expires }),
      readers: readersOfGroup(group),
      exposed,
    }
    return { result: rotated, message: `rotate ${name.full}` }
  })
  if (result !== undefined) return { ...rest, result }
  throw new VaultError("CONFLICT", `${name.full} got another value while it was rotated`, {
    hint: `the new value is kept here, sealed to the owners; give it up with: agent-vault rotate ${name.full} --discard`,
  })
}
