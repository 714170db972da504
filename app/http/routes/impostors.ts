import type { Impostor } from "../../gallery/impostors.ts"
import { type RuledOut, ruleOut } from "../../pipeline/rule-out.ts"
import { impostorAnswer, impostorsAnswer } from "../answers.ts"
import { type BodyFormats, mapFormats } from "../body.ts"
import { createRoute, goneSince } from "../create-route.ts"
import type { HttpNeeds } from "../needs.ts"
import { analysisCodes, noAnalysis, noSubject, noSubjectFace, subjectFaceCodes } from "../outcomes.ts"
import { base64Body, pictureFileBody } from "../pictures.ts"
import { problem } from "../problem.ts"
import { enrolQuery, newImpostorJson, pageQuery } from "../requests.ts"
import { type Route, reply, route } from "../route.ts"

/** “This is not X”: whom a camera took for a person, and should not again. */
export function impostorRoutes(needs: HttpNeeds): Route[] {
  const { impostors } = needs.gallery
  const { recognition } = needs

  return [
    createRoute(needs.creates, {
      method: "post",
      path: "/v1/subjects/{id}/impostors",
      access: "key",
      summary:
        "This is not the person: a face nearer to the given one than to the person's own is no longer taken for the person",
      timed: true,
      query: enrolQuery,
      body: newImpostorBody(needs.http.imageBytesMax),
      answers: { 201: impostorAnswer },
      errors: [...analysisCodes, ...subjectFaceCodes, "wrong_space", "bad_vector", "not_found", "conflict"],
      handle: async ({ path, query, body, ...hurry }, created) => {
        const callNeeds = {
          analyze: needs.pool.analyze,
          sightings: needs.sightings,
          add: impostors.add,
          space: needs.models.space,
          created,
        }
        const ruled = await ruleOut(body, path.id, callNeeds, {
          ...hurry,
          policy: recognition.policies.enrol,
          faceWidthPxMin: query.faceWidthPxMin ?? recognition.enrolment.faceWidthPxMin,
          facesMax: recognition.facesMax,
          faces: query.faces,
        })
        switch (ruled.kind) {
          case "added":
            return reply(201, ruled.impostor)
          case "no_subject":
            return noSubject()
          case "too_many":
            return problem("conflict", tooMany(ruled.impostorsMax), { details: { impostorsMax: ruled.impostorsMax } })
          case "no_sighting":
            return problem("not_found", ruled.why)
          case "no_face":
          case "several_faces":
            return noSubjectFace(ruled, "the picture")
          case "wrong_space":
          case "bad_vector":
            return problem(ruled.kind, ruled.why)
          default:
            return noAnalysis(ruled)
        }
      },
      replay: ({ entityId }) => {
        const impostor: Impostor | undefined = impostors.get(entityId)
        return impostor === undefined ? goneSince(`the impostor ${entityId}`) : reply(201, impostor)
      },
    }),

    route({
      method: "get",
      path: "/v1/subjects/{id}/impostors",
      access: "key",
      summary: "Who was said not to be the person, oldest first; vectors are not among what is told",
      query: pageQuery,
      answers: { 200: impostorsAnswer },
      errors: ["not_found"],
      handle: ({ path, query }) => {
        const page = impostors.of(path.id, query)
        return page === undefined ? noSubject() : reply(200, page)
      },
    }),

    route({
      method: "delete",
      path: "/v1/impostors/{id}",
      access: "key",
      summary: "Take back that a face is not a person's; the very next search decides without it",
      answers: { 204: "nothing" },
      errors: ["not_found"],
      handle: ({ path }) =>
        impostors.delete(path.id)
          ? reply(204)
          : problem("not_found", "there is no impostor of this id; it may have been deleted, with its subject or alone"),
    }),
  ]
}

function tooMany(impostorsMax: number): string {
  return `as many as ${impostorsMax} faces are said not to be this person's: delete some, or enrol better photographs of the person`
}

function newImpostorBody(imageBytesMax: number): BodyFormats<RuledOut> {
  return {
    ...mapFormats(pictureFileBody(imageBytesMax), (picture): RuledOut => ({ kind: "picture", picture })),
    ...mapFormats(base64Body(newImpostorJson, 1, imageBytesMax), (given): RuledOut => {
      if ("image" in given) return { kind: "picture", picture: given.image }
      if ("sightingId" in given) return { kind: "sighting", ...given }
      return { kind: "vector", values: given.embedding, space: given.space }
    }),
  }
}
