import { execFileSync, spawnSync } from "node:child_process"
import { mkdtempSync, rmSync } from "node:fs"
import { devNull, tmpdir } from "node:os"
import { join } from "node:path"
import { expect } from "vitest"
import type { Machine } from "../machine.js"

/** Why nothing can be shown in tmux here. */
export const noTmux =
  spawnSync("tmux", ["-V"], { stdio: "ignore" }).error === undefined ? undefined : "needs tmux"

const PROMPT = "at work> "

/** A window of tmux with a shell at a machine's repository. */
export class Tmux {
  readonly #folder = mkdtempSync(join(tmpdir(), "agent-vault-tmux-"))
  readonly #socket = join(this.#folder, "socket")
  #count = 0

  constructor(at: Machine, { width = 100, env = {} }: { width?: number; env?: object } = {}) {
    const size = ["-x", String(width), "-y", "40"]
    const shell = ["env", `PS1=${PROMPT}`, `HISTFILE=${devNull}`, "bash", "--norc", "--noprofile"]
    execFileSync(
      "tmux",
      ["-S", this.#socket, "-f", "/dev/null", "new-session", "-d", ...size, ...shell],
      { cwd: at.repo, env: { ...at.env, CI: "", ...env } },
    )
  }

  /** Types text, and the Return key. */
  type(text: string): void {
    this.#run("send-keys", "-l", text)
    this.press("Enter")
  }

  /** Presses a key, by tmux's name for it. */
  press(key: string): void {
    this.#run("send-keys", key)
  }

  /** What is on the screen once this is; a line that was wrapped is one. */
  async shows(text: string): Promise<string> {
    await expect.poll(() => this.screen("-J")).toContain(text)
    return this.screen("-J")
  }

  /** Types a line, and waits until it has ended: what it left on an empty screen. */
  async ran(line: string): Promise<string> {
    await this.begin(line)
    return this.ended()
  }

  /** Types a line, which begins on an empty screen. */
  async begin(line: string): Promise<void> {
    this.#count += 1
    // As it is typed, it is not what it prints.
    this.type(`clear; echo "line=$((${this.#count}))"; ${line}; echo "code=$?"`)
    await this.shows(`line=${this.#count}`)
  }

  /** What is on the screen once what was begun has ended. */
  async ended(): Promise<string> {
    await expect.poll(() => this.screen("-J")).toMatch(/^code=\d+$/m)
    return this.screen("-J")
  }

  /** What is on the screen: with `-e` as the codes by which it is shown, with `-J` unwrapped. */
  screen(...options: string[]): string {
    return this.#run("capture-pane", "-p", ...options)
  }

  end(): void {
    this.#run("kill-server")
    rmSync(this.#folder, { recursive: true, force: true, maxRetries: 3 })
  }

  #run(...args: string[]): string {
    return execFileSync("tmux", ["-S", this.#socket, ...args], { encoding: "utf8" })
  }
}
