const { BASE, KEY } = process.env
const reply = await fetch(`${BASE}/v1/echo`, { headers: { Authorization: `Bearer ${KEY}` } })
console.log(reply.status, await reply.text())
