import { expect, test } from "bun:test"
import { writeFileSync } from "node:fs"
import { selfCommand } from "../../app/base/self.ts"
import type { BoardReport } from "../../app/cli/doctor/board.ts"
import type { Finding } from "../../app/cli/doctor/finding.ts"
import { buildStandIn, type StandIn, type StandInSettings } from "../support/native/libraries.ts"
import { type TempFolder, tempFolder } from "../support/shared.ts"

/** The whole program on a machine that has a stand-in for TensorRT. */

interface Machine extends Disposable {
  readonly folder: TempFolder
  readonly standIn: StandIn
  gatehouse(...args: string[]): Promise<{ readonly code: number; readonly out: string; readonly err: string }>
}

function machine(settings: StandInSettings, inference: object = {}): Machine {
  const folder = tempFolder()
  const standIn = buildStandIn(folder.path, { providers: "TensorrtExecutionProvider", ...settings })
  const config = {
    dataFolder: folder.file("data"),
    http: { port: 0 },
    inference: {
      modelSet: "default",
      engines: 1,
      ortLibrary: standIn.library,
      tensorrt: { cacheFolder: folder.file("compiled") },
      ...inference,
    },
  }
  writeFileSync(folder.file("config.jsonc"), JSON.stringify(config))
  const env = {
    ...process.env,
    GATEHOUSE_CONFIG: folder.file("config.jsonc"),
    GATEHOUSE_LOG: "fatal",
    GATEHOUSE_PROFILE: "default",
  }
  return {
    folder,
    standIn,
    async gatehouse(...args) {
      const child = Bun.spawn([...selfCommand(), ...args], { env, stdin: "ignore", stdout: "pipe", stderr: "pipe" })
      const [out, err, code] = await Promise.all([child.stdout.text(), child.stderr.text(), child.exited])
      return { code, out, err }
    },
    [Symbol.dispose]: () => folder[Symbol.dispose](),
  }
}

test("warm compiles ahead and says what it does; the doctor tells of each model where it runs", async () => {
  using board = machine({})
  const first = await board.gatehouse("warm")
  expect(first.code).toBe(0)
  expect(first.out).toContain("detector ultraface 1: requested tensorrt, active tensorrt, nodes tensorrt ")
  expect(first.out).toContain("cache built")
  const second = await board.gatehouse("warm", "--json")
  const told = JSON.parse(second.out) as { ready: boolean; models: { placement: { cache: string } }[] }
  expect([told.ready, ...told.models.map(({ placement }) => placement.cache)]).toEqual([true, "hit", "hit", "hit", "hit"])

  const { out } = await board.gatehouse("doctor")
  expect(
    out.match(
      /runs on {2,}.* requested tensorrt, active tensorrt, .* 1\.\d+\.\d+, cache hit, load \d+ ms, first run \d+ ms, known answer 1\.0000/g,
    ),
  ).toHaveLength(4)
  expect(out).toContain("boxes 1.000")
  expect(out).toMatch(/accelerator {2,}serving/)

  // What the machine lost since is said with its fix.
  board.standIn.tell({
    providers: "TensorrtExecutionProvider",
    refuse_tensorrt: "libnvinfer.so.10: cannot open shared object file",
  })
  const after = await board.gatehouse("doctor", "--full", "--json")
  const report = JSON.parse(after.out) as { findings: Finding[]; board: BoardReport }
  expect(report.findings.find(({ text }) => text.startsWith("tensorrt is not used"))).toMatchObject({
    level: "warn",
    subject: "accelerator",
    text: expect.stringContaining("libnvinfer.so.10"),
    remedy: expect.stringContaining("install the TensorRT and CUDA that this library was built for"),
  })
  const { system, libraries, speed } = report.board
  expect(Object.keys(system)).toEqual(expect.arrayContaining(["kernel", "cpu", "cores"]))
  expect(libraries).toMatchObject([
    {
      path: board.standIn.library,
      answers: { library: { kind: "ok" }, tensorrt: { kind: "refused", remedy: expect.any(String) } },
    },
  ])
  expect(speed).toMatchObject([{ kind: "measured", provider: "cpu", pictures: 30, models: expect.any(Array) }])
}, 120_000)

test("a network whose compilation crashes is left alone after the third time, until somebody asks for it again", async () => {
  using board = machine({ build: "crash" }, { provider: "tensorrt" })
  for (let count = 0; count < 3; count++) {
    const crashed = await board.gatehouse("warm", "--json")
    expect(crashed.code).toBe(1)
    expect(JSON.parse(crashed.out)).toMatchObject({ ready: false, refusals: [{ provider: "tensorrt" }] })
  }
  board.standIn.tell({ providers: "TensorrtExecutionProvider" })
  const refused = await board.gatehouse("warm")
  expect(refused.out).toContain("ended its process 3 times in a row; the processor serves")
  const again = await board.gatehouse("warm", "--again")
  expect(again.code).toBe(0)
  expect(again.out).not.toContain("in a row")
  expect(again.out).toContain("detector ultraface 1: requested tensorrt, active tensorrt")
}, 120_000)

test.each([
  ["the library cannot load it", { refuse_tensorrt: "libnvinfer.so.10: cannot open shared object file" }, "libnvinfer.so.10"],
  ["it answers wrongly", { fault: "wrong", runs_before_fault: 0 }, "computes wrongly"],
  [
    "one of its models answers wrongly",
    { fault: "wrong", runs_before_fault: 1, faults: 1 },
    "answers differently from the processor",
  ],
  ["the library has only CUDA", { providers: "CUDAExecutionProvider" }, "was built without tensorrt"],
] as const)(
  "a box that requires TensorRT does not start without it: %s",
  async (_, settings, why) => {
    using board = machine(settings, { require: "tensorrt" })
    const served = await board.gatehouse("serve")
    expect([served.code, served.err]).toEqual([
      78,
      expect.stringContaining("inference.require is tensorrt, and it cannot be had"),
    ])
    expect(served.err).toContain(why)
  },
  120_000,
)

test("nor does any other command that needs engines", async () => {
  using board = machine({ refuse_tensorrt: "libnvinfer.so.10: cannot open shared object file" }, { require: "tensorrt" })
  const identified = await board.gatehouse("identify", "no-such.jpg")
  expect([identified.code, identified.err]).toEqual([78, expect.stringContaining("libnvinfer.so.10")])
}, 120_000)
