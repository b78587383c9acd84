import { get } from "node:https"

const { BASE, KEY } = process.env
get(`${BASE}/v1/echo`, { headers: { Authorization: `Bearer ${KEY}` } }, async (reply) => {
  console.log(reply.statusCode, (await reply.setEncoding("utf8").toArray()).join(""))
})
