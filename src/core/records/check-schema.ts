import { isDeepStrictEqual } from "node:util"

/**
 * The part of JSON Schema (2020-12) that our schemas use, in which `$ref` stands alone. The build
 * takes out what is for people. test/core/records/check-schema.test.ts holds all of it to ajv.
 */
export interface Schema {
  readonly $defs?: Readonly<Record<string, Schema>>
  readonly $ref?: string
  readonly type?: "object" | "array" | "string" | "integer"
  readonly const?: string | number
  readonly enum?: readonly (string | number)[]
  readonly minimum?: number
  readonly maximum?: number
  readonly maxLength?: number
  readonly pattern?: string
  readonly minItems?: number
  readonly maxItems?: number
  readonly uniqueItems?: boolean
  readonly items?: Schema
  readonly maxProperties?: number
  readonly required?: readonly string[]
  readonly dependentRequired?: Readonly<Record<string, readonly string[]>>
  readonly propertyNames?: Schema
  readonly properties?: Readonly<Record<string, AnySchema>>
  readonly additionalProperties?: AnySchema
  readonly anyOf?: readonly Schema[]
  readonly allOf?: readonly Schema[]
  readonly if?: Schema
  readonly then?: Schema
  readonly else?: Schema
}

type AnySchema = Schema | boolean
/** What is wrong with a value: where in it, as a JSON Pointer, and after a space what is. */
type Check = (value: unknown) => string | undefined
/** The schemas that others refer to, as checks. */
type Definitions = (name: string) => Check

const DEFINITIONS = "#/$defs/"

/**
 * Tells the first thing by which parsed JSON breaks a schema, as `where: what`; undefined when it is
 * valid. The schema is made a tree of small functions, each when it is first needed: code made of all
 * schemas ahead is a quarter of a megabyte to load.
 */
export function checkOf(schema: Schema): Check {
  const known = new Map<string, Check>()
  const definitions = (name: string): Check => {
    const meant = schema.$defs?.[name]
    if (meant === undefined) throw new TypeError(`a schema has no definition ${name}`)
    const check = known.get(name) ?? checking(meant, definitions)
    known.set(name, check)
    return check
  }
  const check = checking(schema, definitions)
  return (value) => {
    const found = check(value)
    return found?.startsWith(" ") === true ? `/${found}` : found
  }
}

function checking(schema: AnySchema, definitions: Definitions): Check {
  if (schema === true) return () => undefined
  if (schema === false) return () => " boolean schema is false"
  if (schema.$ref !== undefined) return definitions(schema.$ref.slice(DEFINITIONS.length))
  const parts = [
    ofType(schema),
    ofNumber(schema),
    ofText(schema),
    ofChoice(schema),
    ofEach(schema.anyOf, definitions, anyOf),
    ofEach(schema.allOf, definitions, inTurn),
    ofCondition(schema, definitions),
    ofList(schema, definitions),
    ofObject(schema, definitions),
  ].filter((part) => part !== undefined)
  const [only] = parts
  return parts.length === 1 && only !== undefined ? only : inTurn(parts)
}

/** What the first says that finds something. */
function inTurn<T>(checks: readonly ((value: T) => string | undefined)[]) {
  return (value: T): string | undefined => {
    for (const check of checks) {
      const found = check(value)
      if (found !== undefined) return found
    }
    return undefined
  }
}

function anyOf(checks: readonly Check[]): Check {
  return (value) => {
    const found = checks.map((check) => check(value))
    return found.includes(undefined) ? undefined : found[0]
  }
}

function ofEach(
  schemas: readonly Schema[] | undefined,
  definitions: Definitions,
  join: (checks: readonly Check[]) => Check,
): Check | undefined {
  return schemas && join(schemas.map((schema) => checking(schema, definitions)))
}

const KINDS = {
  object: isObject,
  array: Array.isArray,
  string: (value: unknown) => typeof value === "string",
  integer: Number.isInteger,
}

function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null && !Array.isArray(value)
}

function ofType({ type }: Schema): Check | undefined {
  if (type === undefined) return undefined
  const isSo = KINDS[type]
  return (value) => (isSo(value) ? undefined : ` must be ${type}`)
}

function ofNumber({ minimum, maximum }: Schema): Check | undefined {
  if (minimum === undefined && maximum === undefined) return undefined
  return (value) => {
    if (typeof value !== "number") return undefined
    if (maximum !== undefined && !(value <= maximum)) return ` must be <= ${maximum}`
    return minimum === undefined || value >= minimum ? undefined : ` must be >= ${minimum}`
  }
}

function ofText({ maxLength, pattern }: Schema): Check | undefined {
  if (maxLength === undefined && pattern === undefined) return undefined
  const expression = pattern === undefined ? undefined : new RegExp(pattern, "u")
  return (value) => {
    if (typeof value !== "string") return undefined
    if (maxLength !== undefined && isLonger(value, maxLength)) {
      return ` must NOT have more than ${maxLength} characters`
    }
    return expression?.test(value) === false ? ` must match pattern "${pattern}"` : undefined
  }
}

