import OpenAI from "openai"

const { BASE, KEY } = process.env
const client = new OpenAI({ apiKey: KEY, baseURL: `${BASE}/v1`, maxRetries: 0 })
const messages = [{ role: "user", content: "hello" }]
const said = await client.chat.completions.create({ model: "m", messages })
console.log(200, said.choices[0].message.content)
