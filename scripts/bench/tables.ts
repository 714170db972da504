/**
 * The tables of docs/performance.md, in Markdown, from results of `recognise` and `peers`.
 *
 *   bun scripts/bench/tables.ts .cache/bench/recognise.json .cache/bench/peers.json [--language zh]
 */
import { parseArgs } from "node:util"
import { z } from "zod"
import { type PeerDetails, peerDetailsSchema } from "./peers/details.ts"
import { type SetDetails, setDetailsSchema } from "./recognise/details.ts"
import { machineLine } from "./support/machine.ts"
import { readResult } from "./support/results.ts"
import { median } from "./support/statistics.ts"

const words = {
  en: {
    sets: ["set", "server p50 / p99", "floor p50 / p99", "server / floor", "rewritten floor p50", "server / that", "n"],
    throughput: ["set", "one engine", "two engines", "two / one", "p50 / p99 with six clients", "memory: parent + engines"],
    stages: ["better set, p50 in ms", "server", "floor", "rewritten"],
    peers: ["", "a picture", "a face", "p99", "n", "four clients", "p50 / p99", "n", "memory"],
    pictures: ["median in ms"],
    faces: "faces",
    whole: "whole",
  },
  zh: {
    sets: ["模型组", "服务器 p50 / p99", "下限 p50 / p99", "服务器 / 下限", "改写后下限 p50", "服务器 / 改写后下限", "n"],
    throughput: ["模型组", "一个引擎", "两个引擎", "两个 / 一个", "六个客户端时 p50 / p99", "内存：父进程 + 引擎"],
    stages: ["better，p50，毫秒", "服务器", "下限", "改写后"],
    peers: ["", "每张图", "每张脸", "p99", "n", "四个客户端", "p50 / p99", "n", "内存"],
    pictures: ["中位数，毫秒"],
    faces: "张脸",
    whole: "合计",
  },
} as const

const { values, positionals } = parseArgs({
  options: { language: { type: "string", default: "en" } },
  allowPositionals: true,
})
const said = words[z.enum(["en", "zh"]).parse(values.language)]

for (const path of positionals) {
  const read = await readResult(path)
  if (read.kind === "failed") throw new Error(read.why)
  const { kind, machine, details } = read.value
  console.log(`\n${machineLine(machine)}\n`)
  if (kind === "recognise") recogniseTables(z.array(setDetailsSchema).parse(details))
  else if (kind === "peers") peerTables(z.array(peerDetailsSchema).parse(details))
  else throw new Error(`${path}: there is no table for ${kind}; it has a page of its own`)
}

function recogniseTables(sets: readonly SetDetails[]): void {
  const ms = (value: number) => value.toFixed(1)
  table(
    said.sets,
    sets.map(({ set, latency: { serverMs, floorMs, ratio, rewrittenMs, ratioToRewritten } }) => [
      set,
      `${ms(serverMs.p50)} / ${ms(serverMs.p99)} ms`,
      `${ms(floorMs.p50)} / ${ms(floorMs.p99)} ms`,
      ratio.toFixed(2),
      `${ms(rewrittenMs.p50)} ms`,
      ratioToRewritten.toFixed(2),
      String(serverMs.n),
    ]),
  )
  table(
    said.throughput,
    sets.map(({ set, throughput, saturatedMs, memory: { two } }) => [
      set,
      `${median(throughput.one).toFixed(1)} / s`,
      `${median(throughput.two).toFixed(1)} / s`,
      throughput.scaling.toFixed(2),
      `${saturatedMs.p50.toFixed(0)} / ${saturatedMs.p99.toFixed(0)} ms`,
      `${two.parentMB.toFixed(0)} + ${two.enginesMB.toFixed(0)} MB`,
    ]),
  )
  const better = sets.find(({ set }) => set === "better")
  if (better === undefined) return
  const { stages, serverMs, floorMs, rewrittenMs } = better.latency
  const cell = (value: number | undefined) => value?.toFixed(2) ?? "–"
  table(said.stages, [
    ...stages.map(({ stage, serverP50Ms, floorP50Ms, rewrittenP50Ms }) => [
      stage,
      ...[serverP50Ms, floorP50Ms, rewrittenP50Ms].map(cell),
    ]),
    [said.whole, ...[serverMs.p50, floorMs.p50, rewrittenMs.p50].map(cell)],
  ])
}

function peerTables(peers: readonly PeerDetails[]): void {
  table(
    said.peers,
    peers.map(({ peer, perPictureMs, perFaceMs, oneClientMs, fourClientsPerSecond, fourClientsMs, megabytes }) => [
      peer,
      `${perPictureMs.toFixed(0)} ms`,
      `${perFaceMs.toFixed(1)} ms`,
      `${oneClientMs.p99.toFixed(0)} ms`,
      String(oneClientMs.n),
      `${median(fourClientsPerSecond).toFixed(1)} / s`,
      `${fourClientsMs.p50.toFixed(0)} / ${fourClientsMs.p99.toFixed(0)} ms`,
      String(fourClientsMs.n),
      `${megabytes.toFixed(0)} MB`,
    ]),
  )
  const pictures = peers[0]?.pictures ?? []
  table(
    [...said.pictures, ...pictures.map(({ picture, faces }) => `${picture} (${faces} ${said.faces})`)],
    peers.map(({ peer, pictures }) => [peer, ...pictures.map(({ ms }) => median(ms).toFixed(0))]),
  )
}

function table(head: readonly string[], rows: readonly (readonly string[])[]): void {
  const line = (cells: readonly string[]) => `| ${cells.join(" | ")} |`
  console.log([line(head), line(head.map(() => "---")), ...rows.map(line), ""].join("\n"))
}
