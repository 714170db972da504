import type { CliNeeds } from "./cli/needs.ts"

/** What each command needs of a box. Loaded when it is asked for: an engine has no use for a gallery, and starts often. */
const needs: CliNeeds = {
  serve: async (config) => (await import("./wiring/serve.ts")).serveBox(config),
  openEngines: async (config) => (await import("./wiring/alone.ts")).openEngines(config),
  openGallery: async (...asked) => (await import("./wiring/alone.ts")).openGalleryAlone(...asked),
  openPeople: async (config) => (await import("./wiring/alone.ts")).openPeopleAlone(config),
  openBundles: async (config) => (await import("./wiring/bundles.ts")).openBundlesAlone(config),
  forgetInBackups: async (...asked) => (await import("./wiring/alone.ts")).forgetErased(...asked),
  resetAdminKey: async (config) => (await import("./wiring/alone.ts")).resetAdminKey(config),
  locateSet: async (config) => {
    const { locate, quietLog } = await import("./wiring/models.ts")
    return locate(config, quietLog())
  },
  listModels: async (config) => (await import("./wiring/models.ts")).list(config),
  forgetCompiled: async ({ inference }) => (await import("./inference/providers/compiled-folder.ts")).forgetCompiled(inference),
  runEngine: async (socketPath) => (await import("./inference/engine/main.ts")).runEngine(socketPath),
  probe: async (question) => (await import("./wiring/models.ts")).probeLibrary(question),
  answerProbe: async (question) => (await import("./inference/providers/probe-process.ts")).answerProbe(question),
  compareRuntimes: async (...asked) => (await import("./inference/engine/compare-runtimes.ts")).compareRuntimes(...asked),
}

try {
  const { runCli } = await import("./cli/cli.ts")
  process.exit(await runCli(process.argv.slice(2), needs))
} catch (error) {
  // A bug. Bun would show the lines of source around it, and in the compiled file five lines are the whole program.
  process.stderr.write(`${error instanceof Error ? error.stack : String(error)}\n`)
  process.exit(1)
}
