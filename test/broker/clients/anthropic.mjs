import Anthropic from "@anthropic-ai/sdk"

const { BASE, KEY } = process.env
const client = new Anthropic({ apiKey: KEY, baseURL: BASE, maxRetries: 0 })
const messages = [{ role: "user", content: "hello" }]
const said = await client.messages.create({ model: "m", max_tokens: 9, messages })
console.log(200, said.content[0].text)
