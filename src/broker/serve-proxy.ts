import { isIPv6 } from "node:net"
import type { ReadyProxy } from "../serving/blind-program.js"
import { PORT_INSIDE } from "./isolate/bubblewrap.js"
import { listenAt } from "./listen-at.js"
import { offer, unlessServed } from "./proxy-offer.js"
import { isMachineBound, servedBy } from "./served-secrets.js"
import { type ServingTerms, readyBroker } from "./ready-broker.js"

export { isServed } from "./listen-at.js"
export { offeredVariables } from "./proxy-offer.js"

/** What a listener on all addresses is reached by from here. */
const ANY: Readonly<Record<string, string>> = { "0.0.0.0": "127.0.0.1", "::": "::1" }

/** Makes a broker ready that serves programs elsewhere. Throws as {@link readyBroker} does. */
export async function prepareProxy(terms: ServingTerms): Promise<ReadyProxy> {
  const ready = await readyBroker(terms)
  const closing: (() => unknown)[] = [ready.close]
  const serve: ReadyProxy["serve"] = async ({ listens, control }, variables) => {
    const handedOut = {
      token: ready.token,
      variables: Object.fromEntries(variables),
      files: ready.trust,
      isLocalBound: isMachineBound(ready.uses),
    }
    const listener = await unlessServed(control, listenAt(listens))
    closing.push(() => listener.close())
    const { port } = await ready.start(listener)
    const at = "socket" in listens ? `127.0.0.1:${PORT_INSIDE}` : hostPort(listens.address, port)
    const controls = await offer({ socket: control }, { ...handedOut, at })
    closing.push(() => controls.close())
    ready.learn()
    return "socket" in listens ? listens.socket : at
  }
  const close = async (): Promise<void> => {
    for (const each of closing.toReversed()) await each()
  }
  return { ...servedBy(ready), serve, close }
}

function hostPort(address: string, port: number): string {
  const host = ANY[address] ?? address
  return isIPv6(host) ? `[${host}]:${port}` : `${host}:${port}`
}
