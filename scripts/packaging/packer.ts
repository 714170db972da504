import type { Result } from "../../app/base/result.ts"
import type { Target } from "../build/targets.ts"
import type { Release } from "./contents.ts"

/** One package to be made. */
export interface Order {
  readonly target: Target
  readonly release: Release
  /** Of the program, such as `0.1.0`. */
  readonly version: string
  /** Of the packaging: a package of the same program that is made again counts it up. */
  readonly revision: number
  /** Seconds since 1970: the age of everything inside. */
  readonly epochSeconds: number
  /** Packed loosely or not at all, to try things out: in seconds instead of minutes. */
  readonly quick: boolean
  /** Where the package goes. */
  readonly out: string
  /** An empty folder for one target, with room for the program some times.. */
  readonly scratch: string
}

/** Makes a package and tells its path. */
export type Packer = (order: Order) => Promise<Result<string>>
