import { describe, expect, test } from "bun:test"
import { existsSync, readFileSync, statSync, truncateSync, writeFileSync } from "node:fs"
import { openSealedFile } from "../../app/vault/random-access.ts"
import { createSealKey, type SealKey } from "../../app/vault/seal.ts"
import {
  type OpenedStream,
  openStream,
  openWhole,
  pieceBytes,
  readStreamHeader,
  sealPieces,
  sealStream,
} from "../../app/vault/stream.ts"
import { openFile, readFileHeader, sealFile } from "../../app/vault/stream-file.ts"
import { tempFolder } from "../support/shared.ts"
import { testedSuites, utf8 } from "./support.ts"

const headBytes = 46
const sealedPieceBytes = pieceBytes + 16
const attached = utf8("an envelope")

/** Of a pattern that no piece shares with its neighbour. */
const content = (length: number) => Buffer.from(Uint8Array.from({ length }, (_, at) => (at * 31 + (at >> 16)) & 255))

async function sealed(key: SealKey, plain: Uint8Array, label = "backup", attachment?: Uint8Array): Promise<Buffer> {
  return Buffer.concat(await Array.fromAsync(sealStream(key, label, [plain], attachment)))
}

async function opened(key: SealKey, bytes: Uint8Array, label = "backup"): Promise<OpenedStream & { plain: Buffer }> {
  const pieces: Uint8Array[] = []
  const answer = await openStream(key, label, [bytes], async (plain) => pieces.push(plain))
  return { ...answer, plain: Buffer.concat(pieces) }
}

const flip = (bytes: Buffer, at: number) => {
  const changed = Buffer.from(bytes)
  changed[at]! ^= 1 << (at % 8)
  return changed
}

