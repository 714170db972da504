import { adminCommand } from "./admin.ts"
import { backupCommand } from "./backup.ts"
import { bundleCommand } from "./bundle.ts"
import { compareRuntimesCommand } from "./compare-runtimes.ts"
import { doctorCommand } from "./doctor.ts"
import { enrolCommand } from "./enrol.ts"
import { evalCommand } from "./eval.ts"
import { galleryCommand } from "./gallery.ts"
import { hubCommand } from "./hub.ts"
import { identifyCommand } from "./identify.ts"
import { installCommand } from "./install.ts"
import { modelsCommand } from "./models.ts"
import type { CreateCommand } from "./needs.ts"
import { peopleCommand } from "./people.ts"
import { probeCommand } from "./probe.ts"
import { restoreCommand } from "./restore.ts"
import { serveCommand } from "./serve.ts"
import { supportCommand } from "./support.ts"
import { syncCommand } from "./sync.ts"
import { uninstallCommand } from "./uninstall.ts"
import { vaultCommand } from "./vault.ts"
import { verifyCommand } from "./verify.ts"
import { versionCommand } from "./version.ts"
import { warmCommand } from "./warm.ts"
import { wipeCommand } from "./wipe.ts"

/** In the order in which the help shows them. */
export const commands: readonly CreateCommand[] = [
  serveCommand,
  enrolCommand,
  identifyCommand,
  verifyCommand,
  evalCommand,
  doctorCommand,
  supportCommand,
  galleryCommand,
  peopleCommand,
  modelsCommand,
  warmCommand,
  versionCommand,
  backupCommand,
  restoreCommand,
  vaultCommand,
  adminCommand,
  wipeCommand,
  hubCommand,
  syncCommand,
  bundleCommand,
  installCommand,
  uninstallCommand,
]

/** For the box itself: no help shows them. */
export const hiddenCommands: readonly CreateCommand[] = [probeCommand, compareRuntimesCommand]
