// Draws packages by a seed, downloads them, and prints what the guard finds in them, by rule and for
// 1,000 files: `node bench/guard-packages.mjs SEED [FILES]`, with at least 20,000 files unless it is
// told otherwise. The names come from guard-packages.txt: 1,200 of npm and 500 of PyPI, drawn once
// from those that are much downloaded. Nothing of a package is run. What was downloaded is removed,
// unless `--keep FOLDER` says where it stays. A person judges which of the findings are false.
import { spawnSync } from "node:child_process"
import { mkdirSync, mkdtempSync, readFileSync, readdirSync, rmSync, statSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { fileURLToPath } from "node:url"
import { parseArgs } from "node:util"
import { seeded } from "../scripts/seeded.mjs"

const BIN = fileURLToPath(new URL("../dist/cli/bin.cjs", import.meta.url))
const LIST = new URL("guard-packages.txt", import.meta.url)
/** A package that takes more than this is left out, in bytes of its archive. */
const LARGEST = 30 * 1024 * 1024
/** A package counts for so many files at most when the goal is reckoned: no tree is all of it. */
const MOST_COUNTED = 1000
/** What the guard prints of twenty thousand files, at most, in bytes. */
const MOST_OUTPUT = 256 * 1024 * 1024

/** How a registry's own client downloads a package, and what opens it. */
const CLIENTS = {
  npm: {
    download: (/** @type {string} */ name, /** @type {string} */ to) =>
      run("npm", ["pack", "--silent", "--ignore-scripts", "--pack-destination", to, name]),
    open: (/** @type {string} */ archive, /** @type {string} */ to) =>
      run("tar", ["-xzf", archive, "-C", to, "--no-same-owner", "--no-same-permissions"]),
  },
  // A wheel holds what is installed; to build one from its sources would run them.
  pypi: {
    download: (/** @type {string} */ name, /** @type {string} */ to) =>
      run("pip", ["download", "-q", "--no-deps", "--only-binary", ":all:", "-d", to, name]),
    open: (/** @type {string} */ archive, /** @type {string} */ to) =>
      run("python3", ["-m", "zipfile", "-e", archive, to]),
  },
}

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: { keep: { type: "string" } },
})
const seed = Number(positionals[0] ?? 1)
const wanted = Number(positionals[1] ?? 20_000)
const folder = values.keep ?? mkdtempSync(join(tmpdir(), "agent-vault-packages-"))
try {
  const { packages, files } = fetchPackages(folder)
  report(packages, files, findingsIn(folder))
} finally {
  if (values.keep === undefined) rmSync(folder, { recursive: true, force: true })
}

/** @param {string} to */
function fetchPackages(to) {
  let [packages, files, counted] = [0, 0, 0]
  for (const line of shuffled(readFileSync(LIST, "utf8").trim().split("\n"))) {
    if (counted >= wanted) break
    const [registry = "", name = ""] = line.split(" ")
    const count = fetchPackage(registry === "npm" ? CLIENTS.npm : CLIENTS.pypi, name, to)
    packages += count > 0 ? 1 : 0
    files += count
    counted += Math.min(count, MOST_COUNTED)
  }
  return { packages, files }
}

/**
 * How many files the package has; none if it is not to be had.
 *
 * @param {typeof CLIENTS.npm} client
 * @param {string} name
 * @param {string} to
 */
function fetchPackage(client, name, to) {
  const stage = mkdtempSync(join(tmpdir(), "agent-vault-package-"))
  const place = join(to, name.replace("/", "+"))
  try {
    client.download(name, stage)
    const [archive] = readdirSync(stage)
    if (archive === undefined || statSync(join(stage, archive)).size > LARGEST) return 0
    mkdirSync(place, { recursive: true })
    if (client.open(join(stage, archive), place) !== 0) {
      rmSync(place, { recursive: true, force: true })
      return 0
    }
    return countFiles(place)
  } finally {
    rmSync(stage, { recursive: true, force: true })
  }
}

/** @param {string} place */
function countFiles(place) {
  const entries = readdirSync(place, { recursive: true, withFileTypes: true })
  return entries.filter((entry) => entry.isFile()).length
}

/**
 * What the guard says of the folder, as a commit of all of it would be judged.
 *
 * @param {string} place
 * @returns {{ rule: string, path: string, line: number, column: number, excerpt?: string }[]}
 */
function findingsIn(place) {
  run("git", ["init", "--quiet", place])
  const { stdout } = spawnSync(process.execPath, [BIN, "guard", "--json", "."], {
    cwd: place,
    encoding: "utf8",
    maxBuffer: MOST_OUTPUT,
  })
  return JSON.parse(stdout).findings
}

/**
 * @param {number} packages
 * @param {number} files
 * @param {ReturnType<typeof findingsIn>} findings
 */
function report(packages, files, findings) {
  /** @type {Map<string, number>} */
  const rules = new Map()
  for (const { rule } of findings) rules.set(rule, (rules.get(rule) ?? 0) + 1)
  console.log(`seed ${seed}: ${packages} packages, ${files} files`)
  console.log(`findings  ${findings.length}, ${perThousand(findings.length, files)} in 1,000 files`)
  for (const [rule, count] of [...rules].toSorted(([, a], [, b]) => b - a)) {
    console.log(`  ${rule}: ${count}, ${perThousand(count, files)} in 1,000 files`)
  }
  for (const { rule, path, line, column, excerpt = "" } of findings) {
    console.log(`${path}:${line}:${column} ${rule} ${excerpt}`)
  }
}

/**
 * @param {number} count
 * @param {number} files
 */
function perThousand(count, files) {
  return ((1000 * count) / Math.max(1, files)).toFixed(2)
}

/** @param {string[]} list */
function shuffled(list) {
  const next = seeded(seed)
  return list
    .map((line) => ({ line, at: next() }))
    .toSorted((a, b) => a.at - b.at)
    .map(({ line }) => line)
}

/**
 * @param {string} command
 * @param {string[]} args
 */
function run(command, args) {
  return spawnSync(command, args, { stdio: ["ignore", "ignore", "ignore"] }).status
}
