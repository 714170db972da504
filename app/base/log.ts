import pino from "pino"

export type Log = pino.Logger

/** Log lines never hold a name, a vector or a picture: ids and figures only. The level comes from `GATEHOUSE_LOG`. */
export function createLog(level = process.env.GATEHOUSE_LOG ?? "info"): Log {
  return pino(
    { level, base: null, timestamp: pino.stdTimeFunctions.isoTime, formatters: { level: (label) => ({ level: label }) } },
    pino.destination({ fd: 2, sync: true }),
  )
}

/** For tests and for commands that print a result of their own. */
export const silentLog: Log = pino({ level: "silent" })
