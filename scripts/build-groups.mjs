// Puts together the chunks that are always loaded together. esbuild makes a chunk for each set of
// entries that share code, and every dynamic import is an entry, so a hot door would load fifty files.
// Names within one file are found at once; between two, through a getter of the one that exports.
import { build } from "esbuild"

/**
 * @typedef {object} Chunk
 * @property {string} name the file's
 * @property {string} text an ES module, as esbuild writes it
 * @property {readonly string[]} exports
 * @property {string | undefined} source what it is the entry of, from the project's root
 */
/**
 * @typedef {object} Group
 * @property {string} name the file's
 * @property {readonly Chunk[]} chunks
 */
/** @typedef {{ file: string, names: ReadonlyMap<string, string> }} Place where a chunk's names are now */

/**
 * A chunk that other commands load too is put with others only if so many doors load it: a command
 * would load with it what it does not need.
 */
const WIDELY = 3
const imports = /^import \{([^}]*)\} from "\.\/([^"]+)";\n/gm

/**
 * One file for all chunks that the same doors load; each other chunk stays a file. A door is the
 * sources that it begins with.
 *
 * @param {readonly Chunk[]} chunks
 * @param {readonly (readonly string[])[]} doors
 * @param {readonly string[]} alone names of files that stay by themselves: to load them does something
 * @returns {Promise<{ name: string, text: string }[]>}
 */
export async function grouped(chunks, doors, alone) {
  const groups = withUsed(groupsOf(chunks, doors, alone), chunks)
  const places = new Map(groups.flatMap((group) => [...placesIn(group)]))
  const others = chunks.filter(({ name }) => !places.has(name))
  const joins = groups.map(async (group) => {
    return { name: group.name, text: await joined(group, places) }
  })
  return [
    ...(await Promise.all(joins)),
    ...groups.flatMap((group) => standIns(group, places)),
    ...others.map(({ name, text }) => ({ name, text: relinked(text, places) })),
  ]
}

/**
 * @param {readonly Chunk[]} chunks
 * @param {readonly (readonly string[])[]} doors
 * @param {readonly string[]} alone
 * @returns {Group[]}
 */
function groupsOf(chunks, doors, alone) {
  const byName = new Map(chunks.map((chunk) => [chunk.name, chunk]))
  /** @param {(source: string) => boolean} isMeant */
  const loadedBy = (isMeant) => {
    const loaded = new Set(chunks.filter(({ source }) => source !== undefined && isMeant(source)))
    for (const { text } of loaded) {
      for (const [, , name = ""] of text.matchAll(imports)) {
        const chunk = byName.get(name)
        if (chunk !== undefined) loaded.add(chunk)
      }
    }
    return loaded
  }
  const ofDoors = doors.flat()
  const missing = ofDoors.find((source) => !chunks.some((chunk) => chunk.source === source))
  if (missing !== undefined) throw new Error(`no chunk begins with ${missing}`)
  const loads = doors.map((sources) => loadedBy((source) => sources.includes(source)))
  const byOthers = loadedBy((source) => !ofDoors.includes(source))
  /** @type {Map<string, Chunk[]>} */
  const byDoors = new Map()
  for (const chunk of chunks) {
    const which = loads.map((loaded) => Number(loaded.has(chunk)))
    const count = which.reduce((sum, one) => sum + one, 0)
    const isLeft = byOthers.has(chunk) && count < WIDELY
    if (count === 0 || isLeft || alone.includes(chunk.name)) continue
    const key = which.join("")
    byDoors.set(key, [...(byDoors.get(key) ?? []), chunk])
  }
  return [...byDoors.values()].map((members) => {
    // A file that is imported by name keeps it.
    const [entry, second] = members.filter(({ source }) => source !== undefined)
    const named = entry !== undefined && second === undefined ? entry : members[0]
    return { name: named?.name ?? "", chunks: members }
  })
}

/**
 * Without the exports that nothing in another file uses: V8 takes a microsecond and more for each.
 *
 * @param {readonly Group[]} groups
 * @param {readonly Chunk[]} chunks
 * @returns {Group[]}
 */
