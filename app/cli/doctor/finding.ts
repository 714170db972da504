/** One line of the doctor's report. */
export interface Finding {
  readonly level: "ok" | "warn" | "fail"
  readonly subject: string
  readonly text: string
  /** What to do about it; never with `ok`. */
  readonly remedy?: string
}

export function ok(subject: string, text: string): Finding {
  return { level: "ok", subject, text }
}

export function warn(subject: string, text: string, remedy: string): Finding {
  return { level: "warn", subject, text, remedy }
}

export function fail(subject: string, text: string, remedy: string): Finding {
  return { level: "fail", subject, text, remedy }
}

export function formatFindings(findings: readonly Finding[]): string {
  const width = Math.max(...findings.map((finding) => finding.subject.length))
  return findings
    .map(({ level, subject, text, remedy }) => {
      const line = `${level.padEnd(4)}  ${subject.padEnd(width)}  ${text}`
      return remedy === undefined ? line : `${line}\n${" ".repeat(width + 8)}→ ${remedy}`
    })
    .join("\n")
}
