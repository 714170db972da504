import { nowTickMs } from "../base/ticks.ts"
import type { InferenceOptions } from "./options.ts"
import type { EngineAnswer, EngineProcess, GivenPicture } from "./process.ts"

type Failure = Extract<EngineAnswer, { kind: "failed" }>

/** Where pictures meet before they go to an engine on an accelerator: those that wait go together. */
export interface Gatherer {
  hasRoom(): boolean
  readonly isWorking: boolean
  /** Pictures that went to the engine. */
  readonly runs: number
  /** When its last run ended, or since when it has waited for the first. */
  readonly idleSinceTickMs: number
  /** The caller has made sure that there is room. */
  submit(given: GivenPicture): Promise<EngineAnswer>
  /** Asks the known questions, if there is nothing else to do. */
  verify(): Promise<void>
  /** Nobody goes to the engine any more; who was gathered is told. */
  dismiss(): void
}

export interface GathererEvents {
  /** A run, of however many pictures, came to nothing. Told before those who gave them. */
  failed(failure: Failure): void
  /** There is room again. */
  freed(): void
}

export function createGatherer(
  engine: Pick<EngineProcess, "analyzeTogether" | "verify">,
  { batchSizeMax, batchWaitMs }: Pick<InferenceOptions, "batchSizeMax" | "batchWaitMs">,
  events: GathererEvents,
): Gatherer {
  /** In the order in which they came; at most `batchSizeMax`. */
  const gathered: { readonly given: GivenPicture; readonly settle: (answer: EngineAnswer) => void }[] = []
  let isWorking = false
  let dismissed = false
  let runs = 0
  let idleSinceTickMs = nowTickMs()

  async function run(): Promise<void> {
    if (isWorking || gathered.length === 0) return
    const together = gathered.splice(0)
    runs += together.length
    const answers = await work(() => Promise.all(engine.analyzeTogether(together.map(({ given }) => given))))
    const failure = answers.find((answer) => answer.kind === "failed")
    if (failure !== undefined && !dismissed) events.failed(failure)
    for (const [index, { settle }] of together.entries()) settle(answers[index]!)
    if (!dismissed) events.freed()
  }

  async function work<Answer>(ask: () => Promise<Answer>): Promise<Answer> {
    isWorking = true
    const answer = await ask()
    isWorking = false
    idleSinceTickMs = nowTickMs()
    return answer
  }

  return {
    hasRoom: () => !isWorking && gathered.length < batchSizeMax,
    get isWorking() {
      return isWorking
    },
    get runs() {
      return runs
    },
    get idleSinceTickMs() {
      return idleSinceTickMs
    },

    submit: (given) =>
      new Promise((settle) => {
        gathered.push({ given, settle })
        if (gathered.length === batchSizeMax) void run()
        else if (gathered.length > 1) return
        // Whoever waits already comes in this very turn of the event loop.
        else if (batchWaitMs === 0) queueMicrotask(() => void run())
        else setTimeout(() => void run(), batchWaitMs)
      }),

    verify: async () => {
      if (isWorking || gathered.length > 0) return
      const answer = await work(() => engine.verify())
      if (answer.kind === "failed" && !dismissed) events.failed(answer)
      if (!dismissed) events.freed()
    },

    dismiss: () => {
      dismissed = true
      for (const { settle } of gathered.splice(0)) settle({ kind: "lost", why: "the accelerator was given up" })
    },
  }
}
