import type { Marker } from "./hub.ts"

/** How far back a box remembers the hub's markers: the newest densely, older ones ever more sparsely. */
export const markersMax = 40

/** With a marker more; one in the middle leaves when they are too many. */
export function withMarker(markers: readonly Marker[], marker: Marker, max = markersMax): readonly Marker[] {
  const newest = markers.at(-1)
  if (newest !== undefined && newest.sequence >= marker.sequence) return markers
  const all = [...markers, marker]
  if (all.length <= max) return all
  let leaves = 1
  let least = Number.POSITIVE_INFINITY
  for (let i = 1; i < all.length - 1; i++) {
    const [before, at, after] = [all[i - 1], all[i], all[i + 1]]
    if (before === undefined || at === undefined || after === undefined) continue
    // The gap it would leave, measured by how long ago it was: gaps come to grow by a factor.
    const cost = (after.sequence - before.sequence) / (marker.sequence - at.sequence)
    if (cost < least) [least, leaves] = [cost, i]
  }
  return all.filter((_, i) => i !== leaves)
}
