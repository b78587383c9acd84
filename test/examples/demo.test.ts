import { spawn } from "node:child_process"
import { once } from "node:events"
import { fileURLToPath } from "node:url"
import { expect, test } from "vitest"

const demo = fileURLToPath(new URL("../../scripts/demo.mjs", import.meta.url))

test("the demo tells its story to the end, and each step is as it says", async () => {
  const child = spawn(process.execPath, [demo], { stdio: ["ignore", "pipe", "pipe"] })
  let output = ""
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding("utf8").on("data", (text: string) => {
      output += text
    })
  }
  const [code] = (await once(child, "close")) as [number | null]
  expect(code, output).toBe(0)
  for (const step of [
    "the service got the key",
    "refused: the agent reads an old .env",
    "refused: the next request of the same run",
    "the audit log has it all",
  ]) {
    expect(output).toContain(`✓ ${step}`)
  }
})
