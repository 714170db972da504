import type { Command } from "commander"
import type { ForgottenBackups } from "../backup/forget.ts"
import type { Result } from "../base/result.ts"
import type { Config } from "../config/config.ts"
import type { Checksums } from "../enrolment/checksums.ts"
import type { Gallery } from "../gallery/gallery.ts"
import type { RuntimeComparison } from "../inference/engine/compare-runtimes.ts"
import type { ModelSet } from "../inference/manifest.ts"
import type { ModelListing } from "../inference/models.ts"
import type { EnginePool } from "../inference/pool.ts"
import type { ProbeAnswer, ProbeQuestion } from "../inference/providers/probe.ts"
import type { People } from "../people/people.ts"
import type { Bundles } from "../sync/bundle/bundles.ts"
import type { SiteReport } from "../sync/link/report.ts"
import type { Exposure } from "../vault/exposure.ts"
import type { Locked, Misconfigured } from "./outcome.ts"
import type { Terminal } from "./terminal.ts"

/** Running engines of one model set, without a data folder. At least one engine is ready. */
export interface Engines {
  readonly set: ModelSet
  readonly pool: EnginePool
  close(): Promise<void>
}

/** The gallery of a data folder, with the checksums of what its faces were made from, and what a thief of the disk could read. */
export type OpenedGallery = Gallery & {
  readonly checksums: Checksums
  readonly exposure: Exposure
  /** Sealed, and its backups would be lost with the master key. */
  readonly lacksRecoveryKey: boolean
  /** How the box gets on with its site; `undefined` when it belongs to none. */
  readonly site: () => Promise<SiteReport | undefined>
}

/** Who is known in a data folder, with everything else that is held of them. */
export type OpenedPeople = People

/** What a box of a site carries on sticks. */
export type OpenedBundles = Bundles & { close(): Promise<void> }

/** What `main.ts` hands the commands. Whatever is opened logs warnings and errors alone, for the result stands on standard output. */
export interface CliNeeds {
  /** Until the process is told to stop. */
  serve(config: Config): Promise<Result<void> | Locked | Misconfigured>
  openEngines(config: Config): Promise<Result<Engines> | Misconfigured>
  /** @param seals whether a folder that is to be sealed is sealed now; by itself yes */
  openGallery(config: Config, seals?: boolean): Promise<Result<OpenedGallery> | Locked>
  openPeople(config: Config): Promise<Result<OpenedPeople> | Locked>
  /** Fails on a box that belongs to no site. */
  openBundles(config: Config): Promise<Result<OpenedBundles> | Locked>
  forgetInBackups(dataFolder: string, shelfFolder: string): Promise<ForgottenBackups>
  /** What TensorRT has compiled, and that it crashed. */
  forgetCompiled(config: Config): Promise<Result<void>>
  /** The set that the configuration names, without engines. */
  locateSet(config: Config): Promise<Result<ModelSet>>
  listModels(config: Config): Promise<ModelListing>
  /** The new admin key; the old one is void from then on. */
  resetAdminKey(config: Config): Promise<Result<string>>
  /** One engine process, until its parent is gone. */
  runEngine(socketPath: string): Promise<void>
  /** Has a process of its own load a doubtful library. */
  probe(question: ProbeQuestion): Promise<ProbeAnswer>
  /** Loads a doubtful library into this process. */
  answerProbe(question: ProbeQuestion): Promise<ProbeAnswer>
  /** Loads two libraries into this process. */
  compareRuntimes(set: ModelSet, library: string, options: { readonly short?: boolean }): Promise<Result<RuntimeComparison>>
}

/** What every command gets. */
export interface CliContext {
  readonly needs: CliNeeds
  readonly terminal: Terminal
  /** The command line, without the program's own name. */
  readonly argv: readonly string[]
  /** Keeps the exit code of the command that ran. */
  exit(code: number): void
}

export type CreateCommand = (context: CliContext) => Command
