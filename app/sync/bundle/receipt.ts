import type { JsonObject } from "../../vault/canonical.ts"
import { isGenuine, publicKeyText, type Receipt, signReceipt } from "../../vault/signer.ts"
import type { Origin } from "../merge.ts"
import type { SiteKeys, WritingKeys } from "../sealing.ts"
import { boxOf, type SiteName } from "./format.ts"
import { receiptSchema } from "./receipt-schema.ts"

/** What a box signs when it has read a bundle to its end. Back at the exporter it says what need not be sent again. */
export interface BundleReceiptBody extends JsonObject {
  readonly what: "receipt of a bundle"
  readonly site: string
  readonly siteId: string
  /** The bundle's id. */
  readonly bundle: string
  /** Who wrote it, in the life that counted `through`. */
  readonly exporter: string
  readonly receiver: string
  readonly receiverName: string
  /** Up to which change of the exporter the receiver has everything; less than the bundle's own when something is still missing. */
  readonly through: number
  readonly changed: number
  readonly known: number
  /** Records that the receiver could not believe, or not read yet. */
  readonly refused: number
  /** Wall time, as right as the receiver's clock. */
  readonly importedAtMs: number
}

export type BundleReceipt = Receipt<BundleReceiptBody>

/** A receipt takes about 800 bytes. */
export const receiptBytesMax = 16 * 1024
/** Beside the bundle, with this behind its name. */
export const receiptEnding = ".receipt"

/** `undefined` for a text that is no receipt. */
export function parseReceipt(text: string): BundleReceipt | undefined {
  try {
    const parsed = receiptSchema.safeParse(JSON.parse(text))
    return parsed.success ? parsed.data : undefined
  } catch (error) {
    if (!(error instanceof SyntaxError)) throw error
    return undefined
  }
}

export function signBundleReceipt({ suite, pair }: WritingKeys, body: BundleReceiptBody): BundleReceipt {
  return signReceipt(suite, pair, body)
}

/** Why a receipt is not believed; `undefined` for one that is a member's. */
export function whyReceiptRefused(keys: SiteKeys, site: SiteName, receipt: BundleReceipt): string | undefined {
  const { body } = receipt
  if (body.siteId !== site.id) return `it is of the site ${body.site} (${body.siteId}), and this box belongs to ${site.name}`
  const box = boxOf(body.receiver as Origin)
  const why = keys.whyNotBelieved?.(box)
  if (why !== undefined) return why
  const publicKey = keys.publicKeyOf(box)
  if (publicKey === undefined) return `signed by the box ${body.receiverName} (${box}), which is no member of the site`
  if (!isGenuine(keys.suite, publicKeyText(keys.suite, publicKey), receipt))
    return `not signed by the box ${body.receiverName} (${box}), which it names as its writer`
  return undefined
}
