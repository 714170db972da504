import { createHash, randomBytes, timingSafeEqual } from "node:crypto"
import { assert } from "../base/assert.ts"
import type { Store } from "../store/store.ts"

export type Role = "admin"

export type AdminKey =
  /** The environment gave one; it counts for this run alone and is not stored. */
  | { readonly kind: "given" }
  /** Made just now. This is the only time it can be shown. */
  | { readonly kind: "created"; readonly key: string }
  /** One was made at an earlier start. */
  | { readonly kind: "kept" }

export interface Keys {
  /** Makes sure that somebody can get in. A key from the environment replaces the stored one for this run. */
  ensureAdminKey(fromEnvironment?: string): AdminKey
  /** Whether there is a stored one; that of the environment is not. */
  hasAdminKey(): boolean
  /**
   * The first admin key, in the transaction of whoever claims the box.
   *
   * @param given the key itself, when somebody has chosen one
   * @returns the key as it is to be shown
   */
  createAdminKey(given?: string): string
  /** A new admin key; the old one opens nothing from now on, in every process on this data folder. */
  resetAdminKey(): string
  verify(key: string): { readonly role: Role } | undefined
}

/** 62^43 ≥ 2^256: guessing one is as hard as guessing its hash. */
const keyCharacters = 43
const base62 = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"

/** Keys are random and long, so one SHA-256 is enough: no dictionary reaches them, and checking one costs a microsecond. */
export function openKeys(store: Store): Keys {
  const selectAll = store.prepare<{ role: Role; hash: Uint8Array }>("select role, hash from api_keys")
  const selectAdmin = store.prepare("select 1 from api_keys where role = 'admin' limit 1")
  const deleteAdmin = store.prepare("delete from api_keys where role = 'admin'")
  const insert = store.prepare("insert into api_keys (id, role, hash, created_at_ms) values (?, 'admin', ?, ?)")
  let givenHash: Uint8Array | undefined

  function createAdminKey(key = randomKey()): string {
    insert.run(Bun.randomUUIDv7(), sha256(key), Date.now())
    return key
  }

  return {
    hasAdminKey: () => selectAdmin.get() !== undefined,
    createAdminKey,

    ensureAdminKey(fromEnvironment) {
      if (fromEnvironment !== undefined) {
        assert(fromEnvironment.length > 0, "an admin key is not empty")
        givenHash = sha256(fromEnvironment)
        return { kind: "given" }
      }
      return store.transact<AdminKey>(() => {
        if (selectAdmin.get() !== undefined) return { kind: "kept" }
        return { kind: "created", key: createAdminKey() }
      })
    },

    resetAdminKey() {
      return store.transact<string>(() => {
        deleteAdmin.run()
        return createAdminKey()
      })
    },

    verify(key) {
      const hash = sha256(key)
      if (givenHash !== undefined) return timingSafeEqual(hash, givenHash) ? { role: "admin" } : undefined
      // Read each time (a few microseconds), so that a reset by the command line counts at once in a running box.
      let found: { role: Role } | undefined
      // No early end: the time taken tells nothing about which key was nearly right.
      for (const row of selectAll.all()) if (timingSafeEqual(hash, row.hash)) found = { role: row.role }
      return found
    },
  }
}

function randomKey(): string {
  let text = ""
  while (text.length < keyCharacters) {
    // 248 is the last multiple of 62 in a byte: taking the rest too would favour the first eight characters.
    for (const byte of randomBytes(keyCharacters)) if (byte < 248) text += base62[byte % 62]
  }
  return `gh_${text.slice(0, keyCharacters)}`
}

function sha256(text: string): Uint8Array {
  return createHash("sha256").update(text).digest()
}
