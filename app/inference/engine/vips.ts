import sharp from "sharp"

/** One thread, because the box runs one engine for each core; nothing kept, because no camera sends a picture twice. */
sharp.concurrency(1)
sharp.cache(false)
// Only what the header check lets through can reach a loader, but a loader that is off cannot have a hole either.
sharp.block({ operation: ["VipsForeignLoad"] })
sharp.unblock({ operation: ["VipsForeignLoadJpeg", "VipsForeignLoadPng", "VipsForeignLoadWebp"] })

/** libvips as an engine uses it: a bound of threads and memory, and three loaders. */
export { sharp }
