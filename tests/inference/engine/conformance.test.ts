import { describe, expect, test } from "bun:test"
import { join } from "node:path"
import { projectRoot } from "../../../app/base/paths.ts"
import {
  openRuntime,
  type Runtime,
  type RuntimeChoice,
  type Session,
  type SessionOptions,
} from "../../../app/inference/engine/runtime.ts"
import { type ElementType, elementArrays, type Tensor } from "../../../app/inference/engine/tensor.ts"
import { packagedLibrary } from "../../support/native/libraries.ts"
import { tempFolder } from "../../support/shared.ts"
import {
  floats,
  outsideNetwork,
  placesNetwork,
  row,
  sameNetwork,
  severalNetwork,
  smallNetwork,
  totalNetwork,
} from "./made-networks.ts"

/** What every way to ONNX Runtime has to do. The library of the second is that of the first, so both have to say the same, too. */
const choices: readonly RuntimeChoice[] = [{ adapter: "onnxruntime-node" }, { adapter: "ort-ffi", library: packagedLibrary }]

describe.each(choices)("$adapter", (choice) => {
  test("says what it is", async () => {
    const runtime = await open(choice)
    expect(runtime.name).toBe(choice.adapter)
    expect(runtime.version).toBe("1.27.0")
    expect(runtime.providers).toContain("CPUExecutionProvider")
  })

  test("pictures of any size and number, in any order", async () => {
    await using session = await openSession(choice, smallNetwork())
    for (const shape of [
      [1, 3, 8, 8],
      [2, 3, 5, 7],
      [1, 3, 8, 8],
      [3, 3, 1, 1],
      [2, 3, 5, 7],
      [1, 3, 33, 9],
    ]) {
      const [count, , height, width] = shape
      const { map, sum } = await session.run({ x: floats(shape) })
      expect(map?.shape).toEqual([count!, 8, height!, width!])
      expect(sum?.shape).toEqual([count!, 4])
      expect(sum!.data.every((value) => Number.isFinite(Number(value)))).toBe(true)
    }
  })

  test("a picture in a batch answers as it does alone", async () => {
    await using session = await openSession(choice, smallNetwork())
    const batch = floats([4, 3, 6, 6])
    const { sum: together } = await session.run({ x: batch })
    for (let index = 0; index < 4; index++) {
      const data = batch.data.subarray(index * 108, (index + 1) * 108)
      const { sum: alone } = await session.run({ x: { type: "float32", data, shape: [1, 3, 6, 6] } })
      for (const [place, value] of [...alone!.data].entries()) {
        expect(Number(together!.data[index * 4 + place])).toBeCloseTo(Number(value), 5)
      }
    }
  })

  test("several inputs and outputs go by their names", async () => {
    await using session = await openSession(choice, severalNetwork())
    expect(session.inputNames).toEqual(["a", "b"])
    expect(session.outputNames).toEqual(["difference", "product", "sum"])
    const [a, b] = [1, 10].map((factor) => rectangle([factor, 2 * factor, 3 * factor, 4 * factor]))
    for (const inputs of [
      { a: a!, b: b! },
      { b: b!, a: a! },
    ]) {
      const { difference, product, sum } = await session.run(inputs)
      expect([...difference!.data]).toEqual([-9, -18, -27, -36])
      expect([...product!.data]).toEqual([10, 40, 90, 160])
      expect([...sum!.data]).toEqual([11, 22, 33, 44])
    }
  })

  test.each(Object.keys(elementArrays) as ElementType[])("values of type %s come through whole", async (type) => {
    await using session = await openSession(choice, sameNetwork(type))
    const given = row(type, extremes[type])
    // The second run writes where the first one has shown how much there is.
    for (let again = 0; again < 2; again++) {
      const { y } = await session.run({ x: given })
      expect(y).toMatchObject({ type, shape: given.shape })
      // Bit for bit: the sign of a zero and what is no number count, too.
      expect(bytesOf(y!)).toEqual(bytesOf(given))
    }
  })

  test("as many values as there are: the sizes may depend on the values", async () => {
    await using session = await openSession(choice, placesNetwork())
    const cases = [
      [0, 1, 1, 0],
      [1, 0, 0, 0],
      [1, 1, 1, 1],
      [0, 0, 0, 0],
      [0, 0, 1, 1],
    ]
    for (const values of cases) {
      const { y } = await session.run({ x: row("float32", values) })
      const places = values.flatMap((value, index) => (value === 0 ? [] : [BigInt(index)]))
      expect(y?.shape).toEqual([1, places.length])
      expect([...y!.data]).toEqual(places)
    }
  })

  test("a tensor without sides is one value; one without values is none", async () => {
    await using session = await openSession(choice, totalNetwork())
    for (let again = 0; again < 2; again++) {
      const { y } = await session.run({ x: rectangle([1, 2, 3, 4]) })
      expect(y).toEqual({ type: "float32", data: Float32Array.of(10), shape: [] })
    }
    await using same = await openSession(choice, sameNetwork("int64"))
    expect((await same.run({ x: row("int64", []) })).y).toEqual(row("int64", []))
    expect((await same.run({ x: row("int64", []) })).y).toEqual(row("int64", []))
  })

  test("inputs are only read, from wherever they begin; outputs belong to whoever asked", async () => {
    const session = await openSession(choice, severalNetwork())
    const buffer = Float32Array.from({ length: 12 }, (_, index) => index)
    const [a, b] = [buffer.subarray(1, 5), buffer.subarray(5, 9)]
    const inputs = { a: { type: "float32", data: a, shape: [1, 4] }, b: { type: "float32", data: b, shape: [1, 4] } } as const
    const first = await session.run(inputs)
    const second = await session.run(inputs)
    const third = await session.run(inputs)
    second.sum!.data.fill(0 as never)
    buffer.fill(99)
    await session.run(inputs)
    await session.close()
    Bun.gc(true)
    for (const answer of [first, third]) expect([...answer.sum!.data]).toEqual([6, 8, 10, 12])
  })

  test("what is no network is refused in the runtime's words", async () => {
    const runtime = await open(choice)
    const unreadable = "Failed to load model because protobuf parsing failed."
    const network = severalNetwork()
    expect(await refusal(runtime, Buffer.from("no network"))).toBe(unreadable)
    expect(await refusal(runtime, network.slice(0, network.length - 7))).toBe(unreadable)
    expect(await refusal(runtime, new Uint8Array(0))).toBe("No graph was found in the protobuf.")
    const unknown = Buffer.from(Buffer.from(network).toString("latin1").replaceAll("Mul", "Mux"), "latin1")
    expect(await refusal(runtime, unknown)).toContain("No Op registered for Mux with domain_version of 13")
  })

  test("weights outside the file are refused, even where they could be read", async () => {
    using folder = tempFolder()
    await Bun.write(folder.file("weights.bin"), new Float32Array(4))
    for (const location of ["weights.bin", folder.file("weights.bin"), "/etc/passwd"]) {
      expect(await refusal(await open(choice), outsideNetwork(location))).toBe(
        "the network points to a file outside itself, whose bytes nobody checked",
      )
    }
  })

  test("inputs that do not fit are refused in the same words, and the next one is answered", async () => {
    await using session = await openSession(choice, severalNetwork())
    const good = rectangle([1, 2, 3, 4])
    const told = (inputs: Record<string, Tensor>) => session.run(inputs).then(() => "answered", wordsOf)
    expect(await told({ a: good })).toBe("input b is missing; the network takes a, b")
    expect(await told({ a: good, b: good, c: good })).toBe("the network has no input c; it takes a, b")
    expect(await told({ a: good, b: { ...good, shape: [2, 4] } })).toBe("input b holds 4 values, and its shape [2, 4] says 8")
    expect(await told({ a: good, b: { type: "float32", data: good.data, shape: [4] } })).toBe(
      "Invalid rank for input: b Got: 1 Expected: 2 Please fix either the inputs/outputs or the model.",
    )
    expect(await told({ a: good, b: { type: "float32", data: good.data, shape: [2, 2] } })).toBe(
      "Got invalid dimensions for input: b for the following indices\n index: 1 Got: 2 Expected: 4\n Please fix either the inputs/outputs or the model.",
    )
    expect(await told({ a: good, b: { type: "int32", data: new Int32Array(4), shape: [1, 4] } })).toBe(
      "Unexpected input data type. Actual: (tensor(int32)) , expected: (tensor(float))",
    )
    // Sizes that fit each input and not each other are found when it runs.
    expect(await told({ a: rectangle([1, 2, 3, 4, 5, 6, 7, 8]), b: rectangle(new Array(12).fill(1)) })).toContain(
      "Non-zero status code returned while running",
    )
    expect(await told({ a: good, b: good })).toBe("answered")
  })

  test("a closed network answers no more, and may be closed again", async () => {
    const session = await openSession(choice, severalNetwork())
    await session.close()
    await session.close()
    const good = rectangle([1, 2, 3, 4])
    expect(await session.run({ a: good, b: good }).catch(wordsOf)).toBe("the network is closed")
  })

  test("two networks side by side do not mix", async () => {
    await using several = await openSession(choice, severalNetwork())
    await using total = await openSession(choice, totalNetwork())
    const good = rectangle([1, 2, 3, 4])
    const answers = await Promise.all(
      Array.from({ length: 40 }, (_, index) =>
        index % 2 === 0
          ? several.run({ a: good, b: good }).then(({ sum }) => sum!)
          : total.run({ x: good }).then(({ y }) => y!),
      ),
    )
    for (const [index, { data }] of answers.entries()) expect([...data]).toEqual(index % 2 === 0 ? [2, 4, 6, 8] : [10])
  })

  test("as many threads as were asked for", async () => {
    expect(await inChild("threads", choice)).toEqual({ before: 0, one: 0, four: 3, closed: 0 })
  })

  test("opened, run and closed a thousand times, the process is as large as it was", async () => {
    const { grownBytes, cycles } = (await inChild("cycles", choice)) as { grownBytes: number; cycles: number }
    expect(cycles).toBe(1000)
    // A leak of one small network would be 30 MB, one of its outputs 16 MB.
    expect(grownBytes).toBeLessThan(8 * 1024 * 1024)
  }, 180_000)

  test("runs of ever new sizes leave no memory behind", async () => {
    const { grownBytes } = (await inChild("sizes", choice)) as { grownBytes: number }
    expect(grownBytes).toBeLessThan(24 * 1024 * 1024)
  }, 180_000)
})

