/**
 * A box in a process of its own whose engines are played: it records sightings at a steady pace for whoever listens. Prints its
 * address, then one line for each second: the number of the newest sighting.
 *
 *   bun recording-box.ts <sightings a second> <faces in each>
 */
import { sightingsOptions } from "../../../app/events/options.ts"
import { createHttpApp } from "../../../app/http/app.ts"
import { serveHttp } from "../../../app/http/serve.ts"
import { face, record } from "../../../tests/events/support.ts"
import { openTestBox } from "../../../tests/http/box.ts"

const [perSecond = 50, facesEach = 30] = Bun.argv.slice(2).map(Number)
const box = await openTestBox({ sightingOptions: sightingsOptions.parse({}) })
const server = serveHttp(createHttpApp(box.needs), { host: "127.0.0.1", port: 0, drainMs: 1000 })
console.log(server.url)

const faces = Array.from({ length: facesEach }, () => face({ similarity: 0.123456789 }))
const startMs = performance.now()
let recorded = 0
setInterval(() => {
  for (const due = ((performance.now() - startMs) / 1000) * perSecond; recorded < due; recorded++)
    record(box.needs.sightings, { faces })
}, 1000 / perSecond)
setInterval(() => console.log(recorded), 1000)
