import { z } from "zod"
import type { Result } from "../../../app/base/result.ts"
import { count, notNegative, type OptionsTable, positive, readOptions } from "../support/options.ts"

export const operations = ["recognise", "search", "ingest"] as const
export type Operation = (typeof operations)[number]

const mix = z.string().transform((text, context) => {
  const shares: Record<Operation, number> = { recognise: 0, search: 0, ingest: 0 }
  for (const part of text.split(",")) {
    const [name, share] = part.split("=")
    const operation = operations.find((known) => known === name)
    if (operation === undefined || share === undefined || !(Number(share) >= 0)) {
      context.addIssue({ code: "custom", message: `"${part}" is no share: write ${operations.join("=8,")}=1` })
      return z.NEVER
    }
    shares[operation] = Number(share)
  }
  if (Object.values(shares).every((share) => share === 0)) context.addIssue({ code: "custom", message: "all shares are 0" })
  return shares
})

const table = {
  url: { type: "string" },
  key: { type: "string" },
  rate: { type: "string" },
  multiple: { type: "string" },
  capacity: { type: "boolean" },
  seconds: { type: "string" },
  mix: { type: "string" },
  arrivals: { type: "string" },
  seed: { type: "string" },
  "deadline-ms": { type: "string" },
  picture: { type: "string", multiple: true },
  cameras: { type: "string" },
  clients: { type: "string" },
  "unloaded-seconds": { type: "string" },
  "capacity-seconds": { type: "string" },
  "after-seconds": { type: "string" },
  pid: { type: "string" },
  out: { type: "string" },
} satisfies OptionsTable

const schema = z
  .strictObject({
    url: z.url(),
    key: z.string().min(1),
    rate: positive.optional(),
    multiple: positive.optional(),
    capacity: z.boolean().default(false),
    seconds: positive.default(60),
    mix: mix.prefault("recognise=8,search=1,ingest=1"),
    arrivals: z.enum(["poisson", "fixed"]).default("poisson"),
    seed: count.default(1),
    deadlineMs: count.optional(),
    picture: z.array(z.string()).default([]),
    cameras: count.default(8),
    clients: count.default(8),
    unloadedSeconds: notNegative.default(5),
    capacitySeconds: positive.default(10),
    afterSeconds: notNegative.optional(),
    pid: count.optional(),
    out: z.string().default(".cache/bench/load.json"),
  })
  .refine(({ rate, multiple }) => (rate === undefined) !== (multiple === undefined), {
    message: "say --rate (requests in a second) or --multiple (of the capacity that is measured first), one of the two",
  })

export type LoadOptions = z.output<typeof schema>

export function readLoadOptions(argv: readonly string[]): Result<LoadOptions> {
  return readOptions(argv, table, schema)
}
