import { chmodSync, existsSync, mkdirSync, readFileSync, readdirSync, writeFileSync } from "node:fs"
import { join } from "node:path"

/** As the man pages of `secret-tool` and of `security` have it, as far as they are called. */
const PROGRAMS = {
  "secret-tool": `case $1 in
store) cat > "$6" ;;
lookup) cat "$5" 2>&- ;;
clear) rm -f "$5" ;;
*) exit 2 ;;
esac`,
  security: `case $1 in
-i) read -r command; eval "set -- $command"; [ "$1 $2" = "add-generic-password -U" ] || exit 2
  printf %s "$8" > "$6" ;;
find-generic-password) [ -e "$5" ] || exit 44; cat "$5"; echo ;;
delete-generic-password) rm "$5" || exit 44 ;;
*) exit 2 ;;
esac`,
} as const

/** A keychain of files, with a program of ours before it in the place of a system's own. */
export class Keychain {
  readonly bin: string
  readonly #entries: string
  readonly #log: string

  constructor(folder: string, name: keyof typeof PROGRAMS = "secret-tool") {
    this.bin = join(folder, "keychain", "bin")
    this.#entries = join(folder, "keychain", "entries")
    this.#log = join(folder, "keychain", "log")
    mkdirSync(this.bin, { recursive: true })
    mkdirSync(this.#entries)
    this.speaks(name, PROGRAMS[name])
  }

  /** What a program of this keychain does, in sh, beside noting its arguments and its environment. */
  speaks(name: string, script: string): void {
    const file = join(this.bin, name)
    const note = `echo "$*" >> '${this.#log}'; env >> '${this.#log}'`
    writeFileSync(file, `#!/bin/sh\n${note}\ncd '${this.#entries}' || exit 1\n${script}\n`)
    chmodSync(file, 0o755)
  }

  /** What its program was called with. */
  get log(): string {
    return existsSync(this.#log) ? readFileSync(this.#log, "utf8") : ""
  }

  /** What it holds, by account. */
  get entries(): Readonly<Record<string, string>> {
    const names = readdirSync(this.#entries)
    return Object.fromEntries(
      names.map((name) => [name, readFileSync(join(this.#entries, name), "utf8")]),
    )
  }

  put(account: string, password: string): void {
    writeFileSync(join(this.#entries, account), password)
  }
}
