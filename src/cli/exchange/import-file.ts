import { basename, extname } from "node:path"
import { LIMITS, VaultError, mebibytes } from "../../core/index.js"
import { type NestedValue, nestedValues } from "../../core/owner.js"
import type { Door } from "../door/door.js"
import { option, userPath } from "../door/who.js"
import { IMPORT_FORMATS } from "../parse/table/import.js"
import { parseEnvFile } from "../run/env-file.js"
import { readAll } from "../terminal/input.js"
import { readLimited } from "../terminal/limited-file.js"
import type { ValuesOfFile } from "./imported-names.js"
import { decryptedBySops, isSealedBySops } from "./sops.js"

type ImportFormat = (typeof IMPORT_FORMATS)[number]

/**
 * The values in the file that a call names, or on stdin for `-`. A file that sops sealed is opened by
 * sops. Throws `USAGE`, `CONFIG_INVALID`, `COMMAND_NOT_FOUND`.
 */
export async function readImport(door: Door, file: string): Promise<ValuesOfFile> {
  const format = formatOf(door, file)
  return { values: await readValues(door, file, format), areVariables: format === "dotenv" }
}

async function readValues(door: Door, file: string, format: ImportFormat): Promise<NestedValue[]> {
  const shown = file === "-" ? "stdin" : file
  const bytes = file === "-" ? await readAll(door.terminal) : readFile(door, file)
  if (isSealedBySops(bytes, format)) {
    if (file === "-") {
      throw new VaultError("CONFIG_INVALID", "what is on stdin was sealed by sops", {
        hint: "give the file itself: agent-vault import FILE; or pipe in what `sops decrypt` prints",
      })
    }
    const opened = await decryptedBySops(userPath(door, file), file, format, door.env)
    return valuesIn(opened, "json", shown)
  }
  return valuesIn(bytes, format, shown)
}

function valuesIn(bytes: Uint8Array, format: ImportFormat, shown: string): NestedValue[] {
  if (format !== "dotenv") return nestedValues(bytes, format, shown)
  const variables = parseEnvFile(textOf(bytes, shown), shown)
  if (variables.length === 0) {
    throw new VaultError("CONFIG_INVALID", `${shown} cannot be imported: it holds no value`, {
      hint: "a line is NAME=VALUE",
    })
  }
  return variables.map(({ variable, value, at }) => {
    if ("text" in value) return { keys: [variable], text: value.text }
    throw new VaultError("CONFIG_INVALID", `${at} cannot be imported: it names a secret`, {
      hint: `${value.secret} is in a vault already: leave the line out`,
    })
  })
}

/** As `--format` says, else by the name of the file. */
function formatOf(door: Door, file: string): ImportFormat {
  const said = IMPORT_FORMATS.find((format) => format === option(door, "format"))
  if (said !== undefined) return said
  const name = basename(file).toLowerCase()
  if (/^\.env(\.|$)/.test(name) || extname(name) === ".env") return "dotenv"
  if (extname(name) === ".json") return "json"
  if (extname(name) === ".yaml" || extname(name) === ".yml") return "yaml"
  const what = file === "-" ? "what is on stdin" : `what ${file} is`
  throw new VaultError("USAGE", `nothing says ${what}`, {
    hint: `say it: --format ${IMPORT_FORMATS.join(", --format ")}`,
  })
}

function readFile(door: Door, file: string): Uint8Array {
  const path = userPath(door, file)
  try {
    const bytes = readLimited(path, LIMITS.importFile)
    if (bytes !== undefined) return bytes
  } catch (cause) {
    throw new VaultError("USAGE", `the file ${file} cannot be read`, {
      hint: "give the path of a file, or - for stdin",
      cause,
    })
  }
  throw new VaultError("CONFIG_INVALID", `${file} is larger than an import may be`, {
    hint: `at most ${mebibytes(LIMITS.importFile)}; import it in parts`,
  })
}

function textOf(bytes: Uint8Array, shown: string): string {
  try {
    return new TextDecoder("utf-8", { fatal: true }).decode(bytes)
  } catch {
    throw new VaultError("CONFIG_INVALID", `${shown} cannot be imported: it is not UTF-8 text`, {
      hint: "store bytes alone: agent-vault set GROUP/NAME --from-file FILE",
    })
  }
}
