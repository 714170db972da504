import { z } from "zod"
import { receiptSchema } from "../sync/bundle/receipt-schema.ts"
import { answerSchemas, list } from "./answers.ts"

const count = z.int().min(0)

const refusedRecords = z.strictObject({
  kind: z
    .enum(["malformed", "other_suite", "unknown_box", "revoked_box", "bad_signature", "no_key", "bad_seal"])
    .describe("no_key, unknown_box: this box has to hear of its site first, and the records come again with the next bundle"),
  count,
  why: z.string().describe("of the first of them"),
})

export const bundleImportedAnswer = z
  .strictObject({
    bundle: z.string().describe("its id"),
    exporter: z.string().describe("the box that wrote it, and its life"),
    exporterName: z.string(),
    changed: count.describe("records that this box did not know; it offers them to the hub"),
    known: count.describe("that it had, had newer ones of, or that are about what was erased"),
    refused: list(refusedRecords),
    wasKnown: z.boolean().describe("this box had taken all of it before"),
    missing: z
      .strictObject({ after: count, upTo: count })
      .optional()
      .describe("changes of the exporter that this box has not seen: take the receipt back, or a bundle of everything"),
    receipt: receiptSchema.describe("for the exporter: POST /v1/bundles/receipts there, or a file beside the bundle"),
  })
  .register(answerSchemas, { id: "BundleImported" })

export const bundleConfirmedAnswer = z
  .strictObject({
    receiver: z.string().describe("8 hexadecimal digits"),
    receiverName: z.string(),
    through: count.describe("the receiver has everything of this box up to this change"),
  })
  .register(answerSchemas, { id: "BundleConfirmed" })
