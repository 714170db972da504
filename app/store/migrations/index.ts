import { gallery } from "./001-gallery.ts"
import { apiKeys } from "./002-api-keys.ts"
import { sightings } from "./003-sightings.ts"
import { people } from "./004-people.ts"
import { enrolments } from "./005-enrolments.ts"
import { vault } from "./006-vault.ts"
import { rights } from "./007-rights.ts"
import { sealedRecords } from "./008-sealed-records.ts"
import { impostors } from "./009-impostors.ts"
import { twins } from "./010-twins.ts"
import { claimCodes } from "./011-claim-codes.ts"
import { sync } from "./012-sync.ts"

/**
 * Forward only, each in one transaction. A released step is never changed again: boxes in the field have run it as it was.
 * The position in this list, counted from one, is the schema's number (`user_version`).
 */
export const migrations: readonly string[] = [
  gallery,
  apiKeys,
  sightings,
  people,
  enrolments,
  vault,
  rights,
  sealedRecords,
  impostors,
  twins,
  claimCodes,
  sync,
]
