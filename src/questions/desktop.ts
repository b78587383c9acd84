import { type ChildProcess, type SpawnOptions, spawn } from "node:child_process"
import { platform } from "node:process"
import { steadyPath } from "../core/index.js"

type Variables = Readonly<Record<string, string>>

const TITLE = "agent-vault has a question"
/** It stands on the screen for everybody to read, locked ones too: it names nothing. */
const HINT = "A program waits for your answer, for two minutes at most."

/**
 * Shows a page in the person's browser, where there is a display. Resolves to whether a browser was
 * told. `env` is what programs of the desktop get.
 */
export async function openPage(url: string, env: Variables): Promise<boolean> {
  const isMac = platform === "darwin"
  if (!isMac && !env["DISPLAY"] && !env["WAYLAND_DISPLAY"]) return false
  // On macOS all users read command lines, and nothing tells the page who asks for it.
  return isMac
    ? isStarted(spawn("osascript", ["-"], piped(env)), `open location "${url}"\n`)
    : isStarted(spawn("xdg-open", [url], unseen(env)))
}

/** Hints by a notification of the system that there is a question, where that can be done. */
export async function hintAtQuestion(env: Variables): Promise<boolean> {
  if (platform === "darwin") {
    const script = `display notification "${HINT}" with title "${TITLE}"\n`
    return isStarted(spawn("osascript", ["-"], piped(env)), script)
  }
  if (!env["DISPLAY"] && !env["WAYLAND_DISPLAY"]) return false
  return isStarted(spawn("notify-send", ["--app-name=agent-vault", TITLE, HINT], unseen(env)))
}

function unseen(env: Variables): SpawnOptions {
  return { env: steady(env), detached: true, stdio: "ignore" }
}

function piped(env: Variables): SpawnOptions {
  return { env: steady(env), detached: true, stdio: ["pipe", "ignore", "ignore"] }
}

/** We may stand in a repository: no program of it is meant. */
function steady(env: Variables): Variables {
  return { ...env, PATH: steadyPath(env["PATH"]) }
}

/** A program that is not there is no error: there are other ways. */
function isStarted(program: ChildProcess, input?: string): Promise<boolean> {
  const started = new Promise<boolean>((resolve) => {
    program.once("spawn", () => resolve(true))
    program.on("error", () => resolve(false))
  })
  program.stdin?.on("error", () => {})
  program.stdin?.end(input)
  program.unref()
  return started
}
