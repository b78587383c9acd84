import { BaseSequencer, type TestSpecification } from "vitest/node"

/**
 * The files that take most, as `npm test` lists them at its end. Vitest begins with the largest
 * files, and some of these are small: begun last, they would run alone, on one core.
 */
const SLOWEST: readonly string[] = [
  "faults/faults.test.ts",
  "cli/transcripts.test.ts",
  "precommit/install/hook-managers.test.ts",
  "broker/clients.test.ts",
  "core/commit/crash.test.ts",
  "docs/pages.test.ts",
  "core/sync/pairs.test.ts",
  "attack/harness.test.ts",
  "precommit/detect/hostile.test.ts",
  "faults/shim.test.ts",
]

export class SlowestFirst extends BaseSequencer {
  override async sort(files: TestSpecification[]): Promise<TestSpecification[]> {
    return (await super.sort(files)).toSorted((one, other) => rank(one) - rank(other))
  }
}

/** Files that share workers come together, last: a worker that is to do another file ends. */
function rank({ moduleId, project }: TestSpecification): number {
  const at = SLOWEST.findIndex((name) => moduleId.endsWith(`/test/${name}`))
  if (at !== -1) return at
  return project.config.isolate ? SLOWEST.length : SLOWEST.length + 1
}
