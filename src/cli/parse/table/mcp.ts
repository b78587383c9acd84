import { REVEAL_POLICIES } from "../../../core/index.js"
import type { CommandSpec } from "../call.js"
import { MCP_CLIENTS, type McpClient } from "./mcp-clients.js"
import { ALLOW_RUN, DIR } from "./options.js"

const CLIENT = {
  client: {
    value: "CLIENT",
    choices: MCP_CLIENTS.map(({ name }) => name),
    describe: "whose configuration",
  },
} as const

/** The MCP server over HTTP, and the configurations of clients. */
export const MCP: readonly CommandSpec[] = [
  {
    name: "mcp env",
    words: "",
    summary: "print the address and the token of the MCP server that listens",
    options: {
      address: {
        value: "HOST:PORT",
        describe: "name the server so, where it is reached by another address",
      },
      format: {
        value: "FORM",
        choices: ["sh", "dotenv"],
        describe: "lines for a shell, or for a file of variables (default: sh)",
      },
      ...DIR,
      agent: {
        value: "AGENT",
        describe: "the agent whose server is meant (default: the only one that listens)",
      },
    },
    examples: [
      ['eval "$(agent-vault mcp env)"', "for a client that reads its configuration from variables"],
      [
        "agent-vault mcp env --address host.docker.internal:8765 --format dotenv",
        "for a container",
      ],
    ],
    notes:
      "The variables are AGENT_VAULT_MCP_URL and AGENT_VAULT_MCP_TOKEN. Who has them, acts as the agent while the server runs.",
  },
  {
    name: "mcp install",
    words: "",
    summary: "put this vault's MCP server into a client's configuration",
    options: {
      ...CLIENT,
      agent: {
        value: "AGENT",
        describe: "whom it acts as (default: the only one with a key here)",
      },
      reveal: {
        value: "POLICY",
        choices: REVEAL_POLICIES,
        describe: "a server that can show values to the model, and whether it may",
      },
      blind: { describe: "a server that cannot show values at all (the default)" },
      ...ALLOW_RUN,
      print: { describe: "print the configuration, and write nothing" },
      yes: { describe: "replace another entry of the same name without asking" },
      "dry-run": { describe: "show what would change, and change nothing" },
      ...DIR,
    },
    examples: [
      ["agent-vault mcp install --client claude-code", "writes .mcp.json, which can be committed"],
      ["agent-vault mcp install --client codex --agent ci --print", "to paste it yourself"],
    ],
    notes: `${namesOf(isShared)}: a file of the repository. ${namesOf((client) => !isShared(client))}: your own file. The file holds no key.`,
  },
  {
    name: "mcp wrap",
    words: "<server>",
    summary: "take the literal keys out of a server's entry, into the vault",
    options: {
      ...CLIENT,
      config: { value: "FILE", describe: "this configuration file, .json or .toml" },
      secret: {
        value: "GROUP/NAME=ENV",
        short: "s",
        many: true,
        describe: "where to store the value of the variable ENV; may be repeated",
      },
      agent: {
        value: "AGENT",
        describe: "whom it runs as (default: the only one with a key here)",
      },
      yes: { describe: "do not ask: what looks like a key goes to SERVER/VARIABLE" },
      "dry-run": { describe: "show what would change, and change nothing" },
      "passphrase-fd": {
        value: "FD",
        describe: "read the passphrase of the owner's key from this file descriptor",
      },
      ...DIR,
    },
    examples: [
      ["agent-vault mcp wrap github", "finds the entry, asks, and shows the diff"],
      [
        "agent-vault mcp wrap github --client cursor -s github/token=GITHUB_TOKEN --yes",
        "without a question",
      ],
    ],
    notes:
      "The owner's key stores the values; the server then gets them through `agent-vault run` as the agent. Rotate a key that stood in a file which others could read.",
  },
]

function isShared({ files: [first] }: McpClient): boolean {
  return first?.below === "project"
}

function namesOf(choose: (client: McpClient) => boolean): string {
  const names = MCP_CLIENTS.filter(choose).map(({ name }) => name)
  return names.join(", ").replace(/, ([^,]*)$/, " and $1")
}
