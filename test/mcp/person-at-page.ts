import type { Session } from "./session.js"

const ADDRESS = /http:\/\/127\.0\.0\.1:\d+\/[\w-]{43}/

/** The address of the page that a server asks its person to open, once it does. */
export async function pageOf(session: Session): Promise<string> {
  for (;;) {
    const url = session.stderr.match(ADDRESS)?.[0]
    if (url !== undefined) return url
    await session.said()
  }
}

/** What the page says, as text, and the token of its form. */
export async function readPage(url: string): Promise<{ text: string; token: string }> {
  const text = await (await fetch(url)).text()
  return { text, token: /name="token" value="([^"]+)"/.exec(text)?.[1] ?? "" }
}

/** Answers as the page's form does, and hands back what the person sees then. */
export async function answerPage(
  url: string,
  answer: Readonly<Record<string, string>>,
): Promise<string> {
  const { token } = await readPage(url)
  const headers = { origin: new URL(url).origin, "sec-fetch-site": "same-origin" }
  const body = new URLSearchParams({ token, ...answer })
  return (await fetch(url, { method: "POST", headers, body })).text()
}
