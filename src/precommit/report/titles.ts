import type { Finding } from "./finding.js"
import cloud from "../detect/rules/cloud.json" with { type: "json" }
import data from "../detect/rules/data.json" with { type: "json" }
import hosting from "../detect/rules/hosting.json" with { type: "json" }
import keys from "../detect/rules/keys.json" with { type: "json" }
import messaging from "../detect/rules/messaging.json" with { type: "json" }
import models from "../detect/rules/models.json" with { type: "json" }
import payment from "../detect/rules/payment.json" with { type: "json" }
import publicKeys from "../detect/rules/public.json" with { type: "json" }
import registries from "../detect/rules/registries.json" with { type: "json" }
import services from "../detect/rules/services.json" with { type: "json" }
import sessions from "../detect/rules/sessions.json" with { type: "json" }
import tools from "../detect/rules/tools.json" with { type: "json" }
import {
  APP_PASSWORD,
  DER_KEY,
  GENERIC,
  KEYSTORE,
  KUBERNETES,
  PASSWORD,
  SEED_PHRASE,
} from "../detect/rules.js"

/** The texts that people read about a rule. They load only when there is something to show. */
interface Title {
  readonly id: string
  readonly title: string
  /** The provider's page about it. */
  readonly docs?: string
  /** Where a new one is made and the old one ended, or how. */
  readonly rotate?: string
}

const generic: readonly Title[] = [
  {
    id: GENERIC.id,
    title: "A random value under a name like token, secret or key",
    rotate: "make a new value where this one was made, and end this one",
  },
  { id: PASSWORD.id, title: "A password in plain text", rotate: "change the password" },
  {
    id: APP_PASSWORD.id,
    title: "A password for one app, as Google, Apple and WordPress make them",
    docs: "https://support.google.com/accounts/answer/185833",
    rotate: "delete it where it was made, and make another",
  },
  {
    id: KUBERNETES.id,
    title: "A secret of Kubernetes in Base64",
    docs: "https://kubernetes.io/docs/concepts/configuration/secret/",
    rotate: "make a new value where this one was made, and end this one",
  },
  {
    id: DER_KEY.id,
    title: "A private key in DER",
    docs: "https://www.rfc-editor.org/rfc/rfc5958",
    rotate: "make a new key, and take the old one off wherever it was allowed",
  },
  {
    id: KEYSTORE.id,
    title: "A keystore with a private key in it",
    docs: "https://www.rfc-editor.org/rfc/rfc7292",
    rotate: "make a new key, and take the old one off wherever it was allowed",
  },
  {
    id: SEED_PHRASE.id,
    title: "The key of a wallet in words",
    docs: "https://github.com/bitcoin/bips/blob/master/bip-0039.mediawiki",
    rotate: "make a new wallet, and send to it what the old one holds",
  },
]

const titles = new Map<string, Title>(
  [
    cloud,
    data,
    hosting,
    keys,
    messaging,
    models,
    payment,
    publicKeys,
    registries,
    services,
    sessions,
    tools,
    generic,
  ].flatMap((some: readonly Title[]) => some.map((title) => [title.id, title])),
)

/** A finding as people read it. */
export type Told = Finding & { readonly title: string }

/** Adds what the rule says of itself, to a finding that does not say it. */
export function told(finding: Finding): Told {
  const { rule, encrypted = false, inName = false } = finding
  const { title = rule, rotate } = titles.get(rule) ?? {}
  const parts = [
    finding.title ?? title,
    encrypted && "under a passphrase",
    inName && "in the name of the file",
  ]
  const hint = rotate === undefined ? undefined : `to rotate it: ${rotate}`
  return {
    ...(hint === undefined ? {} : { hint }),
    ...finding,
    title: parts.filter(Boolean).join(", "),
  }
}

/** The provider's page about what a rule finds. */
export function docsOf(rule: string): string | undefined {
  return titles.get(rule)?.docs
}
