import { execFileSync, spawn } from "node:child_process"
import { once } from "node:events"
import { mkdtempSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { fileURLToPath } from "node:url"
import { afterAll, beforeAll, expect, test } from "vitest"

const demo = fileURLToPath(new URL("../../scripts/demo.mjs", import.meta.url))

let folder: string
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), "agent-vault-demo-test-"))
})
afterAll(() => rmSync(folder, { recursive: true, force: true }))

test("the demo tells its story to the end, and each step is as it says", async () => {
  const file = join(folder, "a recording.svg")
  const child = spawn(process.execPath, [demo, "--record", file], {
    stdio: ["ignore", "pipe", "pipe"],
  })
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

  const texts = textsOf(file)
  expect(texts[0]).toBe(
    "An owner makes a vault in the repository. The owner's own key stays outside it.",
  )
  expect(texts.slice(-2)).toEqual([
    expect.stringMatching(/^ {4}refused: ci may not open stripe \(revoked on .*\)$/),
    "  ✓ refused: the next request of the same run",
  ])
  // All that is in it was printed, and only what is too long for the screen is cut.
  const printed = output.split("\n")
  const isPrinted = (text: string): boolean => {
    const whole = text.replace(/…$/, "")
    return printed.some((line) => line === text || (whole !== text && line.startsWith(whole)))
  }
  expect(texts.filter((text) => !isPrinted(text))).toEqual([])
})

test("the README's recording is one, and ends on the refused agent", () => {
  const texts = textsOf(fileURLToPath(new URL("../../docs/figures/demo.svg", import.meta.url)))
  expect(texts.at(-1)).toBe("  ✓ refused: the next request of the same run")
})

/** The texts of an SVG, in order, as an XML parser reads them. */
function textsOf(file: string): string[] {
  const read = `import json, sys, xml.etree.ElementTree as tree
name = "{http://www.w3.org/2000/svg}text"
print(json.dumps([each.text or "" for each in tree.parse(sys.argv[1]).iter(name)]))`
  return JSON.parse(execFileSync("python3", ["-c", read, file], { encoding: "utf8" })) as string[]
}
