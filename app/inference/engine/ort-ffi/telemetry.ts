import { dlopen } from "bun:ffi"
import { assert } from "../../../base/assert.ts"
import { cString } from "./memory.ts"

/** What ONNX Runtime looks at from 1.29 on: it has telemetry of its vendor since then. */
const variable = "ORT_DISABLE_TELEMETRY"

let off = false

/**
 * Before the first library is loaded, whoever loads it: 1.30 leaves a device id and a database of events in the home folder of a
 * process that has not this in its environment, whatever is called afterwards. Engines are started with it; a command of the console
 * is not, and what JavaScript writes into `process.env` native code does not see.
 */
export function switchTelemetryOff(): void {
  if (off) return
  const { symbols } = dlopen("libc.so.6", { setenv: { args: ["ptr", "ptr", "i32"], returns: "i32" } })
  assert(symbols.setenv(cString(variable), cString("1"), 1) === 0, "there is memory for a variable")
  off = true
}
