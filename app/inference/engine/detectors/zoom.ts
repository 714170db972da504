import type { Pixels } from "../../../face/pixels.ts"
import type { Search } from "./detector.ts"

/** Up to this longer side shrinking saves less than 2 ms and costs precision of the landmarks. */
const sidePxMin = 320
/** A face this much smaller than the network likes is still found when the picture is enlarged. */
const enlargedSidePxMax = 640

/**
 * Pixels of the network's input: more would hold over 1 GB of intermediate values. A picture with more is looked at more
 * coarsely, and its smallest faces stay unseen.
 */
const inputPxMax = 4_000_000

/** Whole factors only: every network pixel is then the plain mean of the same number of camera pixels. */
export function zoomFor(picture: Pixels, search: Search, seenWidthPx: number): { shrink: number; enlarge: 1 | 2 } {
  const full = fullZoom(picture, search.faceWidthPxMin, seenWidthPx)
  if (search.input === "full") return full
  return full.enlarge === 2 ? { shrink: 1, enlarge: 1 } : { shrink: 2 * full.shrink, enlarge: 1 }
}

function fullZoom(picture: Pixels, faceWidthPxMin: number, seenWidthPx: number): { shrink: number; enlarge: 1 | 2 } {
  const longerPx = Math.max(picture.width, picture.height)
  if (faceWidthPxMin < seenWidthPx && longerPx <= enlargedSidePxMax) return { shrink: 1, enlarge: 2 }
  const wanted = Math.min(Math.floor(faceWidthPxMin / seenWidthPx), Math.floor(longerPx / sidePxMin))
  const needed = Math.ceil(Math.sqrt((picture.width * picture.height) / inputPxMax))
  return { shrink: Math.max(1, wanted, needed), enlarge: 1 }
}
