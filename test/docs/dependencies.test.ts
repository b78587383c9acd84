import { execSync } from "node:child_process"
import { readFileSync } from "node:fs"
import { join } from "node:path"
import { fileURLToPath } from "node:url"
import { expect, test } from "vitest"

// Whoever adds a dependency says what it is for and what it may do.

const root = fileURLToPath(new URL("../..", import.meta.url))
const read = (path: string): string => readFileSync(join(root, path), "utf8")
const page = read("docs/dependencies.md")

interface Manifest {
  readonly dependencies?: Readonly<Record<string, string>>
  readonly optionalDependencies: Readonly<Record<string, string>>
  readonly devDependencies: Readonly<Record<string, string>>
  readonly scripts: Readonly<Record<string, string>>
  readonly allowScripts: Readonly<Record<string, boolean>>
}
const manifest = JSON.parse(read("package.json")) as Manifest
const lock = JSON.parse(read("package-lock.json")) as {
  readonly packages: Readonly<
    Record<
      string,
      {
        readonly version?: string
        readonly hasInstallScript?: boolean
        readonly optional?: boolean
      }
    >
  >
}

/** The packages in the first column of the tables of a part of the page. */
function listed(part: string): readonly string[] {
  const [, text = ""] = page.split(`## ${part}\n`)
  const rows = (text.split("\n## ")[0] ?? "").split("\n").filter((line) => line.startsWith("| `"))
  return rows
    .flatMap((row) => [...(row.split("|")[1] ?? "").matchAll(/`([^`]+)`/g)])
    .flatMap(([, name]) => name ?? [])
    .sort()
}

test("each dependency stands on the page, with what it is for", () => {
  const names = [
    ...listed("In what is published"),
    ...listed("For building, testing and measuring"),
  ]
  expect(names.sort()).toEqual(Object.keys(manifest.devDependencies).sort())
})

test("what is published needs no package, and takes the optional ones at one version each", () => {
  expect(listed("Optional")).toEqual(Object.keys(manifest.optionalDependencies).sort())
  for (const [name, version] of Object.entries(manifest.optionalDependencies)) {
    expect(version).toMatch(/^\d+\.\d+\.\d+$/)
    expect(lock.packages[`node_modules/${name}`]).toMatchObject({ version, optional: true })
    expect(lock.packages[`node_modules/${name}`]).not.toHaveProperty("hasInstallScript")
  }
})

test("what is published has no script that an install runs", () => {
  expect(manifest.dependencies).toBeUndefined()
  for (const name of ["preinstall", "install", "postinstall"]) {
    expect(manifest.scripts).not.toHaveProperty(name)
  }
})

test("each package with an install script stands on the page, and runs none", () => {
  const scripted = Object.entries(lock.packages)
    .filter(([, entry]) => entry.hasInstallScript === true && entry.optional !== true)
    .map(([path]) => path.replace(/^.*node_modules\//, ""))
  const names = [...new Set(scripted)].sort()
  expect(listed("Install scripts")).toEqual(names)
  expect(manifest.allowScripts).toEqual(Object.fromEntries(names.map((name) => [name, false])))
})

test("the list of what is in a version names each of them", () => {
  const printed = execSync("npm run --silent sbom", { cwd: root, encoding: "utf8" })
  const { components } = JSON.parse(printed) as { components: { purl: string }[] }
  const names = components.map(({ purl }) =>
    decodeURIComponent(purl).replace(/^pkg:npm\/|@[^@]*$/g, ""),
  )
  const { devDependencies, optionalDependencies } = manifest
  const all = Object.keys({ ...devDependencies, ...optionalDependencies })
  expect(names).toEqual(expect.arrayContaining(all))
})

test("a release runs no action but by digest, and no script of a package", () => {
  const steps = read(".github/workflows/release.yml")
  const actions = [...steps.matchAll(/uses: (\S+)/g)].map(([, action = ""]) => action)
  expect(actions.length).toBeGreaterThan(0)
  expect(actions.filter((action) => !/@[0-9a-f]{40}$/.test(action))).toEqual([])
  expect(steps).toContain("npm publish --provenance")
  expect(read("scripts/ensure.mjs")).toContain('"--ignore-scripts"')
})
