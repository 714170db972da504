/** Plots as SVG text: lines over time, and stacked columns. Colours come from the page's custom properties. */

export interface Series {
  readonly name: string
  /** A CSS colour. */
  readonly colour: string
  /** In the order of x. */
  readonly points: readonly { readonly x: number; readonly y: number }[]
}

export interface Axes {
  readonly title: string
  readonly xUnit: string
  readonly yUnit: string
  /** From 0 to here. */
  readonly xMax: number
}

const width = 860
const height = 250
const margin = { left: 64, right: 16, top: 16, bottom: 34 }
const plotWidth = width - margin.left - margin.right
const plotHeight = height - margin.top - margin.bottom

export function lineChart(axes: Axes, series: readonly Series[]): string {
  const yMax = niceMax(Math.max(0, ...series.flatMap(({ points }) => points.map(({ y }) => y))))
  const drawn = series.map(({ colour, points }) => {
    const path = points.map(({ x, y }) => `${toX(x, axes.xMax)},${toY(y, yMax)}`).join(" ")
    return `<polyline points="${path}" fill="none" stroke="${colour}" stroke-width="1.75" stroke-linejoin="round"/>`
  })
  return figure(axes, yMax, drawn, series)
}

/** Columns one x unit wide; the first series stands at the bottom. All series have the same x. */
export function columnChart(axes: Axes, series: readonly Series[]): string {
  const below = new Map<number, number>()
  const tops = series.flatMap(({ points }) => points.map(({ x, y }) => raise(below, x, y)))
  const yMax = niceMax(Math.max(0, ...tops))
  below.clear()
  const columnWidth = Math.max(0.5, plotWidth / axes.xMax - (plotWidth / axes.xMax > 4 ? 1 : 0))
  const drawn = series.map(({ colour, points }) => {
    const columns = points.map(({ x, y }) => {
      const top = raise(below, x, y)
      const columnHeight = ((y / yMax) * plotHeight).toFixed(1)
      return `<rect x="${toX(x, axes.xMax)}" y="${toY(top, yMax)}" width="${columnWidth.toFixed(2)}" height="${columnHeight}"/>`
    })
    return `<g fill="${colour}">${columns.join("")}</g>`
  })
  return figure(axes, yMax, drawn, series)
}

function raise(below: Map<number, number>, x: number, y: number): number {
  const top = (below.get(x) ?? 0) + y
  below.set(x, top)
  return top
}

function figure(
  { title, xUnit, yUnit, xMax }: Axes,
  yMax: number,
  drawn: readonly string[],
  series: readonly Series[],
): string {
  const yTicks = [0, 0.25, 0.5, 0.75, 1].map((share) => {
    const y = toY(yMax * share, yMax)
    return `<line x1="${margin.left}" x2="${width - margin.right}" y1="${y}" y2="${y}" class="grid"/><text x="${margin.left - 8}" y="${y}" class="tick" text-anchor="end" dominant-baseline="middle">${label(yMax * share)}</text>`
  })
  const xTicks = [0, 0.25, 0.5, 0.75, 1].map(
    (share) =>
      `<text x="${toX(xMax * share, xMax)}" y="${height - margin.bottom + 18}" class="tick" text-anchor="middle">${label(xMax * share)}</text>`,
  )
  const legend = series.map(({ name, colour }) => `<span><i style="background:${colour}"></i>${escapeHtml(name)}</span>`)
  return `<figure><figcaption>${escapeHtml(title)} <small>${escapeHtml(yUnit)} over ${escapeHtml(xUnit)}</small></figcaption>
<svg viewBox="0 0 ${width} ${height}" role="img" aria-label="${escapeHtml(title)}">${yTicks.join("")}${xTicks.join("")}${drawn.join("")}</svg>
<div class="legend">${legend.join("")}</div></figure>`
}

function toX(x: number, xMax: number): string {
  return (margin.left + (x / xMax) * plotWidth).toFixed(1)
}

function toY(y: number, yMax: number): string {
  return (margin.top + plotHeight - (y / yMax) * plotHeight).toFixed(1)
}

/** The next of 1, 2, 4, 6, 8, 10 × a power of ten: quarters of it are short numbers. */
function niceMax(value: number): number {
  if (value <= 0) return 1
  const power = 10 ** Math.floor(Math.log10(value))
  return ([1, 2, 4, 6, 8, 10].find((step) => step * power >= value) ?? 10) * power
}

function label(value: number): string {
  return Number(value.toPrecision(3)).toLocaleString("en-GB")
}

export function escapeHtml(text: string): string {
  const named: Record<string, string> = { "&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;" }
  return text.replace(/[&<>"]/g, (character) => named[character] ?? character)
}
