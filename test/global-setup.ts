import { ensureBuilt } from "../scripts/ensure.mjs"

/** Tests run the built command. `npm test` has built it; a bare `vitest` does it here. */
export default async function setup(): Promise<void> {
  if (!process.env["TEST_TOTALS"]) await ensureBuilt()
}
