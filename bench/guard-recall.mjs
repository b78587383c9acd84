// Prints what the guard finds of the set in test/precommit/detect/corpus.ts, and what it takes for a
// credential by mistake; with `--set FILE`, the same for a set of others, a JSON array of
// { kind, text, path?, source?, secrets? }, where a text without secrets holds none; with
// `--fresh SEED`, by kind, of values that are made anew (test/precommit/detect/fresh.ts), 1,000 times
// each, of random values of each class in the contexts of corpus.ts, 500 times each, and of
// look-alikes of each rule (lookalikes.ts), 10 times each; with a folder, every finding in its files,
// masked. Of real values that were not found it counts by which veto they were silenced.
import { readFileSync, readdirSync } from "node:fs"
import { join, relative } from "node:path"
import { fileURLToPath } from "node:url"
import { build } from "esbuild"

const root = fileURLToPath(new URL("..", import.meta.url))
const { outputFiles } = await build({
  stdin: {
    contents: `
      export { findCredentials } from "./src/precommit/detect/detect.js"
      export { mask } from "./src/precommit/report/mask.js"
      export { negatives, positives, randomValues } from "./test/precommit/detect/corpus.js"
      export { everyRule } from "./src/precommit/detect/rules.js"
      export { freshLookalikes, freshSecrets } from "./test/precommit/detect/fresh.js"
      export { lookalikesOf } from "./test/precommit/detect/lookalikes.js"
      export { Generator } from "./test/precommit/detect/template.js"`,
    resolveDir: root,
  },
  bundle: true,
  write: false,
  platform: "node",
  format: "esm",
})
const code = Buffer.from(outputFiles[0]?.contents ?? []).toString("base64")
/**
 * @typedef {typeof import("../src/precommit/detect/detect.js")
 *   & typeof import("../src/precommit/report/mask.js")
 *   & typeof import("../test/precommit/detect/corpus.js")
 *   & typeof import("../src/precommit/detect/rules.js")
 *   & typeof import("../test/precommit/detect/fresh.js")
 *   & typeof import("../test/precommit/detect/lookalikes.js")
 *   & typeof import("../test/precommit/detect/template.js")} Bundle
 */
const bundle = /** @type {Bundle} */ (await import(`data:text/javascript;base64,${code}`))
const { findCredentials, mask, negatives, positives, randomValues } = bundle
const { Generator, freshLookalikes, freshSecrets, everyRule, lookalikesOf } = bundle

/** @typedef {{ kind: string, text: string, path?: string, source?: string, secrets?: string[] }} Sample */

const [given, set] = process.argv.slice(2)
if (given === undefined) measureOwn()
else if (given === "--set" && set !== undefined) measureSet(set)
else if (given === "--fresh") measureFresh(Number(set ?? 1))
else list(given)

function measureOwn() {
  const samples = positives(1)
  const missed = samples.filter((sample) => !isFound({ ...sample, secrets: [sample.secret] }))
  const harmless = negatives(1)
  const alarms = harmless.filter(({ text, path }) => findCredentials(text, { path }).length > 0)
  console.log(`kinds         ${new Set(samples.map(({ kind }) => kind)).size}`)
  console.log(`recall        ${share(samples.length - missed.length, samples.length)}`)
  console.log(`false alarms  ${share(alarms.length, harmless.length)}`)
  for (const { kind, context } of missed) console.log(`missed        ${kind} in ${context}`)
  printVetoes(missed, samples.length)
  for (const { kind, context } of alarms) console.log(`false alarm   ${kind} in ${context}`)
}

/** @param {number} seed */
function measureFresh(seed) {
  const generator = new Generator(seed)
  const rounds = Array.from({ length: 1000 })
  console.log(`seed ${seed}`)
  printKinds(
    "recall      ",
    rounds.flatMap(() => freshSecrets(generator)),
  )
  printKinds("recall, random values of each class", randomValues(seed, 500))
  printKinds(
    "false alarms",
    rounds.slice(0, 100).flatMap(() => freshLookalikes(generator)),
  )
  printKinds(
    "false alarms, beside each rule",
    rounds.slice(0, 10).flatMap(() => everyRule().flatMap((rule) => lookalikesOf(rule, generator))),
  )
}

/**
 * All together, and each kind in which something was missed, or taken for a secret.
 *
 * @param {string} title
 * @param {readonly (import("../test/precommit/detect/fresh.js").Fresh & { path?: string })[]} samples
 */
