import type { ContentFile } from "./contents.ts"

/**
 * Canvas carries ICU's tables for calendars, currencies, sorting, other encodings and the names of everything in every language.
 * Drawing a line of text asks for none of them. Emptied, they take no room in the program: three megabytes. A table that is
 * empty reads as one that is not there, which ICU allows for each of them.
 */
const unusedTables = [
  /^(?:coll|curr|lang|region|rbnf|translit|unit|zone)\//,
  // The bundles of single languages, and encodings other than Unicode's.
  /^[a-z]{2,3}(?:_\w+)*\.res$/,
  /\.cnv$/,
  // Where a line of Chinese, Japanese, Thai, Khmer, Lao or Burmese may be broken, and rules that break lines otherwise than by
  // default: a name is one line.
  /^brkitr\/\w+dict\.dict$/,
  /^brkitr\/line_\w+\.brk$/,
  /^(?:currencyNumericCodes|dayPeriods|genderList|langInfo|metaZones|pluralRanges|plurals|timezoneTypes|units|windowsZones|zoneinfo64)\.res$/,
  /^confusables\.cfu$/,
]

/** The bytes of a file as they go into the program; the same ones, unless the program gets by with less. */
export function trim({ path }: ContentFile, bytes: Buffer): Buffer {
  return /\/skia\.[\w-]+\.node$/.test(path) ? withoutUnusedTables(bytes) : bytes
}

function withoutUnusedTables(bytes: Buffer): Buffer {
  const table = findTables(bytes)
  const count = bytes.readUInt32LE(table)
  const entries = Array.from({ length: count }, (_, i) => {
    const [name, at] = [4, 8].map((field) => table + bytes.readUInt32LE(table + 8 * i + field)) as [number, number]
    return { name: bytes.toString("latin1", name, bytes.indexOf(0, name)).replace(/^[^/]*\//, ""), at }
  }).sort((a, b) => a.at - b.at)
  const trimmed = Buffer.from(bytes)
  for (const [i, { name, at }] of entries.entries()) {
    const next = entries[i + 1]
    if (next !== undefined && unusedTables.some((pattern) => pattern.test(name))) trimmed.fill(0, at, next.at)
  }
  return trimmed
}

/** ICU's common data: a header with these marks, then the table of contents. */
function findTables(bytes: Buffer): number {
  const marks = Buffer.from([0xda, 0x27])
  for (let at = bytes.indexOf(marks); at >= 0; at = bytes.indexOf(marks, at + 1)) {
    if (bytes.toString("latin1", at + 10, at + 14) === "CmnD") return at - 2 + bytes.readUInt16LE(at - 2)
  }
  throw new Error("canvas holds no tables of ICU any more: look at scripts/build/trim.ts again")
}
