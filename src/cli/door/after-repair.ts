import { VaultError } from "../../core/index.js"
import { repair } from "../../core/owner.js"
import type { Door } from "./door.js"

/**
 * Looks ahead of a change, for what to ask a person. What an interrupted command left is completed
 * first, as the change itself would do.
 */
export async function afterRepair<T>(
  door: Door,
  folder: string,
  look: () => Promise<T>,
): Promise<T> {
  try {
    return await look()
  } catch (error) {
    if (!VaultError.is(error, "BUSY")) throw error
    await repair(folder, door.env)
    return look()
  }
}