test("a home folder stays empty when the box's library is used, and nothing is sent", async () => {
  using home = tempFolder()
  const answer = await inChild("quiet", { adapter: "ort-ffi", library: packagedLibrary }, home.path)
  // Nobody gave it the variable: whoever loads a library sees to that.
  expect(answer).toEqual({ sum: [2, 4, 6, 8], moreSockets: 0, variable: "1" })
  expect([...new Bun.Glob("**/*").scanSync({ cwd: home.path, dot: true })]).toEqual([])
})

const extremes: Record<ElementType, readonly (number | bigint)[]> = {
  float32: [0, -0, 1.5, 3.4028234663852886e38, Number.NEGATIVE_INFINITY, Number.NaN],
  float64: [0, Math.PI, Number.MAX_VALUE, Number.MIN_VALUE, Number.NaN],
  int8: [-128, 127, 0],
  uint8: [0, 255, 7],
  int16: [-32768, 32767],
  uint16: [0, 65535],
  int32: [-2147483648, 2147483647],
  uint32: [0, 4294967295],
  int64: [-(2n ** 63n), 2n ** 63n - 1n, 0n],
  uint64: [0n, 2n ** 64n - 1n],
  bool: [0, 1, 1, 0],
}

/** Four values a row. */
function rectangle(values: readonly number[]): Extract<Tensor, { type: "float32" }> {
  return { type: "float32", data: Float32Array.from(values), shape: [values.length / 4, 4] }
}

