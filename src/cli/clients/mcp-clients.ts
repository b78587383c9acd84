import { dirname, join, posix, relative, sep } from "node:path"
import { type Environment, type Place, VaultError } from "../../core/index.js"
import type { CLIENTS } from "../parse/table/mcp.js"

export type ClientName = (typeof CLIENTS)[number]

/** One table of servers in one file. */
export interface Spot {
  /** Undefined for a file that the user named. */
  readonly client: ClientName | undefined
  readonly file: string
  /** Whether the file belongs to the repository, or to this user alone. */
  readonly scope: "project" | "user"
  readonly format: "json" | "toml"
  /** Where in the file the servers stand. */
  readonly path: readonly string[]
  /** How the client's file names the folder that the file lies in the project of. */
  readonly projectFolder?: string
  /** Whether an entry says that it is started, not called: `type: stdio`. */
  readonly namesType?: true
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
export function installSpot(client: ClientName, around: Surrounding): Spot {
  const [spot] = spotsOf(client, around)
  if (spot === undefined) throw new TypeError(`${client} has no file`)
  return spot
}

/** Where the servers of a client may stand, the one that counts first. */
export function spotsOf(client: ClientName, around: Surrounding): Spot[] {
  return SPOTS[client](around).map((spot) => ({ client, ...spot }))
}

const JSON_SERVERS = { format: "json", path: ["mcpServers"] } as const
const VSCODE = { format: "json", path: ["servers"], namesType: true } as const
const CODEX = { format: "toml", path: ["mcp_servers"] } as const
const WORKSPACE = { scope: "project", projectFolder: "${workspaceFolder}" } as const

const SPOTS: Readonly<Record<ClientName, (around: Surrounding) => Omit<Spot, "client">[]>> = {
  "claude-code": ({ env, project }) => {
    const file = join(env["CLAUDE_CONFIG_DIR"] || userHome(env), ".claude.json")
    const own = { ...JSON_SERVERS, scope: "user", file, namesType: true } as const
    // Claude Code sets the variable for the servers that it starts; the default serves for itself.
    const shared = { scope: "project", projectFolder: "${CLAUDE_PROJECT_DIR:-.}" } as const
    return [
      { ...JSON_SERVERS, ...shared, file: join(project, ".mcp.json"), namesType: true },
      // What a user added for one project counts more than what they added for all.
      { ...own, path: ["projects", project, "mcpServers"] },
      own,
    ]
  },
  "claude-desktop": (around) => {
    const file = join(appData(around), "Claude", "claude_desktop_config.json")
    return [{ ...JSON_SERVERS, scope: "user", file }]
  },
  cursor: ({ env, project }) => {
    const own = join(userHome(env), ".cursor", "mcp.json")
    const shared = join(project, ".cursor", "mcp.json")
    return [
      { ...JSON_SERVERS, ...WORKSPACE, file: shared, namesType: true },
      { ...JSON_SERVERS, scope: "user", file: own, namesType: true },
    ]
  },
  vscode: (around) => [
    { ...VSCODE, ...WORKSPACE, file: join(around.project, ".vscode", "mcp.json") },
    { ...VSCODE, scope: "user", file: join(appData(around), "Code", "User", "mcp.json") },
  ],
  codex: ({ env, project }) => {
    const own = join(env["CODEX_HOME"] || join(userHome(env), ".codex"), "config.toml")
    const shared = { scope: "project", projectFolder: "." } as const
    return [
      { ...CODEX, ...shared, file: join(project, ".codex", "config.toml") },
      { ...CODEX, scope: "user", file: own },
    ]
  },
}

/** How an entry names a vault's folder: from the client's own word for its project, if it has one. */
export function folderFor({ projectFolder }: Spot, place: Place): string {
  const folder = dirname(place.root)
  if (projectFolder === undefined) return folder
  const below = relative(projectOf(place), folder).split(sep).join("/")
  if (below === "") return projectFolder
  return projectFolder === "." ? below : posix.join(projectFolder, below)
}

function appData({ platform, env }: Surrounding): string {
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
