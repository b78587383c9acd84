import type { ClientFile } from "./mcp-clients.js"

/** A client whose hooks this program knows: where they stand, and at what. */
export interface HookClient {
  /** As `--client` has it. */
  readonly name: string
  /** The file of the repository, then the user's own. */
  readonly files: readonly [project: ClientFile, user: ClientFile]
  /** What the client calls the moment before a tool, and those after it. */
  readonly before: string
  readonly after: readonly string[]
  /** What a file holds besides hooks, if it is for hooks alone. */
  readonly frame?: Readonly<Record<string, unknown>>
  /** What else the person has to do. */
  readonly nextStep: string
}

/** The clients whose hooks this program answers; what they say is in `cli/hooks/dialects.ts`. */
export const HOOK_CLIENTS = [
  {
    name: "claude-code",
    files: [
      { below: "project", folder: ".claude", name: "settings.json" },
      {
        below: "home",
        folder: ".claude",
        folderVariable: "CLAUDE_CONFIG_DIR",
        name: "settings.json",
      },
    ],
    before: "PreToolUse",
    after: ["PostToolUse", "PostToolUseFailure"],
    nextStep: "Claude Code reads it when it starts; look at /hooks.",
  },
  {
    name: "codex",
    files: [
      { below: "project", folder: ".codex", name: "hooks.json" },
      { below: "home", folder: ".codex", folderVariable: "CODEX_HOME", name: "hooks.json" },
    ],
    before: "PreToolUse",
    after: ["PostToolUse"],
    nextStep: "Codex runs a hook once you have trusted it: look at /hooks.",
  },
  {
    name: "cursor",
    files: [
      { below: "project", folder: ".cursor", name: "hooks.json" },
      { below: "home", folder: ".cursor", name: "hooks.json" },
    ],
    before: "preToolUse",
    after: ["postToolUse"],
    frame: { version: 1 },
    nextStep: "Cursor reads it when it is saved; look at Settings, Hooks.",
  },
  {
    name: "gemini-cli",
    files: [
      { below: "project", folder: ".gemini", name: "settings.json" },
      { below: "home", folder: ".gemini", name: "settings.json" },
    ],
    before: "BeforeTool",
    after: ["AfterTool"],
    nextStep:
      "Gemini CLI runs a project's hooks only in a folder that you trust, and says nothing where it does not; look at /hooks.",
  },
] as const satisfies readonly HookClient[]

export type HookClientName = (typeof HOOK_CLIENTS)[number]["name"]
