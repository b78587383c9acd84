import { isPlaceholder } from "./placeholder.js"
import { randomBits } from "./random.js"

/** Words of code, of forms and of sentences: what holds one of them is a name or a message. */
const COMMON = new Set(
  `abcd status callback event events user users name pass word words login auth secret secrets token tokens field input label error errors message
  text value form page admin config conf default test tests reset change confirm invalid required
  data database server client service services string type placeholder title hint account email valid your enter
  example this that with from into have must will should there their when what where which
  http https file path host port local remote list item items index table column button dialog settings
  profile session request response header headers body query param params option options state store
  manager handler factory provider module class method function object array number boolean null
  true false none empty missing match wrong forgot forgotten password passwords passwort
  current again sign username hash encrypted encoded access public private master root main
  cluster namespace deployment secretname production staging prod backend frontend self update
  create delete remove read write send receive code view model controller component props`
    .trim()
    .split(/\s+/),
)
const JOINED = /^[a-z]{3,10}(?:([-_.])[a-z]{3,10}(?:\1[a-z]{3,10}){1,7})\1?\d{0,4}[!?#]?$/
const CAMEL = /^(?:[A-Z][a-z]{3,9}){4,8}\d{0,4}[!?#]?$/

/** Whether a text is a passphrase: words put in a row that say nothing together. */
export function isPassphrase(text: string): boolean {
  if (text.length > 80 || isPlaceholder(text) || !(JOINED.test(text) || CAMEL.test(text))) {
    return false
  }
  const words = text.match(/[A-Z]?[a-z]+|[A-Z]+/g) ?? []
  // With underscores it is a name of code.
  if (text.includes("_") && !/\d\d/.test(text)) return false
  // Three words are a name as often; a number behind them is not of a name.
  if (words.length < (/\d\d$/.test(text) ? 3 : 4)) return false
  return words.every((word) => word.length > 2 && !COMMON.has(word.toLowerCase()))
}

/** As Google, Apple and WordPress show it. */
const GROUPS =
  /^(?:[a-z]{4}(?: [a-z]{4}){3}|[a-z]{4}(?:-[a-z]{4}){3}|[A-Za-z0-9]{4}(?: [A-Za-z0-9]{4}){5})$/
/** The least bits for chance. Words of four letters stay below 0. */
const LEAST = 10

/** Whether a text is the password of an app: groups of four characters that chance wrote. */
export function isAppPassword(text: string): boolean {
  const joined = text.replace(/[ -]/g, "")
  return GROUPS.test(text) && !isPlaceholder(joined) && randomBits(joined) > LEAST
}
