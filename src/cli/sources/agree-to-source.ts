import {
  type Place,
  type SecretName,
  type SecretRead,
  VaultError,
  claimedId,
  harmless,
} from "../../core/index.js"
import {
  agreeToReference,
  isReferenceAgreed,
  referenceFingerprint,
  requirePersonFor,
} from "../../core/owner.js"
import { withPerson } from "../door/confirm-person.js"
import type { Door } from "../door/door.js"
import { tell } from "../door/render.js"
import { options } from "../door/who.js"
import { confirm } from "../terminal/ask.js"
import { typedAgain } from "../parse/typed-again.js"

/**
 * Shows where the value of a secret comes from, and has a person agree to that on this machine: by
 * `--agree`, or a typed yes. Throws `SOURCE_UNAGREED` where `--agree` names another reference, and
 * `UNCONFIRMED` where an agent's harness runs.
 */
export async function agreeToSource(
  door: Door,
  place: Place,
  name: SecretName,
  { record, value }: SecretRead,
): Promise<void> {
  if (record.source === undefined) return
  const vault = claimedId(place)
  const reference = Buffer.from(value).toString("utf8")
  const fingerprint = referenceFingerprint(name, reference)
  const given = options(door, "agree")
  if (given.some((each) => each !== fingerprint)) {
    throw new VaultError(
      "SOURCE_UNAGREED",
      `--agree names another reference than ${name.full} has`,
      {
        hint: `look at it: agent-vault get ${name.full} --reference; it is ${fingerprint}`,
      },
    )
  }
  if (isReferenceAgreed(vault, fingerprint, door.env)) return
  // Who gives --agree has seen it; the log of a CI may be read by more than may read the secret.
  if (given.length === 0 || door.terminal.stderr.isTTY) {
    tell(door, `The value of ${name.full} comes from ${harmless(reference)}`)
  }
  await withPerson(door, (person) =>
    requirePersonFor(`have ${name.full} fetched from there`, vault, door.env, person),
  )
  const hint = `look at it, then: ${typedAgain(door.call, `--agree ${fingerprint}`)}`
  const isYes =
    given.length > 0 || (await confirm(door.terminal, "Fetch it on this machine?", hint))
  if (isYes) agreeToReference(vault, name, fingerprint, door.env)
}
