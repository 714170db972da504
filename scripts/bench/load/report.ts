import { machineLine } from "../support/machine.ts"
import type { BenchResult } from "../support/results.ts"
import type { Summary } from "../support/statistics.ts"
import { columnChart, escapeHtml, lineChart, type Series } from "./chart.ts"
import type { LoadDetails } from "./summary.ts"

/** A page of its own: no script, nothing from outside. */
export function loadReport(result: BenchResult, details: LoadDetails): string {
  const { ratePerSecond, seconds } = details
  const heading = `${ratePerSecond.toFixed(1)} requests a second for ${seconds} s`
  return `<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width"><title>Load: ${heading}</title>
<style>${style}</style></head><body><main>
<h1>${heading}</h1>
<p class="machine">${escapeHtml(machineLine(result.machine))}<br>${escapeHtml(result.startedAt)}</p>
${headline(details)}
${latencyChart(details)}
${statusChart(details)}
${memoryCharts(details)}
<h2>Latency from the moment a request was due, ms</h2>
${latencyTable(details)}
<h2>Answers</h2>
${statusTable(details)}
<h2>Options</h2>
<pre>${escapeHtml(JSON.stringify(result.options, null, 1))}</pre>
</main></body></html>
`
}

function headline({ acceptedMs, unloaded, capacity, timeline, normalAfterMs, seconds, memory }: LoadDetails): string {
  const sent = timeline.reduce((sum, second) => sum + second.sent, 0)
  const tiles: [string, string, string][] = [
    ["accepted", `${(acceptedMs.n / seconds).toFixed(1)} / s`, `${acceptedMs.n} of ${sent}`],
    ["p99 of accepted", `${acceptedMs.p99.toFixed(0)} ms`, `p50 ${acceptedMs.p50.toFixed(0)} ms`],
  ]
  if (unloaded !== undefined)
    tiles.push(["p99 unloaded", `${unloaded.latencyMs.p99.toFixed(0)} ms`, `p50 ${unloaded.latencyMs.p50.toFixed(0)} ms`])
  if (capacity !== undefined) tiles.push(["capacity", `${capacity.perSecond.toFixed(1)} / s`, `${capacity.clients} clients`])
  if (normalAfterMs !== undefined)
    tiles.push(["normal again after", `${(normalAfterMs / 1000).toFixed(1)} s`, "20 quick answers"])
  if (memory !== undefined)
    tiles.push(["memory, most", `${memory.maxMB.toFixed(0)} MB`, `${memory.slopeMBPerMinute.toFixed(2)} MB / min`])
  const cells = tiles.map(([name, value, note]) => `<div><small>${name}</small><b>${value}</b><small>${note}</small></div>`)
  return `<section class="tiles">${cells.join("")}</section>`
}

function latencyChart({ timeline, unloaded, seconds }: LoadDetails): string {
  const answered = timeline.filter(({ acceptedP50Ms }) => acceptedP50Ms > 0)
  const series: Series[] = [
    {
      name: "p99",
      colour: "var(--strong)",
      points: answered.map(({ second, acceptedP99Ms }) => ({ x: second, y: acceptedP99Ms })),
    },
    {
      name: "p50",
      colour: "var(--calm)",
      points: answered.map(({ second, acceptedP50Ms }) => ({ x: second, y: acceptedP50Ms })),
    },
  ]
  if (unloaded !== undefined) {
    const y = unloaded.latencyMs.p99
    const level = [0, seconds].map((x) => ({ x, y }))
    series.push({ name: "p99 unloaded", colour: "var(--muted)", points: level })
  }
  return lineChart({ title: "Latency of accepted requests", xUnit: "seconds", yUnit: "ms", xMax: seconds }, series)
}

const statusColours = ["var(--calm)", "var(--strong)", "var(--third)", "var(--fourth)", "var(--muted)"]

function statusChart({ timeline, statuses, seconds }: LoadDetails): string {
  const names = Object.keys(statuses).sort()
  const series = names.map(
    (name, index): Series => ({
      name,
      colour: statusColours[Math.min(index, statusColours.length - 1)]!,
      points: timeline.map(({ second, statuses: counts }) => ({ x: second, y: counts[name] ?? 0 })),
    }),
  )
  return columnChart({ title: "Answers by status", xUnit: "seconds", yUnit: "requests due in a second", xMax: seconds }, series)
}

