import { z } from "zod"
import { type accelerators, machineVersions } from "./plan.ts"

/** Asking a doubtful library in a process of its own, which may crash or hang for it. */

export interface ProbeQuestion {
  readonly library: string
  /** Also whether this one works. */
  readonly provider: (typeof accelerators)[number] | undefined
  readonly deviceId: number
}

export const probeAnswer = z.discriminatedUnion("kind", [
  z.strictObject({
    kind: z.literal("ok"),
    /** By ONNX Runtime's names: compiled in, which is not to say that they work. */
    providers: z.array(z.string()),
    versions: machineVersions,
  }),
  z.strictObject({ kind: z.literal("refused"), why: z.string(), remedy: z.string() }),
])
export type ProbeAnswer = z.output<typeof probeAnswer>

/** A cold Jetson takes seconds to load CUDA; what takes longer than this hangs. */
const probeMsMax = 10_000

/** After its end what a process has said is there at once. */
const lateOutputMsMax = 1000
/** An answer is a few hundred; a library may print without end. */
const outputCharsMax = 1024 * 1024

/**
 * Starts `command … probe` and waits for its one line. Never rejects.
 * @param env of the child: what native code is to see
 * @param signal ends it early; the answer is a refusal then
 */
export async function probe(
  command: readonly string[],
  { library, provider, deviceId }: ProbeQuestion,
  env: Readonly<Record<string, string>>,
  signal: AbortSignal,
  limitMs: number = probeMsMax,
): Promise<ProbeAnswer> {
  const what = provider === undefined ? library : `${provider} of ${library}`
  const interrupted = { kind: "refused", why: `${what} was not looked at to the end`, remedy: "try again" } as const
  // Bun throws at a start that is given up already: the box was stopped between two questions.
  if (signal.aborted) return interrupted
  const of = provider === undefined ? [] : ["--provider", provider, "--device", String(deviceId)]
  const child = Bun.spawn([...command, "probe", library, ...of], {
    env,
    stdin: "ignore",
    stdout: "pipe",
    stderr: "pipe",
    signal: AbortSignal.any([signal, AbortSignal.timeout(limitMs)]),
    killSignal: "SIGKILL",
  })
  const outputs = [child.stdout, child.stderr].map(listen)
  await child.exited
  // A process that the library left behind may hold its outputs open for good.
  await Promise.race([Promise.all(outputs.map(({ ended }) => ended)), Bun.sleep(lateOutputMsMax)])
  const [out = "", said = ""] = outputs.map(({ close }) => close())
  const answer = lastLine(out)
  if (answer !== undefined) return answer
  if (signal.aborted) return interrupted
  // What the library itself said, which comes before the double line above Bun's own report of the crash.
  const words = said
    .split(/^={10,}$/m)[0]
    ?.split("\n")
    .findLast((line) => line.trim() !== "")
  const told = words === undefined ? "" : ` (${words.trim().slice(0, 300)})`
  if (child.signalCode === "SIGKILL")
    return {
      kind: "refused",
      why: `${what} did not answer within ${limitMs / 1000} s`,
      remedy:
        "see whether the accelerator's driver hangs (dmesg), and restart the machine; inference.ortLibrary names another library",
    }
  return {
    kind: "refused",
    why: `${what} crashed the process that tried it: ${child.signalCode ?? `exit code ${child.exitCode}`}${told}`,
    remedy: "install a build of ONNX Runtime for this machine's software; inference.ortLibrary names another library",
  }
}

/** What a stream says, or the last of it. */
function listen(stream: ReadableStream<Uint8Array>) {
  const reader = stream.getReader()
  const decoder = new TextDecoder()
  let text = ""
  async function readAll(): Promise<void> {
    for (let part = await reader.read(); !part.done; part = await reader.read())
      text = (text + decoder.decode(part.value, { stream: true })).slice(-outputCharsMax)
  }
  return {
    ended: readAll(),
    close() {
      void reader.cancel()
      return text
    },
  }
}

/** Libraries print what they like on the same output: only a line that is an answer counts. */
function lastLine(out: string): ProbeAnswer | undefined {
  for (const line of out.trim().split("\n").reverse()) {
    if (!line.startsWith('{"kind":')) continue
    const parsed = probeAnswer.safeParse(parseJson(line))
    if (parsed.success) return parsed.data
  }
  return undefined
}

function parseJson(line: string): unknown {
  try {
    return JSON.parse(line)
  } catch {
    // Somebody else's line.
    return undefined
  }
}
