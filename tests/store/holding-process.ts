import { holdDataFolder } from "../../app/store/data-folder.ts"

const held = holdDataFolder(process.argv[2] ?? "")
console.log(held.kind === "ok" ? "held" : held.why)
await Bun.sleep(60_000)
