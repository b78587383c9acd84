import { type Place, VaultError } from "../../core/index.js"
import { type ChangeRequest, repair } from "../../core/owner.js"

/**
 * Looks ahead of a change, for what to ask a person. What an interrupted command left is completed
 * first, as the change itself would do; a dry run only looks.
 */
export async function afterRepair<T>(
  { place, env, dryRun }: Pick<ChangeRequest, "env" | "dryRun"> & { place: Pick<Place, "root"> },
  look: () => Promise<T>,
): Promise<T> {
  try {
    return await look()
  } catch (error) {
    if (dryRun === true || !VaultError.is(error, "BUSY")) throw error
    await repair(place.root, env)
    return look()
  }
}
