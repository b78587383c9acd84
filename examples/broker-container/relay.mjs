// Runs a program beside a relay from a port of this container to the broker's socket. It knows
// nothing of what passes: the token and the placeholders are in the program's environment.
import { spawn } from "node:child_process"
import { connect, createServer } from "node:net"
import { constants } from "node:os"

const [socketFile = "", port, command = "", ...args] = process.argv.slice(2)

const relay = createServer((program) => {
  const broker = connect(socketFile)
  program.pipe(broker).pipe(program)
  program.on("error", () => broker.destroy())
  broker.on("error", () => program.destroy())
  program.on("close", () => broker.destroySoon())
  broker.on("close", () => program.destroySoon())
})

relay.listen(Number(port), "127.0.0.1", () => {
  const child = spawn(command, args, { stdio: "inherit" })
  for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"]) {
    process.on(signal, () => child.kill(/** @type {NodeJS.Signals} */ (signal)))
  }
  child.once("error", (error) => {
    console.error(error.message)
    end(127)
  })
  child.once("exit", (code, signal) => {
    end(signal === null ? (code ?? 0) : 128 + constants.signals[signal])
  })
})

/** @param {number} code */
function end(code) {
  process.exitCode = code
  relay.close()
}
