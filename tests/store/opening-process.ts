import { writeSync } from "node:fs"
import { openStore } from "../../app/store/store.ts"

// Opens a data folder, and so brings its schema up to date, between two words; killed at any moment.
writeSync(1, "opening\n")
const opened = openStore(process.argv[2] ?? "")
if (opened.kind === "failed") throw new Error(opened.why)
writeSync(1, "opened\n")
opened.store.close()
