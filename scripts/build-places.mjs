import { join } from "node:path"
import { fileURLToPath } from "node:url"

export const root = fileURLToPath(new URL("..", import.meta.url))
export const generated = join(root, "src/core/records/generated")

/** The oldest Node that package.json allows, as esbuild names it. */
export const target = "node20.19"
