// Writes what the licences of the packages that we bundle ask for: their texts, in one file.
import { readFile, readdir, writeFile } from "node:fs/promises"
import { join } from "node:path"
import { root } from "./build-places.mjs"

const packageFolder = /^(?:.*\/)?node_modules\/(?:@[^/]+\/)?[^/@][^/]*(?=\/)/

/**
 * @param {string} path where to
 * @param {readonly string[]} files that went into the bundle, from the project's root
 */
export async function writeLicenses(path, files) {
  const folders = new Set(files.flatMap((file) => packageFolder.exec(file)?.[0] ?? []))
  const texts = await Promise.all([...folders].map((folder) => licenseOf(join(root, folder))))
  await writeFile(path, texts.toSorted().join("\n"))
}

/** @param {string} folder */
async function licenseOf(folder) {
  const { name, version, license } = JSON.parse(
    await readFile(join(folder, "package.json"), "utf8"),
  )
  const file = (await readdir(folder)).find((each) => /^licen[cs]e(?:\.\w+)?$/i.test(each))
  const text = file === undefined ? `(${license})\n` : await readFile(join(folder, file), "utf8")
  return `${name} ${version}\n\n${text.trim()}\n\n${"-".repeat(72)}\n`
}