function withUsed(groups, chunks) {
  const files = new Map(
    groups.flatMap(({ name: file, chunks: own }) => own.map(({ name }) => [name, file])),
  )
  const used = chunks.flatMap(({ name: user, text }) =>
    [...text.matchAll(imports)].flatMap(([, clause = "", name = ""]) => {
      const isWithin = files.has(name) && files.get(name) === files.get(user)
      return isWithin ? [] : namesIn(clause).map(([exported]) => `${name} ${exported}`)
    }),
  )
  const all = new Set(used)
  return groups.map(({ name: file, chunks: own }) => ({
    name: file,
    chunks: own.map((chunk) => {
      const isUsed = (/** @type {string} */ name) => all.has(`${chunk.name} ${name}`)
      // Whoever imports it by name may use all of it.
      return chunk.source === undefined
        ? { ...chunk, exports: chunk.exports.filter(isUsed) }
        : chunk
    }),
  }))
}

/**
 * What an import statement names: as it is exported, and as it is called here.
 *
 * @param {string} clause
 */
function namesIn(clause) {
  return clause.split(",").map((each) => {
    const [exported = "", local = exported] = each.trim().split(" as ")
    return /** @type {const} */ ([exported, local])
  })
}

/**
 * Where the names of a group's chunks are: as they were in the chunk that gives the file its name,
 * and with a number where two chunks have the same.
 *
 * @param {Group} group
 * @returns {Map<string, Place>}
 */
function placesIn({ name: file, chunks }) {
  /** @type {Set<string>} */
  const taken = new Set()
  const inOrder = chunks.toSorted((a, b) => Number(b.name === file) - Number(a.name === file))
  return new Map(
    inOrder.map((chunk, index) => {
      const names = chunk.exports.map((name) => {
        const free = taken.has(name) ? `${name}$${index}` : name
        taken.add(free)
        return /** @type {const} */ ([name, free])
      })
      return [chunk.name, { file, names: new Map(names) }]
    }),
  )
}

/**
 * @param {Group} group
 * @param {ReadonlyMap<string, Place>} places
 * @returns {Promise<string>}
 */
async function joined({ name: file, chunks }, places) {
  const texts = new Map(chunks.map(({ name, text }) => [name, relinked(text, places, file)]))
  const { outputFiles } = await build({
    stdin: { contents: chunks.map(({ name }) => exportOf(name, name, places)).join("\n") },
    bundle: true,
    format: "esm",
    write: false,
    platform: "node",
    logLevel: "warning",
    plugins: [
      {
        name: "chunks",
        setup(bundler) {
          bundler.onResolve({ filter: /./ }, ({ path, kind }) => {
            const name = path.slice("./".length)
            const isOwn = kind === "import-statement" && texts.has(name)
            return isOwn ? { path: name, namespace: "chunk" } : { path, external: true }
          })
          bundler.onLoad({ filter: /./, namespace: "chunk" }, ({ path }) => ({
            contents: texts.get(path) ?? "",
          }))
        },
      },
    ],
  })
  return outputFiles[0]?.text ?? ""
}

/**
 * Files for the other chunks of a group that are imported by name.
 *
 * @param {Group} group
 * @param {ReadonlyMap<string, Place>} places
 */
function standIns({ name: file, chunks }, places) {
  const entries = chunks.filter(({ name, source }) => source !== undefined && name !== file)
  return entries.map(({ name }) => {
    const names = [...(places.get(name)?.names ?? [])].map(([from, to]) => `${to} as ${from}`)
    return { name, text: `export { ${names.join()} } from "./${file}";\n` }
  })
}

/**
 * @param {string} from
 * @param {string} chunk
 * @param {ReadonlyMap<string, Place>} places
 */
function exportOf(from, chunk, places) {
  const names = [...(places.get(chunk)?.names ?? [])].map(([own, free]) => `${own} as ${free}`)
  return `export { ${names.join()} } from "./${from}";`
}

/**
 * A chunk that imports from where the names are now, once from each file.
 *
 * @param {string} text
 * @param {ReadonlyMap<string, Place>} places
 * @param {string} [own] the group that it is in, whose chunks still are files to each other
 */
function relinked(text, places, own) {
  /** @type {Map<string, string[]>} */
  const wanted = new Map()
  const rest = text.replace(imports, (_, clause, name) => {
    const place = places.get(name)
    const isMoved = place !== undefined && place.file !== own
    const file = isMoved ? place.file : name
    const specifiers = namesIn(clause).map(([exported, local]) => {
      return `${isMoved ? (place.names.get(exported) ?? exported) : exported} as ${local}`
    })
    wanted.set(file, [...(wanted.get(file) ?? []), ...specifiers])
    return ""
  })
  const lines = [...wanted].map(
    ([file, names]) => `import { ${names.join(", ")} } from "./${file}";`,
  )
  return [...lines, rest].join("\n")
}
