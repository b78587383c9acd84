import { lefthook, preCommit } from "../../../scripts/hook-managers.mjs"
import type { Found } from "../../../scripts/pinned.mjs"
import { testUnless } from "../../needs.js"

const managers: Readonly<Record<string, Found>> = {
  lefthook: await lefthook(),
  "pre-commit": await preCommit(),
}

/** A test that needs a manager of hooks: `body` gets where it is. */
export function testWith(
  manager: "lefthook" | "pre-commit",
  name: string,
  body: (path: string) => void,
): void {
  const found = managers[manager] ?? { missing: `there is no ${manager}` }
  testUnless("missing" in found ? found.missing : undefined, name, () => {
    if ("path" in found) body(found.path)
  })
}
