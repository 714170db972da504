import type { HubKeeping } from "../../app/sync/hub.ts"
import type { SimulatedHub } from "./hub.ts"

/** A line to a hub without a network: nothing is late or lost. */
export function lineTo(hub: SimulatedHub): HubKeeping {
  return {
    read: async (...asked) => hub.read(...asked),
    write: async (...asked) => hub.write(...asked),
    latest: async (...asked) => hub.latest(...asked),
    markerAt: async (...asked) => hub.markerAt(...asked),
    newestMarker: async (...asked) => hub.newestMarker(...asked),
    mark: async (...asked) => hub.mark(...asked),
    remove: async (...asked) => hub.remove(...asked),
  }
}
