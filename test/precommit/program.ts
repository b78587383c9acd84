import { VaultError } from "../../src/core/guard.js"
import { guardInstallation } from "../../src/precommit/install.js"
import { guard } from "../../src/precommit/main.js"

// `agent-vault guard [install|uninstall|status]` and nothing else, for hooks to run.

const [command, action] = process.argv.slice(2)
const door = {
  cwd: process.cwd(),
  env: process.env,
  write: (document: string): Promise<void> => {
    process.stdout.write(document)
    return Promise.resolve()
  },
  say: (line: string): void => void process.stderr.write(`${line}\n`),
}

async function run(): Promise<number> {
  if (command !== "guard") return 0
  try {
    if (action === "install" || action === "uninstall" || action === "status") {
      const program = [process.execPath, process.argv[1] ?? ""]
      return await guardInstallation({ ...door, action, json: false, program })
    }
    return await guard({ ...door, subject: { is: "staged" }, form: "people", version: "0.0.0" })
  } catch (error) {
    if (!VaultError.is(error)) throw error
    door.say(`${error.code}: ${error.message}`)
    return error.exitCode
  }
}

void run().then((code) => (process.exitCode = code))
