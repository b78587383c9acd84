import axios from "axios"

const { BASE, KEY } = process.env
const reply = await axios.get(`${BASE}/v1/echo`, { headers: { Authorization: `Bearer ${KEY}` } })
console.log(reply.status, JSON.stringify(reply.data))
