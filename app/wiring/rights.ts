import { join } from "node:path"
import { forgetInBackupsElsewhere } from "../backup/forget.ts"
import { asideFolders } from "../backup/restore.ts"
import { openShelf } from "../backup/shelf.ts"
import type { Holding } from "../base/holding.ts"
import type { Log } from "../base/log.ts"
import { selfCommand } from "../base/self.ts"
import { type HoldingsNeeds, holdingsOf } from "../box/holdings.ts"
import type { Config } from "../config/config.ts"
import { spooledFiles } from "../enrolment/spool.ts"
import { ownerOfSubject } from "../gallery/secrets.ts"
import { openPeople, type People } from "../people/people.ts"
import { dataFolderFiles } from "../store/data-folder.ts"
import { ownerOfRecords } from "../sync/store/owner.ts"

/** Before anybody is served: whoever was erased, and came back with an older backup, is erased again. */
export function openRights(
  needs: HoldingsNeeds,
  { dataFolder, backup }: Config,
  log: Log,
  more: readonly Holding[] = [],
): Promise<People> {
  const { store, vault, gallery } = needs
  const shelf = openShelf(dataFolder, backup)
  const eraseFromBackups = async (subjectIds: readonly string[]) => {
    const { shredded, unsealed } = await shelf.shred(subjectIds.flatMap((id) => [ownerOfSubject(id), ownerOfRecords(id)]))
    const { rewritten, left } =
      unsealed === 0 ? { rewritten: [], left: [] } : await forgetInBackupsElsewhere(selfCommand(), dataFolder, shelf.folder)
    return { keysTaken: shredded, rewritten: rewritten.length, left }
  }
  const copiesLeft = () => [...asideFolders(dataFolder), ...spooledFiles(dataFolder)]
  const holdings = [...more, ...holdingsOf(needs)]
  const ledgerPath = join(dataFolder, dataFolderFiles.erased)
  return openPeople({ store, vault, gallery, holdings, eraseFromBackups, copiesLeft, log }, ledgerPath)
}
