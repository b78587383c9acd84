import { type Identity, type Place, VaultError, identityAt } from "../../core/index.js"
import type { Canaries } from "../../core/owner.js"
import { withPerson } from "./confirm-person.js"
import type { Door } from "./door.js"
import { auditOf, readingVault } from "./reading.js"
import { identityOf, isSet, passphraseOf } from "./who.js"

/** The canaries of a vault, for the owner who asks: who knows them can avoid them. */
export async function canariesOf(
  door: Door,
  place: Place,
  identify = (): Promise<Identity> => identityOf(door, place, byDefault(door)),
): Promise<Canaries> {
  const { Canaries } = await import("../../core/owner.js")
  const key = await identify().catch((error: unknown) => {
    if (!VaultError.is(error, "NO_IDENTITY")) throw error
    throw new VaultError(error.code, error.message, { hint: "only an owner sees them: --owner" })
  })
  const audit = auditOf(door, place)
  const terms = { outlet: { surface: "cli", isShown: true }, audit } as const
  const canaries = await withPerson(door, (person) =>
    readingVault(door, place, key.trust, (vault) =>
      Canaries.read(vault, key, { ...terms, person }, door.now),
    ),
  )
  audit.close()
  return canaries
}

/** The same where `--agent` says whose lines are meant, and not who acts. */
export function canariesForAudit(door: Door, place: Place): Promise<Canaries> {
  const choice = { owner: isSet(door, "owner") }
  return canariesOf(door, place, () =>
    identityAt(place, choice, byDefault(door), door.env, passphraseOf(door)),
  )
}

function byDefault({ terminal }: Door): "at-terminal" | "if-asked" {
  return terminal.stdout.isTTY ? "at-terminal" : "if-asked"
}
