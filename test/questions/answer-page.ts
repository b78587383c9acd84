import { once } from "node:events"
import { type IncomingMessage, request } from "node:http"

/** Opens the page of a question, and sends its form, as a browser does. */
export async function answerPage(url: string, answer: string): Promise<void> {
  const [, token = ""] = /name="token" value="([^"]+)"/.exec(await (await fetch(url)).text()) ?? []
  const type = "application/x-www-form-urlencoded"
  const headers = { origin: new URL(url).origin, "content-type": type }
  const sent = request(url, { method: "POST", headers })
  sent.end(new URLSearchParams({ token, answer }).toString())
  const [response] = (await once(sent, "response")) as [IncomingMessage]
  response.resume()
}
