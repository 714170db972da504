import { backupBegunAnswer, backupsAnswer } from "../answers.ts"
import type { HttpNeeds } from "../needs.ts"
import { problem } from "../problem.ts"
import { type Route, reply, route } from "../route.ts"

/** Backups of the running box. The files themselves are fetched from its disk: they hold everybody. */
export function backupRoutes({ backups }: Pick<HttpNeeds, "backups">): Route[] {
  return [
    route({
      method: "post",
      path: "/v1/system/backups",
      access: "key",
      summary: "Begin a backup into the folder of backups; GET tells when it is done",
      answers: { 202: backupBegunAnswer },
      errors: ["conflict"],
      handle: () =>
        backups.begin() === "begun"
          ? reply(202, { state: "running" })
          : problem("conflict", "a backup is being made already; GET /v1/system/backups tells when it is done"),
    }),

    route({
      method: "get",
      path: "/v1/system/backups",
      access: "key",
      summary: "The backups in the folder of backups, newest first, and whether one is being made",
      answers: { 200: backupsAnswer },
      handle: async () => reply(200, { ...backups.status(), items: await backups.list() }),
    }),
  ]
}
