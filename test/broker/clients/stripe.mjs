import Stripe from "stripe"

const { BASE, KEY } = process.env
const { hostname, port } = new URL(BASE)
const stripe = new Stripe(KEY, { host: hostname, port, maxNetworkRetries: 0 })
const customers = await stripe.customers.list({ limit: 1 })
console.log(200, customers.data[0].description)
