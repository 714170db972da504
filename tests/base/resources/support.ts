import { join } from "node:path"
import type { Embedded } from "../../../app/base/resources/embedded.ts"
import type { Result } from "../../../app/base/result.ts"
import type { TempFolder } from "../../support/shared.ts"

/** Three files of which one is large enough that unpacking takes some milliseconds. */
export async function embed(folder: TempFolder, id = "1.2.3-x64-0123456789abcdef"): Promise<Embedded> {
  const contents = { "node_modules/a/large.so": noise(6 * 1024 ** 2), "models/b.onnx": noise(100_000), "sets.json": noise(10) }
  const frames: Uint8Array[] = []
  const files: Embedded["files"][number][] = []
  let packedAt = 0
  for (const [path, bytes] of Object.entries(contents)) {
    const frame = Bun.zstdCompressSync(bytes, { level: 1 })
    const sha256 = new Bun.CryptoHasher("sha256").update(bytes).digest("hex")
    files.push({ path, bytes: bytes.length, sha256, packedAt, packedBytes: frame.length })
    frames.push(frame)
    packedAt += frame.length
  }
  const payload = folder.file("payload.zst")
  await Bun.write(payload, Buffer.concat(frames))
  const embedded: Embedded = { id, payload, files }
  await Bun.write(folder.file("embedded.json"), JSON.stringify(embedded))
  return embedded
}

/** Bytes that hardly compress, the same at each call. */
function noise(length: number): Uint8Array<ArrayBuffer> {
  const words = new Uint32Array(Math.ceil(length / 4))
  let state = 1
  for (let i = 0; i < words.length; i++) {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0
    words[i] = state
  }
  return new Uint8Array(words.buffer, 0, length)
}

export interface UnpackingProcess {
  readonly pid: number
  kill(): void
  /** `undefined` when it was killed. */
  readonly ended: Promise<Result<string> | undefined>
}

/** `unpack` in a process of its own, which can be killed and may run beside another one. */
export function startUnpacking(folder: TempFolder, cache: string, before: readonly string[] = []): UnpackingProcess {
  const script = join(import.meta.dir, "unpacking-process.ts")
  const child = Bun.spawn([...before, process.execPath, script, folder.file("embedded.json"), cache], { stdout: "pipe" })
  const ended = child.stdout.text().then((text): Result<string> | undefined => (text === "" ? undefined : JSON.parse(text)))
  return { pid: child.pid, kill: () => child.kill("SIGKILL"), ended }
}
