/**
 * As much of protocol buffers as ONNX files need (https://protobuf.dev/programming-guides/encoding): a message is fields one
 * after the other, each its number and wire type, then its value.
 */

/** How a value stands in the stream. */
export const wireType = { varint: 0, eightBytes: 1, lengthPrefixed: 2, fourBytes: 5 } as const

export interface Field {
  readonly number: number
  /** Of a number; 0 otherwise. */
  readonly value: number
  /** Of text, bytes or a message; of four or eight bytes as they stand. */
  readonly content: Uint8Array
  /** The whole field with its tag. */
  readonly bytes: Uint8Array
}

/** Throws RangeError where the bytes end in the middle of a field, or are no fields at all. */
export function* fieldsOf(bytes: Uint8Array): Generator<Field> {
  let at = 0
  const number = (): number => {
    let value = 0
    for (let factor = 1; ; factor *= 128) {
      const byte = bytes[at++]
      if (byte === undefined || factor > 2 ** 63) throw new RangeError("a number without an end")
      value += (byte & 127) * factor
      if (byte < 128) return value
    }
  }
  const take = (length: number): Uint8Array => {
    if (at + length > bytes.length) throw new RangeError("a field beyond the end")
    at += length
    return bytes.subarray(at - length, at)
  }
  const none = bytes.subarray(0, 0)
  while (at < bytes.length) {
    const start = at
    const key = number()
    const wire = key % 8
    const field = { number: Math.floor(key / 8), value: 0, content: none }
    if (wire === wireType.varint) field.value = number()
    else if (wire === wireType.lengthPrefixed) field.content = take(number())
    else if (wire === wireType.fourBytes) field.content = take(4)
    else if (wire === wireType.eightBytes) field.content = take(8)
    else throw new RangeError(`no wire format ${wire}`)
    yield { ...field, bytes: bytes.subarray(start, at) }
  }
}

export function textOf(field: Field | undefined): string {
  return Buffer.from(field?.content ?? []).toString("utf8")
}

export function message(field: number, parts: readonly Uint8Array[]): Buffer {
  const length = parts.reduce((sum, part) => sum + part.length, 0)
  return Buffer.concat([tag(field, wireType.lengthPrefixed), writeVarint(length), ...parts])
}

export function tag(field: number, wire: number): Buffer {
  return writeVarint(field * 8 + wire)
}

export function writeVarint(value: number): Buffer {
  const bytes: number[] = []
  for (let rest = value; ; rest = Math.floor(rest / 128)) {
    if (rest < 128) return Buffer.from([...bytes, rest])
    bytes.push((rest % 128) + 128)
  }
}
