import { DESCRIBE_ACCESS } from "./describe-access.js"
import { GET_SECRET } from "./get-secret.js"
import { LIST_SECRETS } from "./list-secrets.js"
import type { Tool } from "./tool.js"

/** Every tool, in the order in which clients and docs/mcp.md list them. */
export const TOOLS: readonly Tool[] = [LIST_SECRETS, GET_SECRET, DESCRIBE_ACCESS]
