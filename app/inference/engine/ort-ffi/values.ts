import { type Pointer, toArrayBuffer } from "bun:ffi"
import { elementArrays, elementNames, isElementType, refusedOutput, type Tensor, valuesIn } from "../tensor.ts"
import type { Library } from "./library.ts"
import { pointerIn, pointerSlots } from "./memory.ts"

/** Nothing is read of a tensor without values, and the library wants an address all the same. */
const noValues = new Uint8Array(new ArrayBuffer(8))

export interface Values {
  /**
   * An OrtValue over the array of a tensor, which must live and stay unread until the value is released.
   * @param slot where its pointer is written
   */
  wrap(tensor: Tensor, slot: BigUint64Array): void
  /** The tensor in an OrtValue that the library made, copied out. Throws when it is none, or of a type we do not know. */
  copy(name: string, value: Pointer): Tensor
}

/** Turns our tensors into the library's and back. */
export function createValues({ call, must, take }: Library): Values {
  // OrtDeviceAllocator, OrtMemTypeDefault. Belongs to the process.
  const memoryInfo = take((out) => call.CreateCpuMemoryInfo(0, 0, out))
  const flag = new Int32Array(new ArrayBuffer(4))
  const address = pointerSlots(1)
  const count = pointerSlots(1)
  let sides = new BigInt64Array(new ArrayBuffer(8 * 8))

  /** At least so many sides of a tensor fit. */
  function reserveSides(rank: number): void {
    if (rank > sides.length) sides = new BigInt64Array(new ArrayBuffer(rank * 8))
  }

  function readTypeAndShape(value: Pointer): { readonly type: string; readonly shape: number[] } {
    const info = take((out) => call.GetTensorTypeAndShape(value, out))
    try {
      must(call.GetTensorElementType(info, flag))
      must(call.GetDimensionsCount(info, count))
      const rank = Number(count[0])
      reserveSides(rank)
      must(call.GetDimensions(info, sides, rank))
      const type = elementNames[flag[0]!] ?? `number ${flag[0]}`
      return { type, shape: Array.from(sides.subarray(0, rank), Number) }
    } finally {
      call.ReleaseTensorTypeAndShapeInfo(info)
    }
  }

  return {
    wrap({ type, data, shape }, slot) {
      reserveSides(shape.length)
      for (const [index, side] of shape.entries()) sides[index] = BigInt(side)
      const place = data.length === 0 ? noValues : data
      const number = elementNames.indexOf(type)
      must(call.CreateTensorWithDataAsOrtValue(memoryInfo, place, data.byteLength, sides, shape.length, number, slot))
    },

    copy(name, value) {
      must(call.IsTensor(value, flag))
      if (flag[0] === 0) throw refusedOutput(name, "no tensor")
      const { type, shape } = readTypeAndShape(value)
      if (!isElementType(type)) throw refusedOutput(name, type)
      const data = new elementArrays[type](valuesIn(shape))
      if (data.length > 0) {
        must(call.GetTensorMutableData(value, address))
        new Uint8Array(data.buffer).set(new Uint8Array(toArrayBuffer(pointerIn(address)!, 0, data.byteLength)))
      }
      return { type, data, shape } as Tensor
    },
  }
}
