import cliProgress from "cli-progress"

/** Where a command writes: results to `out`, everything about the way there to `err`. */
export interface Terminal {
  out(text: string): void
  err(text: string): void
  /** Whether somebody watches `err`: progress bars are for people alone. */
  readonly watched: boolean
}

export const processTerminal: Terminal = {
  out: (text) => void process.stdout.write(`${text}\n`),
  err: (text) => void process.stderr.write(`${text}\n`),
  watched: process.stderr.isTTY === true,
}

export interface Progress extends Disposable {
  step(): void
}

/** A bar on standard error while the work lasts: `using bar = startProgress(…)`. */
export function startProgress(terminal: Terminal, label: string, total: number): Progress {
  if (!terminal.watched || total === 0) return { step: () => {}, [Symbol.dispose]: () => {} }
  const bar = new cliProgress.SingleBar(
    { format: `${label} [{bar}] {value}/{total}, {eta_formatted} left`, hideCursor: true, clearOnComplete: true },
    cliProgress.Presets.shades_classic,
  )
  bar.start(total, 0)
  return { step: () => bar.increment(), [Symbol.dispose]: () => bar.stop() }
}

export type Cell = string | number

/** Columns as wide as their content; numbers stand right. Wide characters count as two, as terminals draw them. */
export function formatTable(head: readonly string[], rows: readonly (readonly Cell[])[]): string {
  const widths = head.map((title, column) => Math.max(...[title, ...rows.map((row) => row[column] ?? "")].map(widthOf)))
  const line = (cells: readonly Cell[]) =>
    widths
      .map((width, column) => pad(cells[column] ?? "", width))
      .join("  ")
      .trimEnd()
  return [line(head), widths.map((width) => "─".repeat(width)).join("  "), ...rows.map(line)].join("\n")
}

function pad(cell: Cell, width: number): string {
  const space = " ".repeat(Math.max(0, width - widthOf(cell)))
  return typeof cell === "number" ? space + cell : cell + space
}

function widthOf(cell: Cell): number {
  return Bun.stringWidth(String(cell))
}

export function percent(share: number, digits = 2): string {
  return `${(share * 100).toFixed(digits)} %`
}

export function counted(count: number, noun: string, plural = `${noun}s`): string {
  return `${count} ${count === 1 ? noun : plural}`
}
