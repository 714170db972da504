/**
 * A hub of three NATS servers, each of which is killed (SIGKILL) and halted (SIGSTOP) while somebody writes: nothing acknowledged is
 * lost, and writing goes on. Then, whether a record that the janitor removed is left in the files of any of them.
 *
 *   bun scripts/faults/hub.ts [--rounds 1]          # with the server of GATEHOUSE_NATS_SERVER, or the one on the PATH
 */

import { mkdtemp, rm } from "node:fs/promises"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { jetstreamManager } from "@nats-io/jetstream"
import { connect } from "@nats-io/transport-node"
import { z } from "zod"
import type { NatsHub } from "../../app/sync/nats/hub.ts"
import { filesWith } from "../../tests/sync/nats/residue.ts"
import { hubOptions, natsVersion, openHub, startCluster, type TestServer } from "../../tests/sync/nats/server.ts"
import { entity } from "../../tests/sync/support.ts"
import { count, optionsOrExit, readOptions } from "../bench/support/options.ts"
import { createLedger, lostOf } from "./hub/ledger.ts"
import { check, conclude } from "./support/verdict.ts"

const schema = z.strictObject({ rounds: count.default(1) })
const options = optionsOrExit(readOptions(Bun.argv.slice(2), { rounds: { type: "string" } }, schema), "hub [--rounds 1]")

const downMs = 12_000
const gapMsAim = 5000
/** Two elections, and the box's own time for an answer. */
const leaderGapMsMax = 20_000
const victims = ["leader", "connected", "other"] as const

interface Episode {
  readonly victim: string
  readonly signal: "SIGKILL" | "SIGSTOP"
  readonly gapMs: number
}

const folder = await mkdtemp(join(tmpdir(), "gatehouse-hub-"))
const servers = await startCluster(folder)
try {
  const hub = await openHub({ ...hubOptions(...servers), replicas: 3 })
  const ledger = createLedger(hub)
  const episodes: Episode[] = []
  for (let round = 0; round < options.rounds; round++)
    for (const signal of ["SIGKILL", "SIGSTOP"] as const)
      for (const victim of victims) {
        await Bun.sleep(2000)
        const server = await choose(victim, hub)
        ledger.takeGapMs()
        await server.kill(signal)
        await Bun.sleep(downMs)
        const gapMs = ledger.takeGapMs()
        episodes.push({ victim, signal, gapMs })
        console.log(`${signal} of the ${victim}: ${(gapMs / 1000).toFixed(1)} s without an acknowledgement`)
        if (signal === "SIGKILL") await server.start()
        else await server.kill("SIGCONT")
        await untilAllCurrent()
      }
  await ledger.stop()
  const lost = await lostOf(hub, ledger.acknowledged)
  for (const [why, times] of ledger.errors) console.log(`${times} × ${why}`)
  const residue = await removeOne(hub)
  const gaps = (kind: readonly string[]) => episodes.filter(({ victim }) => kind.includes(victim)).map(({ gapMs }) => gapMs)
  const secondsOf = (list: readonly number[]) => `${list.map((ms) => (ms / 1000).toFixed(1)).join(", ")} s (n ${list.length})`
  await conclude(`a hub of three: nats-server ${natsVersion()}`, [
    check(
      "nothing acknowledged is lost",
      `${lost.length} of ${ledger.acknowledged.size} in ${episodes.length} faults`,
      lost.length === 0,
    ),
    check(
      "writing goes on within 5 s: another server fails",
      secondsOf(gaps(["other"])),
      Math.max(...gaps(["other"])) < gapMsAim,
    ),
    check(
      `… the box's server fails, or the one that leads the stream (others wait 4 to 9 s before they choose a new leader)`,
      secondsOf(gaps(["connected", "leader"])),
      Math.max(...gaps(["connected", "leader"])) < leaderGapMsMax,
    ),
    check("a removed record is in no stream's file", residue.streams, residue.streams.startsWith("gone")),
    check("… nor in the log by which the servers agree", residue.logs, residue.logs.startsWith("gone")),
  ])
  await hub.close()
} finally {
  for (const server of servers) await server[Symbol.asyncDispose]()
  await rm(folder, { recursive: true, force: true })
}

async function choose(victim: (typeof victims)[number], hub: NatsHub): Promise<TestServer> {
  const leader = Number((await streamInfo())?.leader?.replace("hub-", "")) - 1
  const connected = servers.findIndex(({ address }) => address === hub.server()?.address)
  const index =
    victim === "leader"
      ? leader
      : victim === "connected"
        ? connected
        : servers.findIndex((_, i) => i !== leader && i !== connected)
  const server = servers[index]
  if (server === undefined) throw new Error(`the hub names no ${victim}: leader ${leader}, connected ${connected}`)
  return server
}

/** Who leads the records, and who follows how closely. */
async function streamInfo() {
  const connection = await connect({ servers: servers.map(({ address }) => address), timeout: 2000 })
  try {
    return (await (await jetstreamManager(connection, { timeout: 2000 })).streams.info("g-gate")).cluster
  } finally {
    await connection.close()
  }
}

async function untilAllCurrent(): Promise<void> {
  for (let tries = 0; tries < 120; tries++) {
    const cluster = await streamInfo().catch((error: unknown) => (tries < 100 ? undefined : Promise.reject(error)))
    if (
      cluster?.leader !== undefined &&
      cluster.replicas?.length === 2 &&
      cluster.replicas.every(({ current, offline }) => current && !offline)
    )
      return
    await Bun.sleep(500)
  }
  throw new Error("the servers did not find together again in 60 s")
}

/** Overwrites a record, removes the old one as the janitor does, and looks for it in all files. */
async function removeOne(hub: NatsHub) {
  const key = entity(1e9, 1)
  const bytes = crypto.getRandomValues(new Uint8Array(700))
  const first = await hub.write("records", key, bytes, 0)
  if (first.kind !== "written") throw new Error(`the hub does not write: ${JSON.stringify(first)}`)
  const trace = bytes.slice(100, 164)
  const found = () => Promise.all(servers.map(({ store }) => filesWith(store, trace, "none", 1)))
  await Bun.sleep(2000)
  const before = (await found()).flat().length
  if (before === 0) throw new Error("the record is in no file before it is removed: the search finds nothing")
  const written = await hub.write("records", key, new Uint8Array(700), first.sequence)
  const removed = await hub.remove("records", { key, bytes, sequence: first.sequence })
  if (written.kind !== "written" || removed.kind !== "removed") throw new Error("the record could not be removed")
  const startMs = Date.now()
  const told = { streams: "", logs: "" }
  for (let left = 1; left > 0 && Date.now() - startMs < 150_000; await Bun.sleep(1000)) {
    const seconds = Math.round((Date.now() - startMs) / 1000)
    const where = (await found()).flat()
    left = where.length
    const said = (kept: readonly string[]) =>
      kept.length === 0 ? `gone after ${seconds} s (was in ${before} files)` : `in ${kept.length} files after ${seconds} s`
    if (!told.streams.startsWith("gone")) told.streams = said(where.filter((path) => !path.includes("_js_")))
    if (!told.logs.startsWith("gone")) told.logs = said(where.filter((path) => path.includes("_js_")))
  }
  return told
}