function memoryCharts({ samples }: LoadDetails): string {
  const last = samples.at(-1)
  if (last === undefined) return "<p>The box does not run on this machine: its memory was not watched.</p>"
  const xMax = Math.max(1, Math.ceil(last.atMs / 1000))
  const points = (read: (sample: (typeof samples)[number]) => number) =>
    samples.map((sample) => ({ x: sample.atMs / 1000, y: read(sample) }))
  const memory = lineChart({ title: "Resident memory", xUnit: "seconds", yUnit: "MB", xMax }, [
    { name: "engines together", colour: "var(--strong)", points: points(({ enginesMB }) => enginesMB) },
    { name: "parent", colour: "var(--calm)", points: points(({ parentMB }) => parentMB) },
  ])
  const descriptors = lineChart({ title: "Open file descriptors", xUnit: "seconds", yUnit: "descriptors", xMax }, [
    { name: "parent", colour: "var(--calm)", points: points(({ parentDescriptors }) => parentDescriptors) },
    { name: "engines together", colour: "var(--strong)", points: points(({ engineDescriptors }) => engineDescriptors) },
  ])
  return memory + descriptors
}

function latencyTable({ acceptedMs, refusedMs, byOperation, senderLateMs, unloaded }: LoadDetails): string {
  const rows: [string, Summary][] = [["accepted, all", acceptedMs]]
  for (const [operation, one] of Object.entries(byOperation)) rows.push([`accepted, ${operation}`, one.acceptedMs])
  rows.push(["refused", refusedMs])
  if (unloaded !== undefined) rows.push(["unloaded: one client, before", unloaded.latencyMs])
  rows.push(["lateness of the sender itself", senderLateMs])
  const cells = rows.map(
    ([name, { n, mean, p50, p90, p99, max }]) =>
      `<tr><th>${escapeHtml(name)}</th><td>${n}</td>${[mean, p50, p90, p99, max].map((ms) => `<td>${ms.toFixed(1)}</td>`).join("")}</tr>`,
  )
  return `<table><tr><th></th><th>n</th><th>mean</th><th>p50</th><th>p90</th><th>p99</th><th>max</th></tr>${cells.join("")}</table>`
}

function statusTable({ statuses, byOperation }: LoadDetails): string {
  const operations = Object.entries(byOperation)
  const head = operations.map(([name]) => `<th>${escapeHtml(name)}</th>`).join("")
  const rows = Object.entries(statuses).map(([status, count]) => {
    const cells = operations.map(([, one]) => `<td>${one.statuses[status] ?? 0}</td>`).join("")
    return `<tr><th>${escapeHtml(status)}</th><td>${count}</td>${cells}</tr>`
  })
  return `<table><tr><th></th><th>all</th>${head}</tr>${rows.join("")}</table>`
}

const style = `
:root { color-scheme: light dark; --ink: #1d2530; --paper: #fbfbf9; --line: #dcdfe3; --muted: #8a93a0; --calm: #2f6f9f; --strong: #c2572b; --third: #b8952b; --fourth: #7d5a9c }
@media (prefers-color-scheme: dark) { :root { --ink: #e4e7eb; --paper: #15191e; --line: #333a43; --muted: #8d97a5; --calm: #6aaede; --strong: #ec8556; --third: #dcba57; --fourth: #b391d3 } }
body { margin: 0; background: var(--paper); color: var(--ink); font: 15px/1.5 system-ui, sans-serif }
main { max-width: 900px; margin: 0 auto; padding: 32px 20px }
h1 { font-size: 26px; margin: 0 0 4px } h2 { font-size: 17px; margin: 32px 0 8px }
.machine, small, figcaption small { color: var(--muted); font-size: 13px; font-weight: normal }
.tiles { display: flex; flex-wrap: wrap; gap: 12px 36px; margin: 24px 0 } .tiles div { display: grid } .tiles b { font-size: 22px; font-variant-numeric: tabular-nums }
figure { margin: 28px 0 } figcaption { font-weight: 600 } svg { width: 100%; height: auto; display: block }
.grid { stroke: var(--line) } .tick { fill: var(--muted); font-size: 12px }
.legend { display: flex; flex-wrap: wrap; gap: 4px 20px; font-size: 13px } .legend i { display: inline-block; width: 12px; height: 12px; border-radius: 3px; margin-right: 6px; vertical-align: -1px }
table { border-collapse: collapse; font-variant-numeric: tabular-nums; font-size: 14px } th, td { padding: 4px 14px 4px 0; text-align: right; border-bottom: 1px solid var(--line) } th:first-child { text-align: left; font-weight: 500 }
pre { font-size: 12px; overflow: auto; color: var(--muted) }
`
