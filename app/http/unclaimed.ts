import { hostName } from "../access/box-certificate.ts"
import { isLocal, type Visitor } from "./access.ts"
import type { HttpNeeds } from "./needs.ts"
import { type Problem, problem } from "./problem.ts"

/** What a box without an owner answers to the network, over HTTPS. */
const answered: ReadonlySet<string> = new Set(["/setup", "/healthz"])

/** Why a request is not answered while nobody owns the box; `undefined` when it may go on to its route. */
export function refuseUnclaimed(
  request: { readonly url: string; readonly path: string },
  visitor: Visitor,
  { claim, securePort }: Pick<HttpNeeds, "claim" | "securePort">,
): Problem<"unclaimed"> | undefined {
  if (!claim.isAwaited() || isLocal(visitor)) return undefined
  if (visitor.connection.isSecure === true && answered.has(request.path)) return undefined
  const port = securePort()
  // Said, and no redirect: whoever follows one by itself would send along what it has sent here.
  // By the name that was asked for; a caller may have sent anything for one.
  const host = URL.parse(request.url)?.hostname || hostName()
  const where = port === undefined ? "/setup over HTTPS" : `https://${host}:${port}/setup`
  return problem("unclaimed", `nobody has claimed this box yet; do it at ${where}`)
}
