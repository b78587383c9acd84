// Started inside of a namespace, before the program: listens on its loopback and hands the listening
// socket to the broker outside, which so needs no relay. Ends as soon as the broker serves, and prints
// what that says: how the program begins.
import { writeFileSync } from "node:fs"
import { createServer } from "node:net"
import { argv, exit } from "node:process"

const LOOK_EVERY_MS = 20
const STDOUT = 1

const server = createServer()
server.once("error", () => exit(1))
server.listen(Number(argv[2]), "127.0.0.1", () => {
  // The broker says when it serves; a broker that is gone says nothing more. Of that, Node tells in
  // no event as long as nobody has taken what was sent.
  process.once("message", (said: string) => {
    writeFileSync(STDOUT, said)
    exit(0)
  })
  setInterval(() => {
    if (!process.connected) exit(1)
  }, LOOK_EVERY_MS)
  process.send?.("listening", server, {}, (error) => {
    if (error) exit(1)
  })
})
