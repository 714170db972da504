import type { Result } from "../../base/result.ts"
import type { Line } from "./connection.ts"
import { type StreamPlan, whyUnsafe } from "./layout.ts"
import { asUnreachable, meaningOf, type NatsPackages } from "./refusals.ts"

/** A cluster takes its time to find who keeps a stream … */
const makingMs = 10_000
/** … and says nothing at all while it has no leader: whoever asked then asks again. */
const lookingMs = 2000

/** Makes what is missing, and looks at what is there. */
export async function prepareStreams(
  packages: NatsPackages,
  line: Line,
  plans: readonly StreamPlan[],
): Promise<Result<undefined>> {
  const { jetstreamManager } = packages.jetstream
  const managerFor = (timeout: number) => jetstreamManager(line.connection, { timeout, checkAPI: false })
  const [{ streams }, { streams: making }] = await Promise.all([managerFor(lookingMs), managerFor(makingMs)])
  const unsafe: string[] = []
  for (const plan of plans) {
    try {
      const { config } = await streams.info(plan.name)
      const why = whyUnsafe(plan, config)
      if (why !== undefined) unsafe.push(why)
    } catch (error) {
      const meaning = meaningOf(packages, error)
      if (meaning.kind !== "missing") return { kind: "failed", why: `stream ${plan.name}: ${asUnreachable(meaning).why}` }
      const made = await make(plan)
      if (made.kind === "failed") return made
    }
  }
  if (unsafe.length === 0) return { kind: "ok", value: undefined }
  return {
    kind: "failed",
    why: `the hub's settings would lose data. ${unsafe.join(". ")}. Somebody changed them; \`nats stream edit\` sets them back`,
  }

  async function make(plan: StreamPlan): Promise<Result<undefined>> {
    try {
      await making.add({ ...plan, subjects: [...plan.subjects] } as Parameters<typeof making.add>[0])
      return { kind: "ok", value: undefined }
    } catch (error) {
      const why = asUnreachable(meaningOf(packages, error)).why
      return {
        kind: "failed",
        why: `the hub has no stream ${plan.name}, and this box could not make it (\`gatehouse hub prepare\` does, as the keeper): ${why}`,
      }
    }
  }
}
