import type { Box } from "../box.ts"
import type { Origin } from "../merge.ts"
import type { SiteKeys } from "../sealing.ts"
import { boxOf, type SiteName } from "./format.ts"
import { type BundleReceipt, whyReceiptRefused } from "./receipt.ts"
import { confirmedBy } from "./write.ts"

export interface ConfirmNeeds {
  readonly box: Box
  readonly site: SiteName
  readonly keys: SiteKeys
}

export type Confirmed =
  | { readonly kind: "confirmed"; readonly receiver: string; readonly receiverName: string; readonly through: number }
  /** Of another box, or of this one in an earlier life, whose numbers mean nothing here any more. */
  | { readonly kind: "not_ours"; readonly exporter: string }
  | { readonly kind: "not_believed"; readonly why: string }

/**
 * Takes a receipt back at the exporter: the next bundle for its receiver begins where the receipt ends. Also when that is further
 * back than before: a receiver that was restored from a backup has lost what it confirmed.
 */
export function confirm({ box, site, keys }: ConfirmNeeds, receipt: BundleReceipt): Confirmed {
  const { receiver, receiverName, exporter, through } = receipt.body
  const why = whyReceiptRefused(keys, site, receipt)
  if (why !== undefined) return { kind: "not_believed", why }
  return box.transact((tables): Confirmed => {
    if (exporter !== tables.origin()) return { kind: "not_ours", exporter }
    if (through >= tables.nextChange())
      return { kind: "not_believed", why: `it speaks of change ${through}, which this box has not come to` }
    const box = boxOf(receiver as Origin)
    tables.setCursor(confirmedBy(box, tables.origin()), through)
    return { kind: "confirmed", receiver: box, receiverName, through }
  })
}
