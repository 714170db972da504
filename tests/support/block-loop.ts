/**
 * Preloaded into a box (`BUN_OPTIONS=--preload …`): at SIGUSR2 its event loop stands still for BLOCK_MS milliseconds, as it would in
 * an endless loop of ours. Other threads go on, so a beat that came from one of them would be found out.
 */
process.on("SIGUSR2", () => Bun.sleepSync(Number(process.env.BLOCK_MS)))
