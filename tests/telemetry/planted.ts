import { createRandom } from "../../app/base/random.ts"

/** Somebody whom nothing but answers may tell of. Every text of theirs has a word in it that stands nowhere else. */
export interface Planted {
  readonly name: string
  readonly externalId: string
  readonly badge: string
  readonly consentNote: string
  /** What they are called later. */
  readonly newName: string
  /** Of length 1. */
  readonly vector: Float32Array
}

/** What to look for, in every form in which it could stand in a text or in a file. */
export interface Needle {
  readonly of: string
  readonly forms: readonly string[]
}

export function planted(count: number, dimension: number): readonly Planted[] {
  const random = createRandom(count)
  return Array.from({ length: count }, (_, n) => {
    const drawn = Float32Array.from({ length: dimension }, () => random() - 0.5)
    const length = Math.hypot(...drawn)
    return {
      name: `名 Nora ${word()}`,
      externalId: `number ${n} ${word()}`,
      badge: `badge ${word()}`,
      consentNote: `agreed, says ${word()}`,
      newName: `Renamed ${word()}`,
      vector: drawn.map((value) => value / length),
    }
  })
}

export function needlesOf(people: readonly Planted[]): readonly Needle[] {
  return people.flatMap(({ vector, ...texts }, n) => [
    ...Object.entries(texts).map(([what, text]) => wordNeedle(`${what} of ${n}`, text)),
    vectorNeedle(`vector of ${n}`, vector),
  ])
}

/** Twelve letters and digits in lower case. */
function word(): string {
  return Array.from(crypto.getRandomValues(new Uint8Array(12)), (byte) => (byte % 36).toString(36)).join("")
}

/** By which a text is known. */
export const lastWord = (text = ""): string => text.split(" ").at(-1) ?? ""

/** By the last word of the text, which is in it however the rest is escaped or cut. */
function wordNeedle(of: string, text: string): Needle {
  const bytes = Buffer.from(lastWord(text))
  return { of, forms: [bytes.toString(), ...binaryForms(bytes).slice(1)] }
}

/** By pairs of its numbers, for making it of length 1 again may turn the last bit of one; in digits, bytes and base64. */
export function vectorNeedle(of: string, vector: Float32Array): Needle {
  const places = [8, 50, 90].filter((place) => place + 2 <= vector.length)
  const digits = places.map((place) => String(vector[place]))
  return { of, forms: [...digits, ...places.flatMap((place) => binaryForms(bytesOf(vector.slice(place, place + 3))))] }
}

/** By parts of it from its middle. */
export function pictureNeedle(of: string, jpeg: Uint8Array): Needle {
  const parts = [0.3, 0.6, 0.9].map((share) => jpeg.subarray(Math.floor(jpeg.length * share)).subarray(0, 24))
  return { of, forms: parts.flatMap(binaryForms) }
}

const bytesOf = (vector: Float32Array) => new Uint8Array(vector.slice().buffer)

/** The bytes themselves, in hexadecimal digits, and in base64 wherever they begin in what is written so. */
function binaryForms(bytes: Uint8Array): readonly string[] {
  const base64 = [0, 1, 2].map((offset) => {
    const text = Buffer.concat([new Uint8Array(offset), bytes]).toString("base64")
    // Only the letters that no neighbour has a part in.
    return text.slice(Math.ceil((offset * 4) / 3), Math.floor((offset + bytes.length) / 3) * 4)
  })
  return [Buffer.from(bytes).toString("latin1"), Buffer.from(bytes).toString("hex"), ...base64]
}

/** Of every form; the shortest has more. */
const headLength = 8

/**
 * A search for all of them at once, which looks at each place of a text a single time. It answers which are in it; upper and lower
 * case are one.
 */
export function searchFor(needles: readonly Needle[]): (haystack: string | Uint8Array) => readonly string[] {
  const byHead = new Map<string, { readonly of: string; readonly form: string }[]>()
  for (const { of, forms } of needles)
    for (const form of forms) {
      if (form.length < headLength) throw new Error(`${form} is too short to be looked for`)
      const head = form.slice(0, headLength)
      byHead.set(head, [...(byHead.get(head) ?? []), { of, form }])
    }
  return (haystack) => {
    const text = Buffer.from(haystack).toString("latin1")
    const found = new Set<string>()
    for (const written of [text, text.toLowerCase()])
      for (let at = 0; at + headLength <= written.length; at++)
        for (const { of, form } of byHead.get(written.slice(at, at + headLength)) ?? [])
          if (written.startsWith(form, at)) found.add(of)
    return [...found]
  }
}
