import { dirname, join, posix, relative, sep } from "node:path"
import { type Environment, type Place, VaultError } from "../../core/index.js"
import { type ClientFile, MCP_CLIENTS, type McpClient } from "../parse/table/mcp-clients.js"

/** One table of servers in one file. */
export interface Spot {
  /** Undefined for a file that the user named. */
  readonly client: McpClient | undefined
  readonly file: string
  /** Whether the file belongs to the repository, or to this user alone. */
  readonly scope: "project" | "user"
  readonly format: McpClient["format"]
  /** Where in the file the servers stand. */
  readonly path: readonly string[]
}

/** What decides where files are. */
export interface Surrounding {
  readonly platform: NodeJS.Platform
  readonly env: Environment
  /** The top of the work tree, which a client opens. */
  readonly project: string
}

/** The top of the work tree of a vault, or the folder that it lies in. */
export function projectOf({ root, checkout }: Place): string {
  return checkout?.top ?? dirname(root)
}

/** The file that a client's entry is written to: the repository's, if the client reads one. */
export function installSpot(client: McpClient, around: Surrounding): Spot {
  const [spot] = spotsOf(client, around)
  if (spot === undefined) throw new TypeError(`${client.name} has no file`)
  return spot
}

/** The file of a client, as a spot in which nothing is chosen yet. */
export function fileSpot(file: ClientFile, around: Surrounding): Spot {
  return {
    client: undefined,
    file: join(folderOf(file, around), file.name),
    scope: file.below === "project" ? "project" : "user",
    format: "json",
    path: [],
  }
}

/** Where the servers of a client may stand, the one that counts first. */
export function spotsOf(client: McpClient, around: Surrounding): Spot[] {
  const { format, servers } = client
  return client.files.map((file) => ({
    client,
    file: join(folderOf(file, around), file.name),
    scope: file.below === "project" ? "project" : "user",
    format,
    path: file.projectsKey === undefined ? [servers] : [file.projectsKey, around.project, servers],
  }))
}

/** Where the servers may stand in a file of no client that is known: wherever any of them has them. */
export function spotsInFile(file: string, format: McpClient["format"]): Spot[] {
  const keys = MCP_CLIENTS.filter((client) => client.format === format).map(
    ({ servers }) => servers,
  )
  return [...new Set(keys)].map((key) => ({
    client: undefined,
    file,
    scope: "user",
    format,
    path: [key],
  }))
}

/** How an entry names a vault's folder: from the client's own word for its project, if it has one. */
export function folderFor({ client, scope }: Spot, place: Place): string {
  const folder = dirname(place.root)
  if (client?.projectFolder === undefined || scope === "user") return folder
  const { projectFolder } = client
  const below = relative(projectOf(place), folder).split(sep).join("/")
  if (below === "") return projectFolder
  return projectFolder === "." ? below : posix.join(projectFolder, below)
}

function folderOf(
  { below, folder = "", folderVariable }: ClientFile,
  { platform, env, project }: Surrounding,
): string {
  const named = folderVariable === undefined ? undefined : env[folderVariable]
  if (named) return named
  if (below === "project") return join(project, folder)
  return join(below === "home" ? userHome(env) : settingsFolder(platform, env), folder)
}

/** Where programs with a window keep their settings. */
function settingsFolder(platform: NodeJS.Platform, env: Environment): string {
  const home = userHome(env)
  if (platform === "win32") return env["APPDATA"] || join(home, "AppData", "Roaming")
  if (platform === "darwin") return join(home, "Library", "Application Support")
  return env["XDG_CONFIG_HOME"] || join(home, ".config")
}

function userHome(env: Environment): string {
  const home = env["HOME"] || env["USERPROFILE"]
  if (home) return home
  throw new VaultError("NO_ACCESS", "no home folder: HOME is not set", {
    hint: "set HOME to the folder that the client's configuration is in",
  })
}
