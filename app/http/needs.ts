import type { Claim } from "../access/claim.ts"
import type { Creates } from "../access/creates.ts"
import type { Keys } from "../access/keys.ts"
import type { Backups } from "../backup/schedule.ts"
import type { Log } from "../base/log.ts"
import type { MachineState } from "../base/machine/machine.ts"
import type { Metrics } from "../base/metrics.ts"
import type { Tracer } from "../base/trace.ts"
import type { Enrolments } from "../enrolment/enrolments.ts"
import type { Live } from "../events/live.ts"
import type { SightingsOptions } from "../events/options.ts"
import type { Workshop } from "../events/pictures/workshop.ts"
import type { Sightings } from "../events/sighting.ts"
import type { Gallery } from "../gallery/gallery.ts"
import type { Thresholds } from "../gallery/match.ts"
import type { EnginePool } from "../inference/pool.ts"
import type { People } from "../people/people.ts"
import type { Judge } from "../pipeline/judge.ts"
import type { ServedModels } from "../pipeline/models.ts"
import type { RecognitionOptions } from "../pipeline/options.ts"
import type { RecognizeNeeds } from "../pipeline/recognize.ts"
import type { Reembedding } from "../pipeline/reembedding.ts"
import type { Refinements } from "../pipeline/refine.ts"
import type { Bundles } from "../sync/bundle/bundles.ts"
import type { SyncPort } from "../sync/link/report.ts"
import type { Vault } from "../vault/vault.ts"
import type { HttpOptions } from "./options.ts"
import type { RefinedAnswer } from "./sighting-answers.ts"

/** What `main.ts` hands to the HTTP door. */
export interface HttpNeeds {
  readonly pool: Pick<EnginePool, "analyze" | "status">
  readonly gallery: Gallery
  readonly sightings: Sightings
  readonly live: Live<RefinedAnswer>
  /** Draws on snapshots. */
  readonly workshop: Workshop
  readonly sightingOptions: SightingsOptions
  /** The full looks after quick answers. */
  readonly refinements: Pick<Refinements, "reserve">
  readonly backups: Pick<Backups, "list" | "status" | "begin">
  readonly keys: Pick<Keys, "verify">
  readonly claim: Pick<Claim, "isAwaited" | "claim">
  /** Where HTTPS is answered: `undefined` when it is not. Known once the doors are open. */
  readonly securePort: () => number | undefined
  readonly creates: Creates
  readonly vault: Pick<Vault, "isSealed" | "suite" | "exposure">
  readonly enrolments: Enrolments
  readonly people: Pick<People, "export" | "erase" | "erasures" | "erasure" | "rearrangements">
  /** What the engines serve; every embedding of theirs lives in `models.space`. */
  readonly models: ServedModels
  /** For one picture against another. */
  readonly thresholds: Thresholds
  /** For a face against the gallery. */
  readonly reembedding: Pick<Reembedding, "status" | "begin" | "flip" | "end">
  readonly judge: Judge
  readonly recognition: RecognitionOptions
  readonly http: Omit<HttpOptions, "host" | "port" | "drainMs" | "tls">
  /** The box's site; `undefined` while it belongs to none. */
  readonly sync: () => SyncPort | undefined
  /** Its records on sticks; `undefined` while it belongs to none. Loaded when it is asked for. */
  readonly bundles: () => Promise<Bundles | undefined>
  readonly metrics: Metrics
  readonly tracer: Tracer
  /** The machine below: looked at when asked. */
  machine(): Promise<MachineState>
  /** Why the settings are as they are. */
  readonly profile: {
    readonly name: string
    readonly chosenBy: "detection" | "file" | "environment" | "option"
    readonly reason: string
  }
  readonly log: Log
}

/** What recognition takes of all that. */
export function recognizing({ pool, gallery, models, judge, metrics }: HttpNeeds): RecognizeNeeds {
  return { analyze: pool.analyze, search: gallery.search, space: models.space, judge, metrics }
}
