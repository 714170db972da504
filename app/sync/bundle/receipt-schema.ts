import { z } from "zod"

const count = z.int().min(0)

const origin = z.string().regex(/^[0-9a-f]{8}\.[0-9a-f]{12}$/)

/** Of a stranger's text. For doors, too: it brings nothing else of sync along. */
export const receiptSchema = z.strictObject({
  body: z.strictObject({
    what: z.literal("receipt of a bundle"),
    site: z.string().max(64),
    siteId: z.string().regex(/^[0-9a-f]{32}$/),
    bundle: z.string().regex(/^[0-9a-f]{32}$/),
    exporter: origin,
    receiver: origin,
    receiverName: z.string().max(64),
    through: count,
    changed: count,
    known: count,
    refused: count,
    importedAtMs: count,
  }),
  algorithm: z.enum(["Ed25519", "SM2-SM3"]),
  publicKey: z.string().max(256),
  signature: z.string().max(128),
})
