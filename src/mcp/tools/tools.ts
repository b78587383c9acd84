import type { Tool } from "../calls/tool.js"
import { AUDIT_LOG } from "./audit-log.js"
import { DESCRIBE_ACCESS } from "./describe-access.js"
import { GET_SECRET } from "./get-secret.js"
import { HTTP_REQUEST } from "./http-request.js"
import { LIST_SECRETS } from "./list-secrets.js"
import { REQUEST_ACCESS } from "./request-access.js"
import { REQUEST_SECRET } from "./request-secret.js"
import { RUN_COMMAND } from "./run-command.js"

/** Every tool, in the order in which clients and docs/mcp.md list them. */
export const TOOLS: readonly Tool[] = [
  LIST_SECRETS,
  HTTP_REQUEST,
  RUN_COMMAND,
  GET_SECRET,
  DESCRIBE_ACCESS,
  REQUEST_SECRET,
  REQUEST_ACCESS,
  AUDIT_LOG,
]
