/** What an archive may hold. */
export interface ArchiveLimits {
  /** A larger picture is left out. */
  readonly imageBytesMax: number
  /** More of them, and none is taken. */
  readonly itemsMax: number
}

/** Pictures hardly get smaller by packing: an archive that unpacks to more than so many times its size was made to do harm. */
const unpackedRatioMax = 20
/** … but a few small painted ones do. */
const unpackedSlackBytes = 16 * 1024 * 1024

export function unpackedBytesMax(archiveBytes: number): number {
  return archiveBytes * unpackedRatioMax + unpackedSlackBytes
}

export function whyTooMuch(archiveBytes: number): string {
  const allowed = unpackedBytesMax(archiveBytes)
  return `it unpacks to more than ${allowed} bytes, ${unpackedRatioMax} times its own size: pictures do not pack like that`
}

export function whyTooMany({ itemsMax }: ArchiveLimits): string {
  return `it holds more than ${itemsMax} pictures; send it in parts, or raise enrolments.itemsMax`
}

export function tooLargePicture(bytes: number, { imageBytesMax }: ArchiveLimits) {
  const why = `a picture of ${bytes} bytes; at most ${imageBytesMax} are taken`
  return { kind: "refused", reason: "image_too_large", why } as const
}

export function unreadable(why: string) {
  return { kind: "refused", reason: "unreadable", why } as const
}

/** An error of a library that read what somebody sent, in its own words. */
export function wordsOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error)
}
