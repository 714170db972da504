import { locateSet, openSet } from "./support.ts"

/** A process of its own, for the test that asks what one leaves behind: opens the default set and looks at one picture. */
const analyzer = await openSet(await locateSet("default"))
const picture = await Bun.file(Bun.argv[2] ?? "").bytes()
const analysis = await analyzer.analyze(picture, { faceWidthPxMin: 48, facesMax: 50, embed: "all" })
console.log(analysis.kind === "ok" ? `${analysis.faces.length} faces` : analysis.why)
await analyzer.close()
