import type { Result } from "../../base/result.ts"
import type { HubKeeping, Stream } from "../hub.ts"
import type { LeaseStore } from "../nats/lease.ts"

/** A hub with a line to it that may break and come back. */
export interface LinkHub extends HubKeeping {
  /** Who is the janitor. */
  readonly lease: LeaseStore
  /** `undefined` while there is no line. */
  server(): { readonly address: string; readonly version: string } | undefined
  /** How often there was a line. After each break the hub may be another one, or know less. */
  generation(): number
  /** Tells of each message as the hub stores it, until the line breaks or it is closed. */
  listen(heard: (news: News) => void): Promise<Result<Listening>>
  /** The same hub for somebody who reads beside the one that holds this: a pass over everything does not disturb the rounds. */
  apart(): LinkHub
  close(): Promise<void>
}

/** Something was written to the hub, by this box or by another one. */
export interface News {
  readonly stream: Stream
  readonly sequence: number
}

export interface Listening {
  /** Whether the hub still tells: it says so of itself now and then. */
  isHeard(): boolean
  close(): Promise<void>
}
