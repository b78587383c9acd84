/** A file in which a client has its servers. */
export interface ClientFile {
  /** Below the project it is the repository's; anywhere else it is this user's own. */
  readonly below: "project" | "home" | "settings"
  /** The folder below that one, with slashes. */
  readonly folder?: string
  /** The variable by which a user names another folder in its place. */
  readonly folderVariable?: string
  readonly name: string
  /** The servers of one project stand apart: below this key, by the project's folder. */
  readonly projectsKey?: string
}

/** What an MCP client reads, and what an entry for it is like. */
export interface McpClient {
  /** As `--client` has it. */
  readonly name: string
  readonly format: "json" | "toml"
  /** The key of the servers in a file. */
  readonly servers: string
  /** The file that an entry is written to comes first, as the client looks there first. */
  readonly files: readonly ClientFile[]
  /** How a file of the repository names the project's folder, in the client's own words. */
  readonly projectFolder?: string
  /** Whether the folder that the server starts in decides it. */
  readonly projectFolderFollowsCwd?: true
  /** Whether an entry says that it is started, not called: `type: stdio`. */
  readonly namesType?: true
  /**
   * How a server learns where keys and state are, if it does not get the client's environment: the
   * entry holds them, or it names the variables that are handed on.
   */
  readonly environment?: "env" | "env_vars"
  /** What else the person has to do. */
  readonly nextStep: string
}

/** The clients whose configuration this program knows; a row is all that one needs. */
export const MCP_CLIENTS = [
  {
    name: "claude-code",
    format: "json",
    servers: "mcpServers",
    files: [
      { below: "project", name: ".mcp.json" },
      // What a user added for one project counts more than what they added for all.
      {
        below: "home",
        folderVariable: "CLAUDE_CONFIG_DIR",
        name: ".claude.json",
        projectsKey: "projects",
      },
      { below: "home", folderVariable: "CLAUDE_CONFIG_DIR", name: ".claude.json" },
    ],
    // Claude Code sets the variable for the servers that it starts; the default serves for itself.
    projectFolder: "${CLAUDE_PROJECT_DIR:-.}",
    projectFolderFollowsCwd: true,
    namesType: true,
    nextStep: "Claude Code asks once whether to use it: start it in the project, and look at /mcp.",
  },
  {
    name: "claude-desktop",
    format: "json",
    servers: "mcpServers",
    files: [{ below: "settings", folder: "Claude", name: "claude_desktop_config.json" }],
    environment: "env",
    nextStep: "Quit Claude Desktop and start it again.",
  },
  {
    name: "cursor",
    format: "json",
    servers: "mcpServers",
    files: [
      { below: "project", folder: ".cursor", name: "mcp.json" },
      { below: "home", folder: ".cursor", name: "mcp.json" },
    ],
    projectFolder: "${workspaceFolder}",
    namesType: true,
    nextStep: "In Cursor, switch the server on: Settings, MCP.",
  },
  {
    name: "vscode",
    format: "json",
    servers: "servers",
    files: [
      { below: "project", folder: ".vscode", name: "mcp.json" },
      { below: "settings", folder: "Code/User", name: "mcp.json" },
    ],
    projectFolder: "${workspaceFolder}",
    namesType: true,
    nextStep: "In VS Code, start it: the command MCP: List Servers.",
  },
  {
    name: "codex",
    format: "toml",
    servers: "mcp_servers",
    files: [
      { below: "project", folder: ".codex", name: "config.toml" },
      { below: "home", folder: ".codex", folderVariable: "CODEX_HOME", name: "config.toml" },
    ],
    projectFolder: ".",
    projectFolderFollowsCwd: true,
    environment: "env_vars",
    nextStep: "Codex reads it in a project that it trusts; look at /mcp.",
  },
] as const satisfies readonly McpClient[]
