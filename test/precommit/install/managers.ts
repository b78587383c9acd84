import { test } from "vitest"
import { type Found, lefthook, preCommit } from "../../../scripts/hook-managers.mjs"

const managers: Readonly<Record<string, Found>> = {
  lefthook: await lefthook(),
  "pre-commit": await preCommit(),
}

/**
 * A test that needs a manager of hooks: `body` gets where it is. Skipped with the reason where it
 * is not to be had; in CI it fails.
 */
export function testWith(
  manager: "lefthook" | "pre-commit",
  name: string,
  body: (path: string) => void,
): void {
  const found = managers[manager] ?? { missing: `there is no ${manager}` }
  const lack = "missing" in found ? found.missing : undefined
  test(lack === undefined ? name : `${name} (${lack})`, ({ skip }) => {
    const strict = Boolean(process.env["CI"] ?? process.env["AGENT_VAULT_TESTS_STRICT"])
    if (lack !== undefined && strict) throw new Error(lack)
    skip(lack !== undefined, lack)
    if ("path" in found) body(found.path)
  })
}
