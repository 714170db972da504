import { expect, test } from "bun:test"
import { join } from "node:path"
import { pathToFileURL } from "node:url"
import { nacl } from "../../scripts/build/nacl.ts"

// The package that it stands in for, as it lies beside the one that uses it.
const packaged = await import(
  pathToFileURL(Bun.resolveSync("tweetnacl", join(import.meta.dir, "../../node_modules/@nats-io/nkeys"))).href
)
const theirs = packaged.default

test("keys and signatures are those of the package that it stands in for", () => {
  for (let run = 0; run < 20; run++) {
    const seed = nacl.randomBytes(32)
    const pair = nacl.sign.keyPair.fromSeed(seed)
    const other = theirs.sign.keyPair.fromSeed(seed)
    expect(pair).toEqual({ publicKey: other.publicKey, secretKey: other.secretKey })
    const message = nacl.randomBytes(run * 7)
    const signature = nacl.sign.detached(message, pair.secretKey)
    expect(signature).toEqual(theirs.sign.detached(message, other.secretKey))
    expect(nacl.sign.detached.verify(message, signature, pair.publicKey)).toBe(true)
    signature[run] = (signature[run] ?? 0) ^ 1
    expect(nacl.sign.detached.verify(message, signature, pair.publicKey)).toBe(false)
  }
})
