import { mayWrite } from "../disk/at-path.js"
import { FolderFiles } from "../disk/files.js"
import { type Environment, stateHome } from "../disk/homes.js"
import { journalExists } from "../disk/journal-file.js"
import { type Place, gitPath } from "../disk/place.js"
import { type Git, openGit } from "../git/git.js"
import { runQuickly } from "../git/git-quick.js"
import { ATTRIBUTES, ATTRIBUTE_LINES } from "../words/layout.js"

/** What a clone of a vault is like, apart from its records. */
interface CloneFacts {
  /** Without `refs/heads/`; absent where HEAD is detached. */
  readonly branch?: string
  /** An earlier change was interrupted. */
  readonly isIncomplete: boolean
  /** What may have Git convert files of the vault, and what mends it. */
  readonly conversion: { readonly how: string; readonly mend: string } | undefined
  /** When the newest commit of all branches was made, by the clock of its machine. */
  readonly newest?: Date
  /** Files that hold the private half of an age key, from the top; none that Git ignores. */
  readonly keyFiles: readonly string[]
}

/** Looks at the clone that a vault lies in; undefined for one without a repository. Throws `GIT_FAILED`. */
export async function cloneFacts(place: Place, env: Environment): Promise<CloneFacts | undefined> {
  const { checkout } = place
  if (checkout === undefined) return undefined
  const git = await openGit(checkout, env)
  const newest = await git.run(["log", "--all", "--max-count=1", "--format=%ct"])
  const search = ["grep", "--untracked", "-l", "-z", "-E", "-e", PRIVATE_KEY]
  const found = await git.run(search, { answer: NOT_FOUND })
  return {
    ...(checkout.branch === undefined
      ? {}
      : { branch: checkout.branch.replace("refs/heads/", "") }),
    isIncomplete: journalExists(place),
    conversion: lackingLines(place.root) ?? (await firstConversion(git, place.root)),
    ...(newest.length === 0 ? {} : { newest: new Date(Number(newest.toString("utf8")) * 1000) }),
    keyFiles: found.toString("utf8").split("\0").filter(Boolean).sort(),
  }
}

/** The attributes by which Git converts files, and what they are where it keeps every byte. */
const KEEPING = new Map([
  ["text", "unset"],
  ["filter", "unset"],
  ["ident", "unset"],
  ["working-tree-encoding", "unspecified"],
])

function lackingLines(root: string): CloneFacts["conversion"] {
  const lines = Buffer.from(new FolderFiles(root).read(ATTRIBUTES) ?? []).toString("utf8")
  const present = new Set(lines.split(/\r?\n/))
  const lacking = ATTRIBUTE_LINES.filter((line) => !present.has(line))
  return lacking.length === 0
    ? undefined
    : {
        how: `.agent-vault/.gitattributes lacks: ${lacking.join(" | ")}`,
        mend: "put these lines back into it, and commit it",
      }
}

/** Attributes come from the folders above as well, and the clone's own prevail. */
async function firstConversion(git: Git, root: string): Promise<CloneFacts["conversion"]> {
  const folder = gitPath(git.checkout, root)
  const paths = new FolderFiles(root).list().map((path) => `${folder}/${path}\0`)
  const asked = ["check-attr", "-z", "--stdin", ...KEEPING.keys()]
  const said = (await git.run(asked, { input: paths.join("") })).toString("utf8").split("\0")
  for (let at = 0; at + 2 < said.length; at += 3) {
    const [path = "", attribute = "", is = ""] = said.slice(at, at + 3)
    if (KEEPING.get(attribute) === is) continue
    return {
      how: `Git has ${attribute}: ${is} for ${path}`,
      mend: "take it out of .gitattributes, .git/info/attributes or the file of core.attributesFile",
    }
  }
  return undefined
}

/** The Bech32 of an age identity, classic or post-quantum (age spec, "X25519 recipient type"). */
const PRIVATE_KEY = "^AGE-SECRET-KEY-(PQ-)?1[0-9A-Z]{20}"

/** What `git grep` ends with that finds nothing. */
const NOT_FOUND = 1

/** The version of the git on the PATH, as `2.39.5`. Throws `NO_GIT`. */
export async function gitVersion(env: Environment, folder: string): Promise<string> {
  const said = (await runQuickly(folder, env, ["version"])).toString("utf8")
  return /\d+(?:\.\d+)+/.exec(said)?.[0] ?? said.trim()
}

/** The folder for what this machine believes and notes, where it cannot be written. */
export function unwritableState(env: Environment): string | undefined {
  const folder = stateHome(env)
  return mayWrite(folder) ? undefined : folder
}
