import { createDiagnostics } from "../../base/diagnostics.ts"
import type { HttpNeeds } from "../needs.ts"
import { problem } from "../problem.ts"
import { profileQuery } from "../requests.ts"
import { type Route, reply, route } from "../route.ts"

const attachment = { "content-disposition": "a name for the file" }

/** What the running process does and holds, as files for developer tools. */
export function diagnosticsRoutes({ http, log }: HttpNeeds): Route[] {
  if (http.diagnostics === "off") return []
  const access = http.diagnostics === "network" ? "key" : "key_and_local"
  const diagnostics = createDiagnostics()

  return [
    route({
      method: "post",
      path: "/v1/system/cpu-profile",
      access,
      summary: "Where the time of the box's own process goes, as a .cpuprofile; the answer comes after the asked seconds",
      query: profileQuery,
      answers: { 200: { mediaType: "application/json" } },
      answerHeaders: attachment,
      errors: ["conflict"],
      handle: async ({ query: { seconds }, requestId, signal }) => {
        log.warn({ requestId, seconds }, "a CPU profile is being taken")
        const profile = await diagnostics.cpuProfile(seconds, signal)
        return profile.kind === "busy" ? busy() : reply(200, profile.json, asFile("gatehouse.cpuprofile"))
      },
    }),

    route({
      method: "post",
      path: "/v1/system/heap-snapshot",
      access,
      summary: "The memory of the box's own process as a .heapsnapshot. It holds people's names and vectors: treat it so",
      answers: { 200: { mediaType: "application/json", binary: true } },
      answerHeaders: attachment,
      errors: ["conflict"],
      handle: ({ requestId }) => {
        log.warn({ requestId }, "a heap snapshot is being taken; it holds what is in memory, biometric data among it")
        const snapshot = diagnostics.heapSnapshot()
        return snapshot.kind === "busy" ? busy() : reply(200, snapshot.bytes, asFile("gatehouse.heapsnapshot"))
      },
    }),
  ]
}

function asFile(name: string) {
  return { "content-disposition": `attachment; filename="${name}"` }
}

function busy() {
  return problem("conflict", "a CPU profile is being taken; ask again when it has been answered")
}