function bytesOf({ data }: Tensor): Buffer {
  return Buffer.from(data.buffer, data.byteOffset, data.byteLength)
}

async function open(choice: RuntimeChoice): Promise<Runtime> {
  const opened = await openRuntime(choice)
  if (opened.kind === "refused") throw new Error(opened.why)
  return opened.runtime
}

async function openSession(
  choice: RuntimeChoice,
  bytes: Uint8Array,
  options: SessionOptions = { threads: 1 },
): Promise<Session & AsyncDisposable> {
  const session = await (await open(choice)).openSession(bytes, options)
  return { ...session, [Symbol.asyncDispose]: () => session.close() }
}

async function refusal(runtime: Runtime, bytes: Uint8Array): Promise<string> {
  return runtime.openSession(bytes, { threads: 1 }).then(() => "opened", wordsOf)
}

function wordsOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error)
}

/** What `conformance-process.ts` found in a process of its own. */
async function inChild(what: string, choice: RuntimeChoice, home = "/nonexistent"): Promise<unknown> {
  const child = Bun.spawn([process.execPath, join(import.meta.dir, "conformance-process.ts"), what, JSON.stringify(choice)], {
    cwd: projectRoot,
    env: {
      PATH: process.env.PATH ?? "",
      HOME: home,
      TMPDIR: home,
      MALLOC_ARENA_MAX: "2",
      BUN_RUNTIME_TRANSPILER_CACHE_PATH: "0",
    },
    stderr: "inherit",
  })
  const answer: unknown = JSON.parse(await new Response(child.stdout).text())
  expect(await child.exited).toBe(0)
  return answer
}
