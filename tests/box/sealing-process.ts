import { writeSync } from "node:fs"
import { openBoxFolder } from "../../app/box/open.ts"
import { folderOptions } from "./support.ts"

// Opens a data folder with a master key, and so seals it, between two words; killed at any moment.
const [dataFolder = "", suite = "", material = ""] = process.argv.slice(2)
if (suite !== "aes" && suite !== "gm") throw new Error(`${suite} is no suite`)
const { options, needs } = folderOptions(dataFolder, suite, Uint8Array.fromHex(material))
writeSync(1, "opening\n")
const opened = openBoxFolder(options, needs)
if (opened.kind !== "ok") throw new Error(opened.why)
writeSync(1, "opened\n")
opened.value.store.close()
