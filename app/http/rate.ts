import { TokenBucket } from "limiter"
import { LRUCache } from "lru-cache"
import type { HttpOptions } from "./options.ts"
import { type Problem, problem } from "./problem.ts"

/** Who may ask how often, so that one client cannot take the whole box from the others. */
export interface RateLimit {
  /** Takes one request off what `client` has left; the answer for it when nothing is. */
  take(client: string): Problem<"rate_limited"> | undefined
}

/** So many clients are remembered; whoever asked longest ago is forgotten first and begins anew with a full bucket. */
const clientsMax = 1000

/** A token bucket for each client: `ratePerSecond` requests for long, `rateBurst` at once. A rate of 0 limits nobody. */
export function createRateLimit({ ratePerSecond, rateBurst }: Pick<HttpOptions, "ratePerSecond" | "rateBurst">): RateLimit {
  if (ratePerSecond === 0) return { take: () => undefined }
  const buckets = new LRUCache<string, TokenBucket>({ max: clientsMax })

  function bucketOf(client: string): TokenBucket {
    const known = buckets.get(client)
    if (known !== undefined) return known
    const bucket = new TokenBucket({ bucketSize: rateBurst, tokensPerInterval: ratePerSecond, interval: 1000 })
    bucket.content = rateBurst // The library's buckets begin empty.
    buckets.set(client, bucket)
    return bucket
  }

  return {
    take: (client) => {
      const bucket = bucketOf(client)
      if (bucket.tryRemoveTokens(1)) return undefined
      const message = `more than ${ratePerSecond} requests a second, or ${rateBurst} at once, from one client; ask less often, or raise http.ratePerSecond`
      return problem("rate_limited", message, { retryAfterS: bucket.getWaitTime(1) / 1000 })
    },
  }
}
