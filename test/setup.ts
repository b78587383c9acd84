import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs"
import { devNull, tmpdir } from "node:os"
import { delimiter, join } from "node:path"
import { afterAll } from "vitest"
import { started } from "./started.js"
import harnesses from "../src/core/keys/harnesses.json" with { type: "json" }

/**
 * Gives each test file a machine of its own: an empty home, a known Git identity, and none of the
 * variables by which the developer's shell, an agent harness or a running Git hook would leak in.
 * NODE_EXTRA_CA_CERTS costs each Node that a test starts 30 ms: only what installs from a registry
 * gets it back.
 */
const foreign =
  /^(?:AGENT_VAULT_(?!BIG$)|AGE_|CLAUDE|CODEX_|CURSOR_|GIT_|SSH_|GPG_|XDG_|HUSKY|NODE_(?:PATH|EXTRA_CA_CERTS)$|npm_config_(?:global_)?prefix$|(?:EDITOR|VISUAL|PAGER|LESS|NO_COLOR|FORCE_COLOR|COLORTERM)$)/
const certificates = started["NODE_EXTRA_CA_CERTS"]
for (const name of Object.keys(process.env)) delete process.env[name]
for (const [name, value] of Object.entries(started)) {
  if (!foreign.test(name) && !(name in harnesses)) process.env[name] = value
}

const home = mkdtempSync(join(tmpdir(), "agent-vault-home-"))
const gitConfig = join(home, "gitconfig")
writeFileSync(
  gitConfig,
  [
    "[user]",
    "\tname = Test Person",
    "\temail = test@example.com",
    "[init]",
    "\tdefaultBranch = main",
    "[commit]",
    "\tgpgSign = false",
    "[gc]",
    "\tauto = 0",
    "[maintenance]",
    "\tauto = false",
    // Each push would start a gc, which finds that it has nothing to do.
    "[receive]",
    "\tautoGC = false",
    "",
  ].join("\n"),
)
/** A folder for PATH; where agent-vault is installed in it, another with links to all the rest. */
function withoutOurs(folder: string, at: number): string {
  if (!["", ".cmd"].some((end) => existsSync(join(folder, `agent-vault${end}`)))) return folder
  const rest = join(home, `path-${at}`)
  mkdirSync(rest)
  for (const name of readdirSync(folder)) {
    if (!/^agent-vault(?:\.|$)/.test(name)) symlinkSync(join(folder, name), join(rest, name))
  }
  return rest
}

const folders = (started["PATH"] ?? "").split(delimiter).filter((folder) => folder !== "")
Object.assign(process.env, {
  HOME: home,
  PATH: folders.map(withoutOurs).join(delimiter),
  USERPROFILE: home,
  XDG_CONFIG_HOME: join(home, "config"),
  XDG_STATE_HOME: join(home, "state"),
  XDG_CACHE_HOME: join(home, "cache"),
  GIT_CONFIG_GLOBAL: gitConfig,
  GIT_CONFIG_SYSTEM: devNull,
  GIT_CONFIG_NOSYSTEM: "1",
  GIT_TERMINAL_PROMPT: "0",
  LC_ALL: "C.UTF-8",
  TZ: "UTC",
  ...(certificates === undefined ? {} : { TEST_EXTRA_CA_CERTS: certificates }),
})

afterAll(() => rmSync(home, { recursive: true, force: true, maxRetries: 3 }))
