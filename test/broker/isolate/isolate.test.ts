import { once } from "node:events"
import { type ChildProcess, spawn } from "node:child_process"
import {
  chmodSync,
  closeSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  realpathSync,
  rmSync,
  rmdirSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from "node:fs"
import { type Server, type Socket, createServer } from "node:net"
import { tmpdir, userInfo } from "node:os"
import { dirname, join } from "node:path"
import { getuid } from "node:process"
import { fileURLToPath } from "node:url"
import { afterAll, beforeAll, describe, expect, test, vi } from "vitest"
import {
  PORT_INSIDE,
  beginning,
  findBubblewrap,
  isolated,
} from "../../../src/broker/isolate/bubblewrap.js"
import { hiddenFrom } from "../../../src/broker/isolate/hidden.js"
import { openRefusedCalls, refusesCalls } from "../../../src/broker/isolate/refused-calls.js"
import { shellWord } from "../../../src/core/index.js"
import { bubblewrap } from "../../../scripts/bubblewrap.mjs"
import { noRoot, testUnless } from "../../needs.js"

const listenInside = fileURLToPath(new URL("../../../dist/cli/listen-inside.cjs", import.meta.url))
const found = await bubblewrap()
const lack = "missing" in found ? found.missing : undefined

const UNPRIVILEGED = ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups"]
/** Whoever runs the tests, and, if that is root, a user without power over the machine. */
const USERS = [
  ["the user", [], lack],
  ["an unprivileged user", UNPRIVILEGED, lack ?? noRoot],
] as const

let folder: string
let home: string

beforeAll(() => {
  folder = realpathSync(mkdtempSync(join(tmpdir(), "agent-vault-isolate-")))
  home = join(folder, "keys of mine")
  mkdirSync(home)
  // Another user, too, is kept from seeing into it.
  chmodSync(folder, 0o755)
  writeFileSync(join(home, "ci.key"), "not a key")
})
afterAll(() => rmSync(folder, { recursive: true, force: true }))

/** Runs a program isolated, with a broker that answers each connection with one line. */
async function run(
  command: readonly string[],
  {
    as = [],
    from = [],
    answer = "from the broker",
    shown = [],
    env = {},
    variables = "",
  }: {
    as?: readonly string[]
    /** What starts it, given the command line as JSON. */
    from?: readonly string[]
    answer?: string
    shown?: readonly string[]
    env?: Readonly<Record<string, string>>
    /** Lines of a shell, said when the program is to begin. */
    variables?: string
  } = {},
) {
  const means = await findBubblewrap(process.env)
  if (!("program" in means)) throw new Error(means.missing)
  const view = { ...hiddenFrom({ folders: [home], files: [] }, {}), shown }
  const wrapped = isolated(means, listenInside, view, command)
  const [program = "", ...args] = [
    ...as,
    ...(from.length === 0 ? wrapped : [...from, JSON.stringify(wrapped)]),
  ]
  const calls = openRefusedCalls()
  const child = spawn(program, args, {
    stdio: ["ignore", "pipe", "pipe", "ipc", "pipe", calls],
    env: { ...process.env, ...env },
  })
  closeSync(calls)
  const sockets: Socket[] = []
  let server: Server | undefined
  child.once("message", (_said, handed) => {
    server = handed as Server
    server.on("connection", (socket) => {
      sockets.push(socket)
      socket.on("error", () => {}).end(`${answer}\n`)
    })
    child.send(beginning(variables))
  })
  const ended = await outputOf(child)
  server?.close()
  for (const socket of sockets) socket.destroy()
  return ended
}

function outputOf(child: ChildProcess): Promise<{ code: number | null; stdout: string }> {
  return new Promise((resolve) => {
    let stdout = ""
    child.stdout?.on("data", (chunk: Buffer) => (stdout += chunk.toString()))
    child.stderr?.on("data", (chunk: Buffer) => (stdout += chunk.toString()))
    child.once("close", (code) => resolve({ code, stdout }))
  })
}

/** A program that says what comes on a connection, or why there is none. */
function connecting(port: number): string[] {
  const script = `
    const socket = require("node:net").connect(${port}, "127.0.0.1")
    socket.on("data", (data) => process.stdout.write(data))
    socket.on("error", ({ code }) => console.log(code))`
  return [process.execPath, "-e", script]
}

describe("an isolated program", () => {
  testUnless(lack, "reaches the broker by the port inside", async () => {
    expect(await run(connecting(PORT_INSIDE))).toEqual({ code: 0, stdout: "from the broker\n" })
  })

  testUnless(lack, "is alone with what its Node is to load first", async () => {
    const preload = join(folder, "preload.cjs")
    writeFileSync(preload, `console.log("loaded")`)
    const env = { NODE_OPTIONS: `--require=${preload}`, NODE_EXTRA_CA_CERTS: join(folder, "none") }
    const shell = await run(["sh", "-c", 'echo "$NODE_OPTIONS $NODE_EXTRA_CA_CERTS"'], { env })
    expect(shell.stdout).toBe(`${env.NODE_OPTIONS} ${env.NODE_EXTRA_CA_CERTS}\n`)
    const node = await run([process.execPath, "-e", ""], {
      env: { NODE_OPTIONS: env.NODE_OPTIONS },
    })
    expect(node.stdout).toBe("loaded\n")
  })

  testUnless(lack, "gets what is said when it begins, and no process shows it", async () => {
    const text = `it's "one"\n$(exit 7) \\n \`x\` ${"much ".repeat(20_000)}`
    const variables = `export SAID=${shellWord(text)}\nexport HOME=elsewhere\n`
    const env = { SAID: "before", given: "kept" }
    const script = `printf %s "$SAID $HOME $given"; cat /proc/[0-9]*/cmdline | grep -ac elsewhere`
    const { stdout } = await run(["sh", "-c", script.replace("elsewhere", "else[w]here")], {
      env,
      variables,
    })
    expect(stdout).toBe(`${text} elsewhere kept0\n`)
  })

  testUnless(lack, "reaches nothing else of this machine", async () => {
    const outside = createServer((socket) => socket.end("from outside\n"))
    await new Promise<void>((resolve) => outside.listen(0, "127.0.0.1", resolve))
    const { port } = outside.address() as { port: number }
    expect(await run(connecting(port))).toEqual({ code: 0, stdout: "ECONNREFUSED\n" })
    outside.close()
  })

  testUnless(
    lack,
    "sees no keys, no processes but its own, and can bring neither back",
    async () => {
      const script = `ls -A "$0"; umount "$0" 2>/dev/null && echo unmounted; ls -A "$0"
      unshare -rm umount "$0" 2>/dev/null && echo unmounted
      kill -0 ${process.pid} 2>/dev/null && echo seen
      echo done`
      expect(await run(["sh", "-c", script, home])).toEqual({ code: 0, stdout: "done\n" })
    },
  )

  testUnless(lack, "has no channel and no descriptor of ours", async () => {
    const script = "env | grep -c NODE_CHANNEL; ls -l /proc/self/fd | grep -c socket; true"
    // Of its own streams, the one for errors is a socket here.
    expect(await run(["sh", "-c", script])).toEqual({ code: 0, stdout: "0\n1\n" })
  })

  testUnless(lack, "ends with its own code, or by its signal", async () => {
    expect((await run(["sh", "-c", "exit 7"])).code).toBe(7)
    expect((await run(["sh", "-c", "kill -TERM $$"])).code).toBe(128 + 15)
  })

  testUnless(lack ?? noRoot, "is isolated as an unprivileged user as well", async () => {
    expect(await run(connecting(PORT_INSIDE), { as: UNPRIVILEGED })).toEqual({
      code: 0,
      stdout: "from the broker\n",
    })
  })

  for (const [who, as, without] of USERS) {
    testUnless(without, `${who} makes terminals and shares memory, as programs do`, async () => {
      const name = `agent-vault-${process.pid}`
      const script = `import os, pty
from multiprocessing import shared_memory
memory = shared_memory.SharedMemory("${name}", create=True, size=16)
memory.close()
memory.unlink()
status = pty.spawn(["sh", "-c", "exec >/dev/tty; test -t 1 && echo at $(tty)"])
print(os.waitstatus_to_exitcode(status))`
      const { code, stdout } = await run(["python3", "-c", script], { as })
      expect(stdout).toMatch(/^at \/dev\/pts\/\d+\r\n0\n$/)
      expect(code).toBe(0)
    })

    testUnless(without, `${who} cannot read at another terminal of the same user`, async () => {
      // Somebody's own terminal, at which something was typed, and from there the isolated program.
      const command = ["sh", "-c", `head -n 1 < "$0"; echo typed > "$0"; ls -A /dev/pts`]
      const script = `import json, os, pty, sys
typing, terminal = pty.openpty()
os.write(typing, b"a passphrase\\n")
for each in (typing, terminal): os.set_inheritable(each, True)
command = json.loads(sys.argv[1])
os.execvp(command[0], [os.ttyname(terminal) if word == "TERMINAL" else word for word in command])`
      // A Python of root's own is nobody else's.
      const PATH = "/usr/local/bin:/usr/bin:/bin"
      const { stdout } = await run([...command, "TERMINAL"], {
        as,
        from: ["python3", "-c", script],
        env: { PATH },
      })
      expect(stdout).not.toContain("a passphrase")
      expect(stdout).toMatch(/^ptmx$/m)
    })

    testUnless(
      without ?? (refusesCalls ? undefined : "the calls of this processor are not known"),
      `${who} reads no key of the kernel's keyrings, and types into no terminal`,
      async () => {
        const PATH = "/usr/local/bin:/usr/bin:/bin"
        const calls = `import ctypes, os, platform
libc = ctypes.CDLL(None, use_errno=True)
add_key, keyctl = {"x86_64": (248, 250), "aarch64": (217, 219)}[platform.machine()]
def call(*of):
    result = libc.syscall(*of)
    return result if result >= 0 else os.strerror(ctypes.get_errno())
`
        // Somebody's terminal, and a key in their session's keyring, as for a ticket of Kerberos.
        const from = `${calls}
import fcntl, json, pty, sys, termios
call(keyctl, 1, None)
key = call(add_key, b"user", b"ticket", b"obviously fake", 14, -3)
typing, terminal = pty.openpty()
for each in (typing, terminal): os.set_inheritable(each, True)
os.setsid()
fcntl.ioctl(terminal, termios.TIOCSCTTY, 0)
command = json.loads(sys.argv[1])
os.execvp(command[0], [str(key) if word == "KEY" else word for word in command])`
        const script = `${calls}
import fcntl, sys, termios
read = ctypes.create_string_buffer(14)
print(call(keyctl, 11, int(sys.argv[1]), read, 14), read.raw)
print(call(add_key, b"user", b"ours", b"x", 1, -3))
here = os.open("/dev/tty", os.O_RDWR)
print(len(fcntl.ioctl(here, termios.TIOCGWINSZ, bytes(8))))
for high in (0, 1 << 32):
    print(call({"x86_64": 16, "aarch64": 29}[platform.machine()], here, ctypes.c_ulong(high + termios.TIOCSTI), b"x"))`
        const { stdout } = await run(["python3", "-c", script, "KEY"], {
          as,
          from: ["python3", "-c", from],
          env: { PATH },
        })
        const no = "Operation not permitted\n"
        const nothing = `b'${"\\x00".repeat(14)}'`
        expect(stdout).toBe(`${no.trim()} ${nothing}\n${no}8\n${no}${no}`)
      },
    )

    testUnless(
      without ?? (refusesCalls ? undefined : "the calls of this processor are not known"),
      `${who} has no socket to the machine's host, by any call that makes sockets`,
      async () => {
        const script = `import ctypes, mmap, os, platform, signal, socket, struct
libc = ctypes.CDLL(None, use_errno=True)
def call(*of):
    return "made" if libc.syscall(*of) >= 0 else os.strerror(ctypes.get_errno())
is_x86 = platform.machine() == "x86_64"
for high in (0, 1 << 32):
    print(call(41 if is_x86 else 198, ctypes.c_ulong(high + 40), 1, 0))
print(call(425, 8, ctypes.create_string_buffer(120)))
# By the calls that 32-bit programs have, of which one keeps its arguments in memory.
page = mmap.mmap(-1, 4096, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS | 0x40, prot=7)
at = ctypes.addressof(ctypes.c_char.from_buffer(page))
def old(number, first, second, third=0):
    of = struct.pack("<BBIBIBIBI", 0x53, 0xb8, number, 0xbb, first, 0xb9, second, 0xba, third)
    code = of + bytes([0xcd, 0x80, 0x5b, 0xc3])
    page[:len(code)] = code
    reading, writing = os.pipe()
    if os.fork() == 0:
        result = ctypes.CFUNCTYPE(ctypes.c_int)(at)()
        os.write(writing, ("made" if result >= 0 else os.strerror(-result)).encode())
        os._exit(0)
    os.close(writing)
    said = os.read(reading, 99).decode()
    # A kernel without the calls of 32-bit programs ends whoever makes one.
    return os.strerror(1) if os.wait()[1] == signal.SIGSEGV else said
page[512:524] = struct.pack("<III", 40, 1, 0)
for given in ((359, 40, 1), (102, 1, at + 512), (425, 8, at + 1024)) if is_x86 else ():
    print(old(*given))
socket.socketpair()
print(socket.create_connection(("127.0.0.1", ${PORT_INSIDE})).recv(99).decode(), end="")`
        const PATH = "/usr/local/bin:/usr/bin:/bin"
        const { stdout } = await run(["python3", "-c", script], { as, env: { PATH } })
        const no = "Operation not permitted\n"
        expect(stdout).toBe(`${no.repeat(process.arch === "x64" ? 6 : 3)}from the broker\n`)
      },
    )

    testUnless(
      without,
      `${who} cannot set the kernel, nor read a disk past its files`,
      async () => {
        const script = `[ -w /proc/sys/kernel/core_pattern ] && echo "sets the kernel"
      find /sys -maxdepth 2 -type f -writable 2>/dev/null | head -3
      find /dev -type b -readable 2>/dev/null
      echo done`
        const { code, stdout } = await run(["sh", "-c", script], { as })
        expect({ code, stdout }).toEqual({ code: 0, stdout: "done\n" })
      },
    )
  }

  testUnless(lack, "reads what it is shown, though it lies in what is hidden", async () => {
    const shown = join(home, "shown")
    mkdirSync(shown)
    writeFileSync(join(shown, "roots.pem"), "roots\n")
    const script = `ls -A "$0"; cat "$0/shown/roots.pem"; echo x > "$0/shown/roots.pem"`
    const { stdout } = await run(["sh", "-c", script, home], { shown: [shown] })
    rmSync(shown, { recursive: true })
    expect(stdout).toMatch(/^shown\nroots\n.*Read-only/s)
  })

  for (const [what, said] of [
    ["of which nothing", ""],
    ["of which half", beginning("export A='")],
    ["of which no end", "export A=b\n"],
  ] as const) {
    testUnless(lack, `does not begin ${what} is said`, async () => {
      const means = await findBubblewrap(process.env)
      if (!("program" in means)) throw new Error(means.missing)
      const view = { folders: [], files: [] }
      const command = ["sh", "-c", "echo began"]
      const [program = "", ...args] = isolated(means, listenInside, view, command)
      const calls = openRefusedCalls()
      const stdio = ["ignore", "pipe", "ignore", "ipc", "pipe", calls] as const
      const child = spawn(program, args, { stdio: [...stdio] })
      closeSync(calls)
      child.once("message", (_taken, handed) => {
        const server = handed as Server
        server.close()
        child.send(said)
      })
      const { code, stdout } = await outputOf(child)
      expect(stdout).toBe("")
      expect(code).not.toBe(0)
    })
  }

  testUnless(lack, "does not begin if nobody takes its listener", async () => {
    const means = await findBubblewrap(process.env)
    if (!("program" in means)) return
    const command = ["sh", "-c", "echo began"]
    const view = { folders: [], files: [] }
    const [program = "", ...args] = isolated(means, listenInside, view, command)
    const calls = openRefusedCalls()
    const stdio = ["ignore", "pipe", "ignore", "ipc", "pipe", calls] as const
    const child = spawn(program, args, { stdio: [...stdio] })
    closeSync(calls)
    child.once("message", (_said, handed) => {
      setImmediate(() => child.disconnect())
      const server = handed as Server
      server.close()
    })
    const [code] = (await once(child, "exit")) as [number]
    expect({ code, written: child.stdout?.read() as unknown }).toEqual({ code: 125, written: null })
  })
})

test("what is hidden is what is there, where links lead, each once", () => {
  const [key, link] = [join(folder, "elsewhere.key"), join(folder, "link.key")]
  writeFileSync(key, "not a key")
  symlinkSync(key, link)
  const files = [key, link, join(home, "ci.key"), join(folder, "none.key")]
  const hidden = hiddenFrom({ folders: [home, home], files }, {})
  expect(hidden.folders.filter((each) => each === home)).toEqual([home])
  // What is in a folder that is hidden needs nothing more.
  expect(hidden.files.filter((each) => each.startsWith(folder))).toEqual([key])
})

test("a folder for keys is hidden before there is one, and so what comes into it later", () => {
  const later = join(folder, "later", "keys")
  const { folders } = hiddenFrom({ folders: [later], files: [] }, {})
  expect(folders).toContain(later)
  expect(statSync(later).mode & 0o777).toBe(0o700)
})

test("the user's services and terminals are hidden, whether variables name them or not", () => {
  const user = String(getuid?.())
  const names = [`tmux-${user}`, `emacs${user}`, `zellij-${user}`, "nvim.alice", ".screen", "zj"]
  const places = names.map((name) => join(folder, name))
  for (const place of places) mkdirSync(place)
  const env = { HOME: folder, USER: "alice", TMPDIR: folder, TMUX_TMPDIR: folder }
  const more = { ZELLIJ_SOCKET_DIR: join(folder, "zj") }
  const { folders } = hiddenFrom({ folders: [], files: [] }, { ...env, ...more })
  expect(folders).toEqual(expect.arrayContaining(places))
  const runtime = `/run/user/${user}`
  expect(folders.includes(runtime)).toBe(existsSync(runtime))
})

/** Does something while a folder is there, which is left as it was. */
function whileThere(path: string, act: () => void): void {
  const isOurs = mkdirIfMissing(path)
  try {
    act()
  } finally {
    if (isOurs) rmdirSync(path)
  }
}

function mkdirIfMissing(path: string): boolean {
  if (existsSync(path)) return false
  mkdirSync(path, { mode: 0o700 })
  return true
}

const hiddenIn = (env: Readonly<Record<string, string>>): readonly string[] =>
  hiddenFrom({ folders: [], files: [] }, env).folders

test("a tmux that began without TMUX_TMPDIR is hidden, whatever that says now", () => {
  const name = `tmux-${getuid?.()}`
  const usual = join("/tmp", name)
  whileThere(usual, () => {
    const place = realpathSync(usual)
    for (const said of [folder, join(folder, "none"), ""]) {
      expect(hiddenIn({ TMUX_TMPDIR: said }), said).toContain(place)
    }
  })
  const named = join(folder, "of tmux")
  mkdirSync(join(named, name), { recursive: true })
  expect(hiddenIn({ TMUX_TMPDIR: named })).toContain(join(named, name))
})

test("a variable that is empty names no folder, not even the one that we run in", () => {
  const before = process.cwd()
  const here = join(folder, `tmux-${getuid?.()}`)
  mkdirSync(here, { recursive: true })
  process.chdir(folder)
  try {
    const hidden = hiddenIn({ TMUX_TMPDIR: "", SCREENDIR: "", ZELLIJ_SOCKET_DIR: "" })
    expect(hidden).not.toContain(here)
    expect(hidden).not.toContain(folder)
  } finally {
    process.chdir(before)
  }
})

testUnless(
  existsSync("/run/screen") ? undefined : noRoot,
  "a screen that began without SCREENDIR is hidden, whatever that says now",
  () => {
    const named = join(folder, "of screen")
    mkdirSync(named)
    whileThere("/run/screen", () => {
      const place = realpathSync("/run/screen")
      for (const said of [named, join(folder, "none"), ""]) {
        expect(hiddenIn({ SCREENDIR: said }), said).toContain(place)
      }
      expect(hiddenIn({ SCREENDIR: named })).toContain(named)
    })
  },
)

test("Neovim's folder is hidden by the user's name, whatever USER says", () => {
  const folders = [`nvim.${userInfo().username}`, `nvim.${getuid?.()}`].map((name) =>
    join(folder, name),
  )
  for (const each of folders) mkdirSync(each, { recursive: true })
  for (const env of [{ USER: "somebody-else" }, { USER: "" }, {}]) {
    const hidden = hiddenIn({ TMPDIR: folder, ...env })
    expect(hidden, JSON.stringify(env)).toEqual(expect.arrayContaining(folders))
  }
})

test("a socket that a variable names is hidden, in each way to name it", async () => {
  const path = join(folder, "a socket")
  const server = createServer().listen(path)
  await once(server, "listening")
  for (const env of [
    { SSH_AUTH_SOCK: path },
    { GPG_AGENT_INFO: `${path}:123:1` },
    { DOCKER_HOST: `unix://${path}` },
    { DBUS_SESSION_BUS_ADDRESS: `unix:path=${path},guid=00` },
    { TMUX: `${path},123,0` },
    { KITTY_LISTEN_ON: `unix:${path}` },
    { WSL_INTEROP: path },
    { WEZTERM_UNIX_SOCKET: path },
    { ALACRITTY_SOCKET: path },
    { SWAYSOCK: path },
    { I3SOCK: path },
    { REMOTE_CONTAINERS_IPC: path },
  ]) {
    expect(hiddenFrom({ folders: [], files: [] }, env).files, JSON.stringify(env)).toContain(path)
  }
  const { files } = hiddenFrom({ folders: [], files: [] }, { DATABASE_URL: path, TMUX: "" })
  expect(files).not.toContain(path)
  server.close()
})

test("what SSH, its agents and VS Code listen on is hidden, though no variable names it", async () => {
  // A path of a socket has at most 107 bytes.
  const at = join(folder, "t")
  const places = [
    join(at, "ssh-Xq3", "agent.4711"),
    join(at, "vscode-ipc.sock"),
    join(at, "vscode-rc.sock"),
    join(folder, ".1password", "agent.sock"),
    join(folder, ".ssh", "git@example:22"),
    join(folder, ".ssh", "shared", "cm"),
  ]
  const later = join(folder, ".ssh", "agent")
  for (const each of [...places.map((place) => dirname(place)), later]) {
    mkdirSync(each, { recursive: true })
  }
  // What only begins like that is a file of somebody's.
  writeFileSync(join(at, "ssh-Xq3", "agent.txt"), "")
  const servers = places.map((place) => createServer().listen(place))
  await Promise.all(servers.map((server) => once(server, "listening")))
  const hidden = hiddenFrom({ folders: [], files: [] }, { HOME: folder, TMPDIR: at })
  expect(hidden.files).toEqual(expect.arrayContaining(places))
  expect(hidden.files.filter((each) => each.endsWith(".txt"))).toEqual([])
  expect(hidden.folders).toContain(later)
  for (const server of servers) server.close()
})

for (const [what, path] of [
  ["runs programs of Windows for whoever connects", "/run/WSL"],
  ["looks names up, by a network that is not the program's", "/run/nscd"],
  ["does so beside it, and starts units", "/run/systemd"],
] as const) {
  testUnless(existsSync(path) ? undefined : noRoot, `what ${what} is hidden`, () =>
    whileThere(path, () => expect(hiddenIn({})).toContain(realpathSync(path))),
  )
}

test("what a container engine of the user's listens on is hidden", async () => {
  const path = join(folder, ".docker", "run", "docker.sock")
  mkdirSync(join(folder, ".docker", "run"), { recursive: true })
  const server = createServer().listen(path)
  await once(server, "listening")
  expect(hiddenFrom({ folders: [], files: [] }, { HOME: folder }).files).toContain(path)
  server.close()
})

test("without bubblewrap, and without the right to it, it is said what to do", async () => {
  expect(await findBubblewrap({ PATH: folder })).toEqual({
    missing: "bubblewrap is not installed",
    hint: expect.stringContaining("apt-get install bubblewrap") as string,
  })
  writeFileSync(join(folder, "bwrap"), "#!/bin/sh\nexit 1\n", { mode: 0o755 })
  expect(await findBubblewrap({ PATH: folder })).toMatchObject({
    missing: "this system lets bubblewrap make no namespaces",
  })
  const program = join(folder, "bwrap")
  writeFileSync(program, '#!/bin/sh\n[ "$1" != --version ]\n', { mode: 0o755 })
  expect(await findBubblewrap({ PATH: folder })).toEqual({ program, version: "" })
  rmSync(join(folder, "bwrap"))
})

testUnless(
  lack,
  "without a folder for temporary files nothing isolates, which is no failure",
  async () => {
    vi.stubEnv("TMPDIR", join(folder, "none"))
    try {
      expect(await findBubblewrap(process.env)).toEqual({
        missing: expect.stringMatching(/^cannot write .*: it does not exist$/) as string,
        hint: expect.stringContaining("TMPDIR") as string,
      })
    } finally {
      vi.unstubAllEnvs()
    }
  },
)
