import type { Result } from "../../base/result.ts"

/** A picture of the list: whom it shows, and its file below the folder of pictures. */
export interface ListedPicture {
  readonly person: string
  readonly file: string
}

export interface PicturePair {
  readonly a: ListedPicture
  readonly b: ListedPicture
  readonly same: boolean
}

export interface PairList {
  readonly folds: readonly (readonly PicturePair[])[]
  /** Every picture named, once each. */
  readonly pictures: readonly ListedPicture[]
}

/**
 * Reads a list in the format of LFW's `pairs.txt`: a first line `<folds> <pairs of each kind per fold>` (or the second number
 * alone, for one fold), then for each fold the pairs of one person, `name 1 4`, and the pairs of two, `name 1 other 2`.
 * A picture lies at `name/name_0001.jpg`.
 */
export function parsePairs(text: string): Result<PairList> {
  const lines = text.split("\n").map((line) => line.trim().split(/\s+/))
  while (lines.at(-1)?.[0] === "") lines.pop()
  const header = (lines.shift() ?? []).map(Number)
  const [folds, perKind] = header.length === 1 ? [1, header[0] ?? 0] : [header[0] ?? 0, header[1] ?? 0]
  if (header.length > 2 || !isCount(folds) || !isCount(perKind))
    return { kind: "failed", why: "its first line is not `<folds> <pairs of each kind>` as in LFW's pairs.txt" }
  if (lines.length !== folds * perKind * 2)
    return { kind: "failed", why: `its first line announces ${folds * perKind * 2} pairs, but ${lines.length} follow` }

  const pictures = new Map<string, ListedPicture>()
  const pairs: PicturePair[] = []
  for (const [i, fields] of lines.entries()) {
    const pair = parsePair(fields, pictures)
    if (pair === undefined) return { kind: "failed", why: `line ${i + 2} is not a pair: “${fields.join(" ")}”` }
    const expectedSame = i % (perKind * 2) < perKind
    if (pair.same !== expectedSame)
      return { kind: "failed", why: `line ${i + 2} should be a pair of ${expectedSame ? "one person" : "two people"}` }
    pairs.push(pair)
  }
  const perFold = perKind * 2
  return {
    kind: "ok",
    value: {
      folds: Array.from({ length: folds }, (_, fold) => pairs.slice(fold * perFold, (fold + 1) * perFold)),
      pictures: [...pictures.values()],
    },
  }
}

function parsePair(fields: readonly string[], pictures: Map<string, ListedPicture>): PicturePair | undefined {
  const [nameA, numberA, third, fourth] = fields
  if (nameA === undefined || numberA === undefined || third === undefined || fields.length > 4) return undefined
  const same = fourth === undefined
  const a = picture(nameA, numberA, pictures)
  const b = same ? picture(nameA, third, pictures) : picture(third, fourth, pictures)
  return a === undefined || b === undefined ? undefined : { a, b, same }
}

function picture(person: string, number: string, pictures: Map<string, ListedPicture>): ListedPicture | undefined {
  // The name becomes part of a path: a list from elsewhere must not reach outside its folder.
  if (!isCount(Number(number)) || /[/\\]|^\.+$/.test(person)) return undefined
  const file = `${person}/${person}_${number.padStart(4, "0")}.jpg`
  const known = pictures.get(file) ?? { person, file }
  pictures.set(file, known)
  return known
}

function isCount(value: number): boolean {
  return Number.isInteger(value) && value > 0
}
