import { fileURLToPath } from "node:url"

const bin = fileURLToPath(new URL("../dist/cli/bin.cjs", import.meta.url))

/** @param {import("./run.mjs").Bench} bench */
export default async ({ command, node }) => {
  await command("start, --version", [node, bin, "--version"], { budget: 1.5 })
}
