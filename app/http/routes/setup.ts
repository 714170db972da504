import { z } from "zod"
import type { Claimed } from "../../access/claim.ts"
import { claimTriesMax } from "../../access/claim-codes.ts"
import { unreachable } from "../../base/assert.ts"
import { claimedAnswer } from "../answers.ts"
import { type BodyFormats, jsonBody, mapFormats } from "../body.ts"
import type { HttpNeeds } from "../needs.ts"
import { explain, type Problem, problem } from "../problem.ts"
import { claimJson } from "../requests.ts"
import { type Route, reply, route } from "../route.ts"
import { claimedPage, formPage, ownedPage, pagePolicy, refusedPage } from "../setup-page.ts"
import { type Language, languageOf } from "../setup-words.ts"

/** The page on which the first person makes a new box theirs. */
export function setupRoutes({ claim }: Pick<HttpNeeds, "claim">): Route[] {
  const asked = { query: z.strictObject({ lang: z.enum(["en", "zh"]).optional() }), answerHeaders }
  return [
    route({
      ...asked,
      method: "get",
      path: "/setup",
      access: "secure",
      summary: "The page that claims a new box; over HTTPS alone",
      headers: z.object({ "accept-language": z.string().optional() }),
      answers: { 200: page },
      handle: ({ query, headers }) => {
        const language = languageOf(query.lang, headers["accept-language"])
        return reply(200, claim.isAwaited() ? formPage(language) : ownedPage(language), pageHeaders)
      },
    }),

    route({
      ...asked,
      method: "post",
      path: "/setup",
      access: "secure",
      summary: "Claims a new box with its one-time code; a form is answered by a page",
      headers: z.object({
        "accept-language": z.string().optional(),
        "sec-fetch-site": z.string().optional(),
        origin: z.string().optional(),
        host: z.string().optional(),
      }),
      body: claimBodies,
      answers: { 200: page, 201: claimedAnswer, 400: page, 403: page, 409: page },
      errors: ["claim_refused", "conflict"],
      handle: ({ query, headers, body: { isForm, attempt } }) => {
        const language = languageOf(query.lang, headers["accept-language"])
        if (isForm && isOfAnotherSite(headers))
          return problem("forbidden", "this form was sent by a page of another site; open /setup of the box itself")
        if ("why" in attempt) return pageFor({ kind: "bad_request", why: attempt.why }, language)
        const claimed = claim.claim(attempt)
        return isForm ? pageFor(claimed, language) : answerFor(claimed)
      },
    }),
  ]
}

const page = { mediaType: "text/html; charset=utf-8" } as const
const answerHeaders = { "content-security-policy": "what the page may load: nothing" }
const pageHeaders = { "content-security-policy": pagePolicy }

type Attempt = z.output<typeof claimJson>

/** What was sent, and how it is to be answered. */
interface Sent {
  readonly isForm: boolean
  /** A form that does not fit is answered by a page as well. */
  readonly attempt: Attempt | { readonly why: string }
}

const formBytesMax = 4096

const claimBodies: BodyFormats<Sent> = {
  ...mapFormats(jsonBody(claimJson), (attempt): Sent => ({ isForm: false, attempt })),
  "application/x-www-form-urlencoded": {
    schema: claimJson,
    bytesMax: formBytesMax,
    tooLarge: "body_too_large",
    parse: async (bytes) => {
      const { adminKey, ...others } = Object.fromEntries(new URLSearchParams(Buffer.from(bytes).toString()))
      // A field that is left empty is sent all the same.
      const parsed = claimJson.safeParse({ ...others, ...(adminKey === "" ? {} : { adminKey }) })
      return { kind: "ok", value: { isForm: true, attempt: parsed.success ? parsed.data : { why: explain(parsed.error) } } }
    },
  },
}

/** A page elsewhere could send this form through the visitor's browser, and use up the tries. JSON it cannot send (CORS). */
function isOfAnotherSite(headers: {
  "sec-fetch-site"?: string | undefined
  origin?: string | undefined
  host?: string | undefined
}) {
  const { "sec-fetch-site": site, origin, host } = headers
  if (site !== undefined) return site !== "same-origin" && site !== "none"
  return origin !== undefined && origin !== `https://${host}`
}

function answerFor(claimed: Claimed) {
  switch (claimed.kind) {
    case "claimed": {
      const { adminKey, recovery } = claimed
      const recoveryKey = recovery.kind === "made" ? { recoveryKey: recovery.key } : {}
      return reply(201, { adminKey, ...recoveryKey, recovery: recovery.kind })
    }
    case "mistyped":
      return problem("bad_request", claimed.why)
    case "wrong_code": {
      const { kind, triesLeft } = claimed
      return refusal(kind, `the claim code is another one; ${triesLeft} of ${claimTriesMax} tries are left`, { triesLeft })
    }
    case "locked":
      return refusal(claimed.kind, `too many wrong codes were tried; on the box itself, ${newCode}`)
    case "expired":
      return refusal(claimed.kind, `a code is taken for 15 minutes only; start the box again, or on the box itself, ${newCode}`)
    case "already_claimed":
      return problem("conflict", "the box has its owner already; gatehouse admin reset-key on the box makes a new admin key")
    default:
      return unreachable(claimed)
  }
}

const newCode = "gatehouse admin claim-code shows another one"

function refusal(reason: string, message: string, figures: { readonly triesLeft?: number } = {}): Problem<"claim_refused"> {
  return problem("claim_refused", message, { details: { reason, ...figures } })
}

/** The same for people, in their language. */
function pageFor(claimed: Claimed | { readonly kind: "bad_request"; readonly why: string }, language: Language) {
  switch (claimed.kind) {
    case "claimed":
      return reply(200, claimedPage(language, claimed), pageHeaders)
    case "already_claimed":
      return reply(409, ownedPage(language), pageHeaders)
    case "mistyped":
    case "bad_request":
      return reply(400, refusedPage(language, claimed), pageHeaders)
    default:
      return reply(403, refusedPage(language, claimed), pageHeaders)
  }
}
