// An agent that lives for days. It asks an API with a key that it reads from the vault for each
// request: from memory, in microseconds, until somebody rotates the key or takes it away.
//
//   AGENT_VAULT_AGENT=ci API_URL=https://api.example node agent.mjs
import { setTimeout as sleep } from "node:timers/promises"
import { VaultError, openVault } from "agent-vault"

const { API_URL, ROUNDS = "Infinity", PAUSE_MS = "1000" } = process.env
if (API_URL === undefined) throw new Error("API_URL says which API to ask")

const vault = await openVault({ dir: import.meta.dirname })
try {
  for (let round = 0; round < Number(ROUNDS); round++) {
    const key = await vault.get("weather/api-key")
    // A value does not show itself: this prints [secret weather/api-key: use .reveal()].
    console.log(`asking with ${String(key)}, version ${key.version}`)
    const answer = await fetch(API_URL, { headers: { Authorization: `Bearer ${key.reveal()}` } })
    console.log(`${answer.status} ${await answer.text()}`)
    await sleep(Number(PAUSE_MS))
  }
} catch (error) {
  if (!VaultError.is(error)) throw error
  // NOT_GRANTED after a revoke, GRANT_ENDED, SECRET_NOT_FOUND, …: the hint is the way out.
  console.error(`${error.code}: ${error.message}\n  ${error.hint}`)
  process.exitCode = 1
} finally {
  await vault.close()
}
