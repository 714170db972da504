import type { Store } from "../../app/store/store.ts"
import { openVaultRows } from "../../app/store/vault-rows.ts"
import { createMaterial } from "../../app/vault/master-key.ts"
import { openVault } from "../../app/vault/open.ts"
import { openSuite } from "../../app/vault/suites.ts"
import { plainVault, type Vault } from "../../app/vault/vault.ts"

/** The vault of a folder that is not sealed. */
export function plainVaultOf(store: Store): Vault {
  return plainVault(openSuite("aes").suite, openVaultRows(store))
}

/** The same whenever a test opens its folder again. */
const material = new Uint8Array(32).fill(7)

/**
 * The vault of tests that are about something else: in the clear, or with GATEHOUSE_TEST_VAULT=aes or gm sealed. That must make no
 * difference but to the few that look for plain bytes in the tables.
 */
export function testVaultOf(store: Store): Vault {
  const suite = process.env.GATEHOUSE_TEST_VAULT
  return suite === "aes" || suite === "gm" ? sealedVaultOf(store, suite, material) : plainVaultOf(store)
}

/**
 * The vault of a new folder, sealed from the beginning, or of one that was sealed under this key before.
 * @param material of the master key
 */
export function sealedVaultOf(
  store: Store,
  suite: "aes" | "gm" = "aes",
  material: Uint8Array = createMaterial(),
  libcrypto?: string | null,
): Vault {
  const tables = openVaultRows(store)
  const places = { dataFolder: "/nowhere", environment: material.toHex() }
  const opened = openVault(tables, places, suite, libcrypto)
  if (opened.kind === "locked") throw new Error(opened.why)
  if (opened.kind === "opened") return opened.vault
  const vault = store.transact<Vault>(opened.begin)
  tables.endSealing()
  return vault
}
