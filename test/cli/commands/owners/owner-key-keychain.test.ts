import { afterEach, beforeEach, expect } from "vitest"
import { keyring } from "../../../../scripts/keyring.mjs"
import { testUnless } from "../../../needs.js"
import { Machine } from "../../machine.js"

const missing = (await keyring()).flatMap((found) => ("missing" in found ? [found.missing] : []))

let machine: Machine
beforeEach(() => {
  machine = new Machine()
})
afterEach(() => machine.remove())

async function prepare(): Promise<void> {
  await machine.shell(`git init -q && agent-vault init --name alice && mkdir -m 700 ~/run &&
    printf not-a-real-key | agent-vault set stripe/api-key && agent-vault agent add ci`)
}

/**
 * In a session with GNOME's keyring, and no display; `unlock` is how its daemon is started. Who asks the
 * keyring itself before it is there has D-Bus start another one, which is locked.
 */
const session = (line: string, unlock = "printf login | gnome-keyring-daemon --unlock") =>
  machine.shell(`export XDG_RUNTIME_DIR=~/run; dbus-run-session -- bash -c '
    ${unlock} --components=secrets --foreground > /dev/null 2>&1 & daemon=$!
    owned="org.freedesktop.DBus / org.freedesktop.DBus.NameHasOwner string:org.freedesktop.secrets"
    until dbus-send --print-reply --dest=$owned | grep -q true || ! kill -0 $daemon; do
      sleep 0.1
    done
    ${line}
    code=$?; kill $daemon; exit $code' 2> >(grep -v dbus-daemon >&2)`)

testUnless(missing[0], "the Secret Service of GNOME", async () => {
  await prepare()
  const moved = await session(`agent-vault owner key --to-keychain &&
    ! grep -rl AGE-SECRET-KEY-1 ~/.config/agent-vault --include=owner.key* &&
    agent-vault get stripe/api-key --owner && agent-vault grant ci stripe`)
  expect(moved).toMatchObject({ stdout: "not-a-real-key", code: 0 })
  const locked = await session("agent-vault get stripe/api-key --owner", "gnome-keyring-daemon")
  expect(locked).toMatchObject({ stdout: "", code: 4 })
  expect(locked.stderr).toContain("KEYCHAIN_FAILED: the keychain gave no key: secret-tool ended")
  const back = await session("agent-vault owner key --from-keychain")
  expect(back.code).toBe(0)
  expect(await machine.shell("agent-vault get stripe/api-key --owner")).toMatchObject({
    stdout: "not-a-real-key",
  })
})
