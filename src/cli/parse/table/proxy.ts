import type { CommandSpec } from "../call.js"
import { AGENT, AUDIT, DIR, strictness } from "./options.js"

const CONTAINER = "a container has DIR there"

/** The broker for programs that run elsewhere: in a container, in another terminal. */
export const PROXY: readonly CommandSpec[] = [
  {
    name: "proxy",
    words: "",
    summary: "serve the broker to a container or another terminal, until Ctrl-C",
    options: {
      secret: {
        value: "GROUP/NAME[=ENV]",
        short: "s",
        many: true,
        describe: "serve this secret, whose placeholder is the variable ENV; may be repeated",
      },
      group: {
        value: "GROUP",
        short: "g",
        many: true,
        describe: "serve every secret of this group; may be repeated",
      },
      port: { value: "N", describe: "listen on this port (default: any that is free)" },
      listen: {
        value: "ADDRESS",
        describe: "listen on this address of the machine (default: 127.0.0.1, for itself alone)",
      },
      socket: {
        value: "PATH",
        describe: "listen on a Unix socket that only this user can open, in place of a port",
      },
      ...strictness(),
      ...AUDIT,
      ...DIR,
      ...AGENT,
    },
    examples: [
      ["agent-vault proxy --agent ci -g stripe", "on a free port of this machine"],
      [
        "agent-vault proxy --agent ci -g stripe --socket broker/proxy.sock",
        "for a container that has no network",
      ],
    ],
    notes:
      "It makes a token at its start, which `agent-vault proxy env` alone prints. Where a use says `ask`, it asks at its own terminal. The owner's key is never used.",
  },
  {
    name: "proxy env",
    words: "",
    summary: "print the variables that lead a program through the running proxy",
    options: {
      write: {
        value: "DIR",
        describe: "write the files with whom to trust into DIR, and name those",
      },
      mount: { value: "PATH", describe: `name the files as they are in PATH: ${CONTAINER}` },
      address: {
        value: "HOST:PORT",
        describe: "name the proxy so, where it is reached by another address",
      },
      format: {
        value: "FORM",
        choices: ["sh", "dotenv"],
        describe: "lines for a shell, or for a file of variables (default: sh)",
      },
      ...DIR,
      agent: {
        value: "AGENT",
        describe: "the agent whose proxy is meant (default: the only one that runs)",
      },
    },
    examples: [
      ['eval "$(agent-vault proxy env)"', "this shell uses the proxy from here on"],
      [
        "agent-vault proxy env --write broker --mount /broker --format dotenv",
        "for a container that mounts the folder `broker` as /broker",
      ],
    ],
    notes: "The lines hold the token of the proxy: who has them, uses its secrets while it runs.",
  },
]
