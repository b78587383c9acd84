import type { AgentVault } from "../../core/index.js"

/** A vault that is opened when it is first asked for, and again if that failed. */
export class OpenOnce {
  #vault: Promise<AgentVault> | undefined

  /** Throws as `open` does, which opens the vault. */
  async get(open: () => Promise<AgentVault>): Promise<AgentVault> {
    const opening = (this.#vault ??= open())
    try {
      return await opening
    } catch (error) {
      if (this.#vault === opening) this.#vault = undefined
      throw error
    }
  }

  async close(): Promise<void> {
    const vault = await this.#vault?.catch(() => undefined)
    await vault?.close()
  }
}
