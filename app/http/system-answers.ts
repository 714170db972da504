import { z } from "zod"
import { acceleratorStates } from "../inference/accelerator-status.ts"
import { providerNames, providerRefusal } from "../inference/providers/plan.ts"
import { loadedModelSchema, preparationStages, runtimeSchema } from "../inference/wire.ts"
import { answerSchemas, decidedBy, list, models } from "./answers.ts"

/** What the box says of itself. */

export const aliveAnswer = z.strictObject({ status: z.literal("alive") }).register(answerSchemas, { id: "Alive" })

export const readyAnswer = z
  .strictObject({ status: z.enum(["ready", "degraded"]), reasons: list(z.string()) })
  .register(answerSchemas, { id: "Ready" })

const durations = z
  .strictObject({ count: z.int(), p50Ms: z.number(), p95Ms: z.number(), maxMs: z.number() })
  .register(answerSchemas, { id: "Durations", description: "Of the newest 512; `count` is all since the start." })
const durationsBy = z.record(z.string(), durations)
const countsBy = z.record(z.string(), z.int())

const accelerator = z
  .strictObject({
    state: z
      .enum(acceleratorStates)
      .describe(
        "absent: none works here. looking: libraries are probed. preparing: an engine gets ready while the processor serves. resting: given up, and tried again when the box has nothing to do",
      ),
    active: z.enum(providerNames).describe("what answers pictures now"),
    sinceMs: z.number(),
    preparation: z
      .strictObject({
        provider: z.enum(providerNames),
        stage: z.enum(preparationStages).describe("compile can take minutes, once"),
        model: z.string(),
        sinceMs: z.number(),
      })
      .optional(),
    rest: z
      .strictObject({ why: z.string(), retryAtMs: z.number() })
      .optional()
      .describe("why it was given up, and when it is tried again at the earliest"),
    recentErrors: z.int().describe("runs that failed in the last minute; three of them are too many"),
    refusals: list(providerRefusal).describe("why something better is not used, and what to do about it"),
  })
  .register(answerSchemas, { id: "Accelerator" })

const machine = z
  .strictObject({
    hostname: z.string(),
    mdns: z.strictObject({
      name: z.string(),
      announced: z.boolean().describe("whether a daemon of the machine makes the name known to its network"),
    }),
    timeZone: z.string().describe("by the tz database"),
    clock: z
      .strictObject({
        state: z.enum(["synchronised", "unsynchronised", "unknown"]),
        keeper: z.enum(["systemd-timesyncd", "chrony", "ntpd"]).optional(),
        errorMsMax: z.number().optional().describe("as its keeper reckons"),
      })
      .describe("whether the wall clock is in step with the world's"),
  })
  .register(answerSchemas, { id: "Machine" })

export const systemAnswer = z
  .strictObject({
    version: z.string(),
    bun: z.string(),
    startedAtMs: z.int(),
    uptimeS: z.number(),
    state: z.enum(["starting", "ready", "degraded", "down"]),
    reasons: list(z.string()),
    modelSet: z.string(),
    models,
    loadedModels: list(loadedModelSchema),
    runtime: runtimeSchema.optional().describe("absent until the first engine is ready"),
    engines: list(
      z.strictObject({
        pid: z.int(),
        provider: z.enum(providerNames).describe("what its networks run on"),
        state: z.string(),
        busyForMs: z.number(),
        residentBytes: z.number(),
        runs: z.int(),
        cpus: z.string().optional().describe("processors it may run on, as the kernel says"),
      }),
    ),
    placement: z
      .strictObject({
        affinity: z.enum(["none", "cores", "numa"]),
        cpus: z.string().describe("processors this box may use, as the kernel writes lists: 0-3,8"),
        cores: z.int(),
        numaNodes: z.int(),
        notes: list(z.string()).describe("what is otherwise than wished for, and why"),
      })
      .describe("where engines run"),
    accelerator: accelerator.optional().describe("absent where the box was told to use the processor alone"),
    engineRestarts: z.int(),
    queue: z.strictObject({ waiting: z.int(), waitingMax: z.int() }),
    sealing: z
      .strictObject({
        sealed: z.boolean(),
        suite: z.enum(["aes", "gm"]).optional(),
        by: z.string().optional().describe("the libraries at work"),
        level: z.enum(["ok", "warn"]).describe("warn: one theft is enough"),
        text: z.string().describe("what somebody reads who takes the disk of the data"),
        remedy: z.string().optional(),
      })
      .describe("whether the data folder is sealed"),
    gallery: z.strictObject({
      subjects: z.int(),
      faces: z.int(),
      spaces: list(z.strictObject({ space: z.string(), faces: z.int() })),
    }),
    index: list(
      z.strictObject({ space: z.string(), faces: z.int(), state: z.string(), progress: z.number(), variant: z.string() }),
    ),
    thresholds: decidedBy.describe("for a face against the whole gallery, at no particular camera"),
    pairThresholds: z.strictObject({ match: z.number(), uncertain: z.number() }).describe("for one picture against another"),
    memory: z.strictObject({ residentBytes: z.number(), enginesBytes: z.number() }),
    durations: z
      .strictObject({
        requests: durationsBy.describe("by method, route and status"),
        stages: durationsBy,
        queue: durationsBy.describe("waiting for an engine, by priority"),
        runs: durationsBy.describe("in an engine's hands, by outcome"),
        engineStarts: durationsBy,
        commits: durationsBy,
        eventLoopLag: durationsBy,
      })
      .describe("what took how long, each by what it names; empty until it happened"),
    counts: z
      .strictObject({
        faces: countsBy.describe("by decision"),
        refused: countsBy.describe("work that was not done, by reason"),
        degraded: countsBy,
        engineRestarts: countsBy.describe("by reason"),
        engineScaling: countsBy,
        cache: countsBy,
        sightingsPruned: countsBy,
        spans: countsBy.describe("spans for the trace collector"),
      })
      .describe("since the start"),
    sightings: z.strictObject({
      stored: z.int(),
      bytes: z.int(),
      recorded: z.int().describe("since the start"),
      listeners: z.int(),
      lostEvents: z.int().describe("since the start"),
    }),
    cacheEntries: z.int(),
    requestsInFlight: z.int(),
    telemetry: z.strictObject({ exporting: z.boolean() }),
    machine: machine.describe("the machine below"),
    profile: z
      .strictObject({
        name: z.string(),
        chosenBy: z.enum(["detection", "file", "environment", "option"]),
        reason: z.string(),
      })
      .describe("settings for a kind of machine, between the defaults and the owner's"),
  })
  .register(answerSchemas, { id: "System" })
