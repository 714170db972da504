import type { Config } from "../../config/config.ts"

/**
 * The settings of a box for somebody else's eyes. Left out are keys, and what may stand in an address beside the machine; names of
 * cameras and groups are the choice of whoever runs the box, and may be somebody's: they are numbered.
 */
export function settingsWithoutSecrets({ adminKey, telemetry, recognition, ...rest }: Config): object {
  const { cameras, groups, ...decisions } = recognition.decisions
  const { otlpEndpoint } = telemetry
  return {
    ...rest,
    adminKey: adminKey === undefined ? "not set" : "set",
    telemetry: { ...telemetry, otlpEndpoint: otlpEndpoint === null ? null : new URL(otlpEndpoint).origin },
    recognition: {
      ...recognition,
      decisions: { ...decisions, cameras: numbered(cameras, "camera"), groups: numbered(groups, "group") },
    },
  }
}

function numbered(named: Readonly<Record<string, unknown>>, noun: string): Readonly<Record<string, unknown>> {
  return Object.fromEntries(Object.values(named).map((value, place) => [`${noun} ${place + 1}`, value]))
}
