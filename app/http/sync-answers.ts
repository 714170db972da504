import { z } from "zod"
import { answerSchemas, list } from "./answers.ts"

/** What the box says of its site. */

const counted = z.int().min(0)
const position = z.strictObject({ erasures: counted, records: counted })

const siteBox = z
  .strictObject({
    box: z.string().describe("8 hexadecimal digits, given by the site"),
    name: z.string(),
    isThis: z.boolean(),
    isRevoked: z.boolean(),
    seenAtMs: z.number().optional().describe("when it said something of itself last, by its own clock"),
    version: z.string().optional(),
    outbox: counted.optional(),
    position: position.optional(),
  })
  .register(answerSchemas, { id: "SiteBox" })

const inSite = z
  .strictObject({
    state: z
      .enum(["connecting", "connected", "stopped", "disabled", "idle"])
      .describe("stopped: the gallery is not in order, and `why` says how. disabled: by `sync.enabled`. idle: no service runs"),
    why: z.string().optional(),
    site: z.string(),
    box: z.string(),
    name: z.string(),
    epoch: z.int().describe("of the site's key"),
    hub: z.strictObject({
      servers: list(z.string()),
      server: z.strictObject({ address: z.string(), version: z.string() }).optional(),
      talkedAtMs: z.number().optional().describe("when a round came to its end last, since the service began"),
    }),
    lag: z.strictObject({
      records: counted.describe("known to lie at the hub, and not read yet"),
      seconds: z.number().describe("since when this box may have missed something; 0 while all is read"),
    }),
    outbox: z.strictObject({
      erasures: counted,
      records: counted,
      doubtful: counted.describe("the hub had them once, and has to show them again"),
    }),
    position: position.describe("up to where the hub's streams were read"),
    held: z.strictObject({ people: counted, faces: counted, parts: counted, deleted: counted, erased: counted }),
    counts: z
      .strictObject({
        rounds: counted,
        applied: counted,
        stored: counted,
        offeredAgain: counted,
        refused: counted,
        withheld: counted.describe("in the last round"),
      })
      .describe("since the service began"),
    isTakingStock: z.boolean().describe("who was here before the box joined is being recorded"),
    mustReadErasures: z.boolean().describe("after a restore: nobody is recognised until all erasures were read"),
    open: z.strictObject({ conflicts: counted, fromTheFuture: counted, refused: counted }),
    erasures: z.strictObject({
      total: counted,
      confirmed: counted.describe("by every box of the site"),
      waiting: list(
        z.strictObject({ subjectId: z.string(), confirmedBy: counted, of: counted, missing: list(z.string()) }),
      ).describe("the newest first, at most 100; `missing` are the names of boxes"),
    }),
    sightings: z.strictObject({ enabled: z.boolean(), dropped: counted }),
    boxes: list(siteBox),
  })
  .register(answerSchemas, { id: "SyncInSite" })

export const syncAnswer = z
  .union([
    z.strictObject({ state: z.literal("outside") }).register(answerSchemas, {
      id: "SyncOutside",
      description: "The box belongs to no site, and shares nothing.",
    }),
    inSite,
  ])
  .register(answerSchemas, { id: "Sync" })

export const syncOpenAnswer = z
  .strictObject({
    conflicts: list(
      z.strictObject({
        id: z.int(),
        kind: z.enum(["external_id", "face"]),
        subjectId: z.string().describe("who goes without it: the external id, the face"),
        otherId: z.string().describe("who has it"),
        atMs: z.number(),
      }),
    ).describe("what two boxes made of one thing; the oldest first"),
    fromTheFuture: list(
      z.strictObject({ entity: z.string(), writtenAtMs: z.number(), box: z.string(), atMs: z.number() }),
    ).describe("versions that said, when they came, that they were written later than tomorrow: they count"),
    refused: list(
      z.strictObject({
        stream: z.enum(["erasures", "records"]),
        sequence: z.int(),
        key: z.string(),
        kind: z.string(),
        why: z.string(),
        atMs: z.number(),
      }),
    ).describe("what lay at the hub and was not believed, the newest first"),
  })
  .register(answerSchemas, { id: "SyncOpen" })
