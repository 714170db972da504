import { z } from "zod"
import type { Marker } from "../hub.ts"
import type { SyncSettings } from "../store/settings.ts"
import { bytesAsText, decodeSetting, encodeSetting, settingNames } from "./state.ts"

/** How far the stream of announcements was read, and what is to be said there. */
export interface Heard {
  readonly position: number
  readonly markers: readonly Marker[]
  /** The newest roster that the hub is known to hold, and where; 0 and 0 for none. */
  readonly roster: { readonly number: number; readonly sequence: number }
  /** What this box has to say, by its key; `sequence` 0 while the hub does not hold it. Its bytes are settings of their own. */
  readonly own: readonly { readonly key: string; readonly sequence: number }[]
  /** Of boxes that ask to join or say that they leave, for the box that answers. One of a box. */
  readonly asking: readonly { readonly box: string; readonly bytes: Uint8Array }[]
  /** The last one of each box, as it was signed. */
  readonly statuses: readonly { readonly box: string; readonly bytes: Uint8Array }[]
  /** How many receipts this box has given. */
  readonly receipts: number
}

const heardSchema = z.strictObject({
  position: z.int(),
  markers: z.array(z.strictObject({ sequence: z.int(), name: z.string() })),
  roster: z.strictObject({ number: z.int(), sequence: z.int() }),
  own: z.array(z.strictObject({ key: z.string(), sequence: z.int() })),
  asking: z.array(z.strictObject({ box: z.string(), bytes: bytesAsText })),
  statuses: z.array(z.strictObject({ box: z.string(), bytes: bytesAsText })),
  receipts: z.int(),
})

const nothing: Heard = {
  position: 0,
  markers: [],
  roster: { number: 0, sequence: 0 },
  own: [],
  asking: [],
  statuses: [],
  receipts: 0,
}

export function readHeard(settings: SyncSettings): Heard {
  const bytes = settings.get(settingNames.heard)
  return bytes === undefined ? nothing : decodeSetting(heardSchema, bytes)
}

/** In the caller's transaction. */
export function writeHeardIn(settings: SyncSettings, heard: Heard): void {
  settings.setIn(settingNames.heard, encodeSetting(heard))
}

/** What lay behind this number may be gone, or be something else by now. */
export function doubtAfter(heard: Heard, sequence: number): Heard {
  if (heard.position <= sequence) return heard
  return {
    ...heard,
    position: sequence,
    markers: heard.markers.filter((marker) => marker.sequence <= sequence),
    roster: heard.roster.sequence > sequence ? { number: 0, sequence: 0 } : heard.roster,
    own: heard.own.map((one) => (one.sequence > sequence ? { ...one, sequence: 0 } : one)),
  }
}