/** Characters are code points. */
function isLonger(text: string, most: number): boolean {
  return text.length > most && Array.from(text).length > most
}

function ofChoice({ const: only, enum: some }: Schema): Check | undefined {
  if (only !== undefined) {
    return (value) => (value === only ? undefined : " must be equal to constant")
  }
  const what = " must be equal to one of the allowed values"
  return some && ((value) => (some.includes(value as string | number) ? undefined : what))
}

function ofCondition(schema: Schema, definitions: Definitions): Check | undefined {
  if (schema.if === undefined) return undefined
  const [condition, so, not] = [schema.if, schema.then ?? true, schema.else ?? true].map((each) =>
    checking(each, definitions),
  )
  return (value) => (condition?.(value) === undefined ? so?.(value) : not?.(value))
}

function ofList(schema: Schema, definitions: Definitions): Check | undefined {
  const { minItems, maxItems, uniqueItems = false, items = true } = schema
  if (minItems === undefined && maxItems === undefined && !uniqueItems && items === true) {
    return undefined
  }
  let check: Check | undefined
  return (value) => {
    if (!Array.isArray(value)) return undefined
    if (maxItems !== undefined && value.length > maxItems) {
      return ` must NOT have more than ${maxItems} items`
    }
    if (minItems !== undefined && value.length < minItems) {
      return ` must NOT have fewer than ${minItems} items`
    }
    check ??= checking(items, definitions)
    for (const [index, item] of value.entries()) {
      const found = check(item)
      if (found !== undefined) return `/${index}${found}`
    }
    return uniqueItems && repeats(value) ? " must NOT have duplicate items" : undefined
  }
}

/** Whether two items are the same. Lists of texts are long; those of anything else are not. */
function repeats(items: readonly unknown[]): boolean {
  const others = items.filter((item) => typeof item !== "string")
  const texts = new Set(items.filter((item) => typeof item === "string"))
  if (texts.size + others.length < items.length) return true
  return others.some((item, at) => {
    return others.slice(at + 1).some((other) => isDeepStrictEqual(item, other))
  })
}

function ofObject(schema: Schema, definitions: Definitions): Check | undefined {
  const parts = [
    ofCount(schema),
    ofRequired(schema),
    ofNames(schema, definitions),
    ofOthers(schema, definitions),
    ofMembers(schema, definitions),
    ofCompany(schema),
  ].filter((part) => part !== undefined)
  if (parts.length === 0) return undefined
  const check = inTurn(parts)
  return (value) => (isObject(value) ? check(value) : undefined)
}

type MembersCheck = (members: Readonly<Record<string, unknown>>) => string | undefined

function ofCount({ maxProperties: most }: Schema): MembersCheck | undefined {
  if (most === undefined) return undefined
  const what = ` must NOT have more than ${most} properties`
  return (members) => (Object.keys(members).length > most ? what : undefined)
}

function ofRequired({ required }: Schema): MembersCheck | undefined {
  if (required === undefined) return undefined
  return (members) => {
    for (const name of required) {
      if (members[name] === undefined) return ` must have required property '${name}'`
    }
    return undefined
  }
}

function ofNames({ propertyNames }: Schema, definitions: Definitions): MembersCheck | undefined {
  if (propertyNames === undefined) return undefined
  const check = checking(propertyNames, definitions)
  return (members) => {
    for (const name of Object.keys(members)) {
      const found = check(name)
      if (found !== undefined) return found
    }
    return undefined
  }
}

function ofOthers(
  { properties = {}, additionalProperties: others }: Schema,
  definitions: Definitions,
): MembersCheck | undefined {
  if (others === undefined) return undefined
  const known = new Set(Object.keys(properties))
  const check = checking(others, definitions)
  return (members) => {
    for (const name of Object.keys(members)) {
      if (known.has(name)) continue
      if (others === false) return ` must NOT have additional properties (${name})`
      const found = check(members[name])
      if (found !== undefined) return `/${pointer(name)}${found}`
    }
    return undefined
  }
}

function ofMembers({ properties }: Schema, definitions: Definitions): MembersCheck | undefined {
  if (properties === undefined) return undefined
  const own = Object.entries(properties)
  const checks: (Check | undefined)[] = own.map(() => undefined)
  return (members) => {
    for (let at = 0; at < own.length; at += 1) {
      const [name, schema] = own[at] as [string, AnySchema]
      const member = members[name]
      if (member === undefined) continue
      const found = (checks[at] ??= checking(schema, definitions))(member)
      if (found !== undefined) return `/${pointer(name)}${found}`
    }
    return undefined
  }
}

function ofCompany({ dependentRequired }: Schema): MembersCheck | undefined {
  if (dependentRequired === undefined) return undefined
  return (members) => {
    for (const [name, others] of Object.entries(dependentRequired)) {
      const other = others.find((each) => members[each] === undefined)
      if (members[name] === undefined || other === undefined) continue
      return ` must have property ${other} when property ${name} is present`
    }
    return undefined
  }
}

/** A name as a part of a JSON Pointer. */
function pointer(name: string): string {
  return name.replaceAll("~", "~0").replaceAll("/", "~1")
}
