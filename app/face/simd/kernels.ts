import type { Planes } from "../pixels.ts"
import { kernelsWasm } from "./kernels-wasm.ts"

/** What `assembly/kernels.ts` exports. */
export interface Kernels {
  shrink(
    ...asked: [
      ...[pixels: number, rowBytes: number, rows: number, columns: number, factor: number],
      ...[planeBytes: number, sums: number, scaling: number, red: number, green: number, blue: number],
    ]
  ): void
  warp(
    ...asked: [
      ...[region: number, width: number, height: number, size: number, samples: number],
      ...[x: number, y: number, alongX: number, alongY: number],
      ...[scaling: number, red: number, green: number, blue: number],
    ]
  ): void
  warpUpright(
    ...asked: [
      ...[region: number, width: number, size: number, samples: number],
      ...[x: number, y: number, along: number, columns: number],
      ...[scaling: number, red: number, green: number, blue: number],
    ]
  ): void
}

/** The loops, and the memory they see: pixels are copied in, part by part, so that it stays small. */
export interface Bench {
  readonly kernels: Kernels
  readonly bytes: Buffer
  readonly floats: Float32Array
}

const pageBytes = 65_536

/** Enough for every part of a camera's picture. More, which a face of several megapixels takes, is given back afterwards. */
const usualBytes = 4 * 1024 * 1024

const module = new WebAssembly.Module(Buffer.from(kernelsWasm, "base64"))
let bench = openBench(usualBytes)

/** The bench that all share, with at least so much memory; what is in it holds until the next call. */
export function benchOf(bytes: number): Bench {
  const fits = bytes <= bench.bytes.length
  if (!fits || (bytes <= usualBytes && bench.bytes.length > usualBytes)) bench = openBench(Math.max(bytes, usualBytes))
  return bench
}

/** Room at the beginning of the bench for what `putScaling` writes. */
export const scalingBytes = 32

/**
 * Tells the loops, at address 0, how values go into planes.
 * @param share the loops give sums of values that weigh so much together
 */
export function putScaling({ floats }: Bench, { red, green, blue }: Planes, share: number): void {
  floats.set([red.factor / share, green.factor / share, blue.factor / share, 0, red.bias, green.bias, blue.bias, 0])
}

/** A bench of one's own. */
export function openBench(bytes: number): Bench {
  const memory = new WebAssembly.Memory({ initial: Math.ceil(bytes / pageBytes) })
  const { exports } = new WebAssembly.Instance(module, { env: { memory } })
  return {
    kernels: exports as unknown as Kernels,
    bytes: Buffer.from(memory.buffer),
    floats: new Float32Array(memory.buffer),
  }
}