describe.each(testedSuites)("$title", (suite) => {
  const key = createSealKey(suite)

  test.each([0, 1, 15, 16, pieceBytes - 1, pieceBytes, pieceBytes + 1, 3 * pieceBytes])(
    "%d bytes come back",
    async (length) => {
      const plain = content(length)
      const stream = await sealed(key, plain)
      expect(stream).toHaveLength(headBytes + length + 16 * Math.max(1, Math.ceil(length / pieceBytes)))
      const answer = await opened(key, stream)
      expect(answer).toMatchObject({ kind: "opened", bytes: length })
      expect(answer.plain.equals(plain)).toBe(true)
    },
  )

  test("however the bytes come in", async () => {
    const plain = content(pieceBytes + 500)
    const cut = (bytes: Buffer, length: number) =>
      Array.from({ length: Math.ceil(bytes.length / length) }, (_, at) => bytes.subarray(at * length, (at + 1) * length))
    for (const length of [777, 40_000, 1_000_000]) {
      const stream = Buffer.concat(await Array.fromAsync(sealStream(key, "backup", cut(plain, length))))
      const pieces: Uint8Array[] = []
      const answer = await openStream(key, "backup", cut(stream, length), async (piece) => pieces.push(piece))
      expect(answer).toEqual({ kind: "opened", bytes: plain.length })
      expect(Buffer.concat(pieces).equals(plain)).toBe(true)
    }
  })

  test("no byte can be another: header, attachment, pieces, tags", async () => {
    const short = await sealed(key, utf8("a short one"), "backup", attached)
    for (let at = 0; at < short.length; at++)
      expect([at, (await opened(key, flip(short, at))).kind]).not.toEqual([at, "opened"])
    const long = await sealed(key, content(2 * pieceBytes + 100))
    for (let at = 0; at < long.length; at += 9973)
      expect([at, (await opened(key, flip(long, at))).kind]).not.toEqual([at, "opened"])
  })

  test("a cut is noticed, between two pieces by name", async () => {
    const stream = await sealed(key, content(2 * pieceBytes + 100))
    const afterFirst = headBytes + sealedPieceBytes
    for (const at of [headBytes, afterFirst, afterFirst + sealedPieceBytes])
      expect((await opened(key, stream.subarray(0, at))).kind).toBe("truncated")
    for (const at of [headBytes + 1, headBytes + 16, afterFirst - 1, afterFirst + 1, stream.length - 1])
      expect((await opened(key, stream.subarray(0, at))).kind).toBe("tampered")
    for (const at of [0, 1, headBytes - 1]) expect((await opened(key, stream.subarray(0, at))).kind).toBe("unknown_format")
    expect((await opened(key, Buffer.concat([stream, Buffer.alloc(1)]))).kind).toBe("tampered")
    expect((await opened(key, Buffer.concat([stream, stream]))).kind).toBe("tampered")
  })

  test("pieces that were exchanged, doubled, left out or brought from another stream are noticed", async () => {
    const stream = await sealed(key, content(3 * pieceBytes + 100))
    const other = await sealed(key, content(3 * pieceBytes + 100))
    const head = stream.subarray(0, headBytes)
    const [a, b, c, end] = [0, 1, 2, 3].map((n) =>
      stream.subarray(headBytes + n * sealedPieceBytes, headBytes + (n + 1) * sealedPieceBytes),
    ) as [Buffer, Buffer, Buffer, Buffer]
    const kindOf = async (...parts: Buffer[]) => (await opened(key, Buffer.concat(parts))).kind
    expect(await kindOf(head, a, b, c, end)).toBe("opened")
    for (const parts of [[b, a, c, end], [a, a, b, c, end], [a, c, end], [a, b, end], [end], [a, b, c, c], [b, c, end]])
      expect(await kindOf(head, ...parts)).toBe("tampered")
    expect(await kindOf(other.subarray(0, headBytes), a, b, c, end)).toBe("tampered")
    const foreign = other.subarray(headBytes, headBytes + sealedPieceBytes)
    expect(await kindOf(head, foreign, b, c, end)).toBe("tampered")
  })

  test("nothing that is not proven is handed over", async () => {
    const plain = content(2 * pieceBytes + 100)
    const stream = await sealed(key, plain)
    const answer = await opened(key, flip(stream, headBytes + sealedPieceBytes + 5))
    expect(answer.kind).toBe("tampered")
    expect(answer.plain.equals(plain.subarray(0, pieceBytes))).toBe(true)
  })

  test("it opens as what it was sealed for, with its own key", async () => {
    const stream = await sealed(key, utf8("whole gallery"))
    expect((await opened(key, stream, "index a@b/128")).kind).toBe("tampered")
    expect(await opened(createSealKey(suite), stream)).toMatchObject({ kind: "wrong_key", keyId: key.id })
    expect((await opened({ ...createSealKey(suite), id: key.id }, stream)).kind).toBe("tampered")
  })

  test("what is attached is read without a key", async () => {
    const stream = await sealed(key, utf8("x"), "backup", attached)
    expect(await readStreamHeader([stream])).toMatchObject({
      suite: suite.name,
      keyId: key.id,
      attached: Buffer.from(attached),
    })
    expect((await opened(key, stream)).plain.toString()).toBe("x")
    const endless = flip(stream, 42)
    endless[42] = 255
    expect(await readStreamHeader([endless])).toBeUndefined()
  })

  test("an empty piece at the end of a stream that is not empty is none of ours", async () => {
    // As somebody with the key would write it: the first piece not the last, then an empty one that is.
    const seal: typeof suite.seal = (pieceKey, nonce, aad, plain) =>
      Buffer.concat([
        suite.seal(pieceKey, Uint8Array.from(nonce.with(11, 0)), aad, plain),
        suite.seal(pieceKey, Uint8Array.from(nonce.with(10, 1)), aad, utf8("")),
      ])
    const odd = await sealed({ ...key, suite: { ...suite, seal } }, content(pieceBytes))
    expect((await opened(key, odd)).kind).toBe("tampered")
    expect((await opened(key, odd.subarray(0, -16))).kind).toBe("truncated")
  })

  test("files: private, whole, or not there", async () => {
    using folder = tempFolder()
    const [plain, file, back] = [folder.file("plain"), folder.file("sealed"), folder.file("back")]
    const bytes = content(5 * pieceBytes + 1)
    writeFileSync(plain, bytes)
    await sealFile(key, "backup", plain, file, attached)
    expect(statSync(file).mode & 0o777).toBe(0o600)
    expect(readFileSync(file).includes(bytes.subarray(0, 32))).toBe(false)
    expect(await readFileHeader(file)).toMatchObject({ keyId: key.id, attached: Buffer.from(attached) })
    expect(await openFile(key, "backup", file, back)).toEqual({ kind: "opened", bytes: bytes.length })
    expect(readFileSync(back).equals(bytes)).toBe(true)
    await expect(openFile(key, "backup", file, back)).rejects.toThrow("EEXIST")
    truncateSync(file, statSync(file).size - 20)
    expect((await openFile(key, "backup", file, folder.file("cut"))).kind).toBe("tampered")
    expect(existsSync(folder.file("cut"))).toBe(false)
    expect(await readFileHeader(plain)).toBeUndefined()
  })

  test("what lies in memory is sealed and opened at once, in the same format", async () => {
    for (const length of [0, 10, pieceBytes, 2 * pieceBytes, 2 * pieceBytes + 7]) {
      const plain = content(length)
      const whole = Buffer.concat([...sealPieces(key, "index", plain)])
      expect((await opened(key, whole, "index")).plain.equals(plain)).toBe(true)
      const back = openWhole(key, "index", await sealed(key, plain, "index", attached))
      expect(back.kind === "opened" && Buffer.from(back.plain).equals(plain)).toBe(true)
      for (let n = 0; n < 40; n++) {
        const changed = openWhole(key, "index", flip(whole, Math.floor(Math.random() * whole.length)))
        expect(changed.kind).not.toBe("opened")
      }
    }
    const whole = Buffer.concat([...sealPieces(key, "index", content(2 * pieceBytes + 7))])
    expect(openWhole(key, "index", whole.subarray(0, headBytes + sealedPieceBytes)).kind).toBe("truncated")
    expect(openWhole(key, "index", whole.subarray(0, headBytes)).kind).toBe("truncated")
    expect(openWhole(key, "backup", whole).kind).toBe("tampered")
    expect(openWhole(createSealKey(suite), "index", whole).kind).toBe("wrong_key")
    expect(openWhole(key, "index", content(50)).kind).toBe("unknown_format")
    expect(openWhole(key, "index", content(0)).kind).toBe("unknown_format")
  })

  test("a file is read here and there, and only what was written there", async () => {
    using folder = tempFolder()
    const file = folder.file("sealed")
    for (const length of [0, 10, pieceBytes, 2 * pieceBytes, 3 * pieceBytes + 7]) {
      const plain = content(length)
      writeFileSync(file, await sealed(key, plain, "spool", attached))
      const found = await openSealedFile(key, "spool", file)
      if (found.kind !== "opened") throw new Error(found.kind)
      await using sealedFile = found.file
      expect(sealedFile.bytes).toBe(length)
      for (const [at, bytes] of [
        [0, 5],
        [0, length],
        [pieceBytes - 3, 7],
        [length - 4, 100],
        [length, 1],
        [17, 2 * pieceBytes],
      ] as const)
        if (at >= 0) expect(Buffer.from(await sealedFile.read(at, bytes))).toEqual(plain.subarray(at, at + bytes))
    }
    const whole = readFileSync(file)
    expect((await openSealedFile(createSealKey(suite), "spool", file)).kind).toBe("wrong_key")
    expect((await openSealedFile(key, "backup", file)).kind).toBe("tampered")
    const start = headBytes + attached.length
    writeFileSync(file, whole.subarray(0, start + 2 * sealedPieceBytes))
    expect((await openSealedFile(key, "spool", file)).kind).toBe("truncated")
    writeFileSync(file, whole.subarray(0, start + 2 * sealedPieceBytes - 1))
    expect((await openSealedFile(key, "spool", file)).kind).toBe("tampered")
    writeFileSync(file, flip(whole, start + sealedPieceBytes + 9))
    const changed = await openSealedFile(key, "spool", file)
    if (changed.kind !== "opened") throw new Error(changed.kind)
    await using damaged = changed.file
    expect(Buffer.from(await damaged.read(0, 9))).toEqual(content(9))
    expect(damaged.read(pieceBytes, 9)).rejects.toThrow("was changed on the disk")
  })
})
