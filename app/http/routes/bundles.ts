import { z } from "zod"
import { unreachable } from "../../base/assert.ts"
import type { Busy, UnknownReceiver } from "../../sync/bundle/bundles.ts"
import type { ImportedBundle } from "../../sync/bundle/import.ts"
import type { BundleRefusal, BundleSource } from "../../sync/bundle/read.ts"
import { receiptSchema } from "../../sync/bundle/receipt-schema.ts"
import { type BodyUpload, jsonBody, type StreamedFormats } from "../body.ts"
import { bundleConfirmedAnswer, bundleImportedAnswer } from "../bundle-answers.ts"
import type { HttpNeeds } from "../needs.ts"
import { type Problem, problem } from "../problem.ts"
import { requestSchemas } from "../requests.ts"
import { type Route, reply, route } from "../route.ts"

export const bundleMediaType = "application/vnd.gatehouse.bundle"

const receiptJson = z.strictObject(receiptSchema.shape).register(requestSchemas, { id: "BundleReceipt" })

const bundleBody: StreamedFormats<BodyUpload> = {
  [bundleMediaType]: {
    schema: { type: "string", contentMediaType: bundleMediaType },
    stream: (upload) => upload,
  },
}

const exportQuery = z.strictObject({
  for: z.string().min(1).max(63).optional().describe("a box by its name or id: only what it has not confirmed by a receipt"),
})

/** So long another export or import may take. */
const busyRetryAfterS = 30

/** The gallery of a site from box to box, where there is no hub. */
export function bundleRoutes({ bundles }: Pick<HttpNeeds, "bundles">): Route[] {
  return [
    route({
      method: "get",
      path: "/v1/bundles",
      access: "key",
      summary: "All that this box knows of its site as a bundle, sealed for the site; with `for`, what that box lacks",
      query: exportQuery,
      answers: { 200: { mediaType: bundleMediaType, binary: true, streamed: true } },
      answerHeaders: { "content-disposition": "a name for the file" },
      errors: ["conflict", "bad_request", "overloaded"],
      handle: async ({ query }) => {
        const site = await bundles()
        if (site === undefined) return noSite()
        const begun = await site.begin(query.for)
        if (begun.kind !== "begun") return notBegun(begun)
        const { header, bytes } = begun
        const name = `${header.site}-${header.exporter.slice(0, 8)}-${header.through}.bundle`
        return reply(200, streamOf(bytes), { "content-disposition": `attachment; filename="${name}"` })
      },
    }),

    route({
      method: "post",
      path: "/v1/bundles",
      access: "key",
      summary: "Take a bundle, of any length; what came before a broken line stays, and the receipt belongs to its exporter",
      body: bundleBody,
      answers: { 200: bundleImportedAnswer },
      errors: ["conflict", "bad_request", "forbidden", "overloaded", "deadline_exceeded", "unsupported_media_type"],
      handle: async ({ body }) => {
        const site = await bundles()
        if (site === undefined) return noSite()
        const upload = sourceOf(body)
        const imported = await site.import(upload.source)
        return upload.isSlow() ? tooSlow() : answerOf(imported)
      },
    }),

    route({
      method: "post",
      path: "/v1/bundles/receipts",
      access: "key",
      summary: "Bring a receipt back to the box that wrote the bundle: the next one for its receiver begins there",
      body: jsonBody(receiptJson),
      answers: { 200: bundleConfirmedAnswer },
      errors: ["conflict", "bad_request", "forbidden"],
      handle: async ({ body }) => {
        const site = await bundles()
        if (site === undefined) return noSite()
        const confirmed = site.confirm(body)
        switch (confirmed.kind) {
          case "confirmed":
            return reply(200, {
              receiver: confirmed.receiver,
              receiverName: confirmed.receiverName,
              through: confirmed.through,
            })
          case "not_ours":
            return problem(
              "conflict",
              `the receipt is for ${confirmed.exporter}: another box, or this one before it was restored`,
            )
          case "not_believed":
            return problem("forbidden", `the receipt is not believed: ${confirmed.why}`)
          default:
            return unreachable(confirmed)
        }
      },
    }),
  ]
}

const noSite = () =>
  problem("conflict", "this box belongs to no site; `gatehouse sync create` makes one, `gatehouse sync join` enters one")

const tooSlow = () =>
  problem("deadline_exceeded", "nothing more of the bundle came for too long; what came is taken, send it again to go on", {
    retryAfterS: 1,
  })

function notBegun(ended: UnknownReceiver | Busy | { readonly kind: "stopped"; readonly why: string }) {
  switch (ended.kind) {
    case "busy":
      return problem("overloaded", ended.why, { retryAfterS: busyRetryAfterS })
    case "unknown_receiver":
      return problem("bad_request", ended.why)
    case "stopped":
      return problem("conflict", ended.why)
    default:
      return unreachable(ended)
  }
}

function answerOf(imported: ImportedBundle | Busy) {
  switch (imported.kind) {
    case "imported": {
      const { header, changed, known, refused, wasKnown, missing, receipt } = imported
      return reply(200, {
        bundle: header.id,
        exporter: header.exporter,
        exporterName: header.exporterName,
        changed,
        known,
        refused: [...refused],
        wasKnown,
        ...(missing && { missing }),
        receipt,
      })
    }
    case "not_taken": {
      const { refusal, changed, known } = imported
      return problem(codeOf[refusal.kind], `the bundle is not taken: ${refusal.why}`, {
        details: { why: refusal.kind, changed, known },
      })
    }
    case "busy":
      return problem("overloaded", imported.why, { retryAfterS: busyRetryAfterS })
    case "stopped":
      return problem("conflict", imported.why)
    default:
      return unreachable(imported)
  }
}

/** `forbidden`: its bytes are a bundle's, and whoever wrote it, or this box, may not. */
const codeOf = {
  no_bundle: "bad_request",
  newer_version: "bad_request",
  tampered: "bad_request",
  truncated: "bad_request",
  unreadable: "bad_request",
  bad_signature: "forbidden",
  other_site: "forbidden",
  other_suite: "forbidden",
  unknown_box: "forbidden",
  revoked_box: "forbidden",
  no_key: "conflict",
} as const satisfies Record<BundleRefusal["kind"], Problem["code"]>

/** Made as the connection takes it. Whoever leaves ends it. */
function streamOf(bytes: Generator<Uint8Array, unknown>): ReadableStream<Uint8Array> {
  return new ReadableStream<Uint8Array>({
    pull(controller) {
      const next = bytes.next()
      if (next.done === true) controller.close()
      else controller.enqueue(next.value)
    },
    cancel() {
      bytes.return(undefined)
    },
  })
}

/** A line that breaks is an end that came too early, and the bundle says so itself. */
function sourceOf(upload: BodyUpload): { readonly source: BundleSource; isSlow(): boolean } {
  let isSlow = false
  async function* source(): BundleSource {
    for (;;) {
      const step = await upload.next()
      switch (step.kind) {
        case "bytes":
          yield step.bytes
          break
        case "too_slow":
          isSlow = true
          return
        case "cut":
        case "end":
          return
        default:
          unreachable(step)
      }
    }
  }
  return { source: source(), isSlow: () => isSlow }
}
