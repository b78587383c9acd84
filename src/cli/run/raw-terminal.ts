import { type ShellProcess, startShell } from "./shell.js"

/**
 * Sets the terminal on descriptor 3, as it is told: `raw`, so that each key comes as it is and
 * nothing that is written is changed; `back`, as it was before. It outlives us if we are killed, and
 * then puts the terminal back, unless somebody else has set it since.
 */
const KEEPER = `
while read -r word; do
  if [ "$word" = raw ]; then
    [ "$raw" ] || saved=$(stty -g <&3) || exit
    stty raw -echo -iexten <&3 || exit
    raw=$(stty -g <&3)
  else
    stty "$saved" <&3
    raw=
  fi
  echo "$saved"
done
[ "$raw" ] && [ "$raw" = "$(stty -g <&3)" ] && stty "$saved" <&3`

/** Our own terminal, which is raw as long as the program's stands in for it. */
export class RawTerminal {
  readonly #keeper: ShellProcess
  #answered: (settings: string | undefined) => void = () => {}
  #isGone = false
  #isRaw = false

  constructor() {
    this.#keeper = startShell(KEEPER, [], { stdio: ["pipe", "pipe", "ignore", 0] })
    this.#keeper.once("error", () => this.#leave())
    this.#keeper.once("exit", () => this.#leave())
    this.#keeper.stdin?.on("error", () => {})
    let said = ""
    this.#keeper.stdout?.on("data", (chunk: Buffer) => {
      said += chunk.toString()
      if (!said.endsWith("\n")) return
      this.#answered(said.trim())
      said = ""
    })
  }

  /** Resolves to the settings that it had, in the words of `stty`; undefined if it cannot be set. */
  enter(): Promise<string | undefined> {
    this.#isRaw = true
    return this.#tell("raw")
  }

  /** Others may set it now. It is not touched if they may already. */
  async leave(): Promise<void> {
    if (!this.#isRaw) return
    this.#isRaw = false
    await this.#tell("back")
  }

  /** Lets go of the terminal. It must have been left. */
  close(): void {
    this.#keeper.stdin?.end()
  }

  #tell(word: string): Promise<string | undefined> {
    return new Promise((resolve) => {
      if (this.#isGone) return resolve(undefined)
      this.#answered = resolve
      this.#keeper.stdin?.write(`${word}\n`)
    })
  }

  #leave(): void {
    this.#isGone = true
    this.#answered(undefined)
  }
}