function printKinds(title, samples) {
  /** @type {Map<string, { all: number, found: number }>} */
  const kinds = new Map()
  const missed = []
  for (const sample of samples) {
    const { kind, text, secret } = sample
    const count = kinds.get(kind) ?? { all: 0, found: 0 }
    kinds.set(kind, count)
    count.all += 1
    if (isFound({ ...sample, secrets: secret && text.includes(secret) ? [secret] : [] })) {
      count.found += 1
    } else if (secret !== undefined) missed.push(sample)
  }
  const counts = [...kinds.values()]
  const total = counts.reduce((sum, { found }) => sum + found, 0)
  console.log(`${title}  ${share(total, samples.length)}`)
  const isSecret = samples.some(({ secret }) => secret !== undefined)
  for (const [kind, { all, found }] of kinds) {
    if (found !== (isSecret ? all : 0)) console.log(`  ${kind}: ${share(found, all)}`)
  }
  printVetoes(missed, samples.length)
}

/**
 * How many real values each veto silenced, and of which kinds. More than one veto may have silenced
 * the same value, each as the match of another rule.
 *
 * @param {readonly { kind: string, text: string, path?: string, secret?: string }[]} missed
 * @param {number} all
 */
function printVetoes(missed, all) {
  /** @type {Map<string, string[]>} */
  const kinds = new Map()
  for (const sample of missed) {
    for (const veto of vetoesOf(sample)) kinds.set(veto, [...(kinds.get(veto) ?? []), sample.kind])
  }
  const vetoes = [...kinds].toSorted(([, a], [, b]) => b.length - a.length)
  if (vetoes.length > 0) console.log(`  silenced by veto, of ${all} real values`)
  for (const [veto, silenced] of vetoes) {
    const counts = [...new Set(silenced)].map(
      (kind) => `${kind} ${silenced.filter((each) => each === kind).length}`,
    )
    console.log(
      `    ${veto.padEnd(14)} ${String(silenced.length).padStart(5)}  ${counts.join(", ")}`,
    )
  }
}

/**
 * What silenced a value: the vetoes of all rules that matched where it stands.
 *
 * @param {{ text: string, path?: string, secret?: string }} sample
 */
function vetoesOf({ text, path, secret = "" }) {
  /** @type {Set<string>} */
  const vetoes = new Set()
  findCredentials(text, path ? { path } : {}, ({ start, end, veto }) => {
    if (!text.includes(secret) || overlaps(text, secret, start, end)) vetoes.add(veto)
  })
  return vetoes.size > 0 ? vetoes : new Set(["no rule"])
}

/** @param {string} path */
function measureSet(path) {
  const samples = /** @type {Sample[]} */ (JSON.parse(readFileSync(path, "utf8")))
  for (const source of new Set(samples.map((sample) => sample.source))) {
    const all = samples.filter((sample) => sample.source === source)
    const hits = all.filter(isFound)
    const real = all.filter(({ secrets }) => secrets?.length)
    const found = hits.filter(({ secrets }) => secrets?.length)
    console.log(`${source ?? path}: ${new Set(real.map(({ kind }) => kind)).size} kinds`)
    console.log(`  recall        ${share(found.length, real.length)}`)
    console.log(`  false alarms  ${share(hits.length - found.length, all.length - real.length)}`)
  }
}

/**
 * Whether a finding overlaps one of the secrets, or there is one where no secret is.
 *
 * @param {Sample} sample
 */
function isFound({ text, path, secrets = [] }) {
  return findCredentials(text, path ? { path } : {}).some(
    ({ start, end }) =>
      secrets.length === 0 || secrets.some((secret) => overlaps(text, secret, start, end)),
  )
}

/**
 * @param {string} text
 * @param {string} secret
 * @param {number} start
 * @param {number} end
 */
function overlaps(text, secret, start, end) {
  const at = text.indexOf(secret, Math.max(0, start - secret.length + 1))
  return at >= 0 && at < end
}

/**
 * @param {number} part
 * @param {number} whole
 */
function share(part, whole) {
  return whole === 0 ? "none" : `${((100 * part) / whole).toFixed(1)} % (${part} of ${whole})`
}

/** @param {string} folder */
function list(folder) {
  for (const entry of readdirSync(folder, { recursive: true, withFileTypes: true })) {
    if (!entry.isFile()) continue
    const file = join(entry.parentPath, entry.name)
    const bytes = readFileSync(file)
    const onlyKeys = bytes.subarray(0, 8000).includes(0) || bytes.length > 5 * 2 ** 20
    const text = bytes.toString(onlyKeys ? "latin1" : "utf8")
    const path = relative(folder, file)
    for (const { rule, start, end } of findCredentials(text, { path, onlyKeys })) {
      const line = text.slice(0, start).split("\n").length
      console.log(`${path}:${line} ${rule} ${mask(text.slice(start, end))}`)
    }
  }
}
