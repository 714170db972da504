import { unreachable } from "../../base/assert.ts"
import { enrol, enrolVector } from "../../pipeline/enrol.ts"
import { enrolmentAnswer, facesAnswer } from "../answers.ts"
import { type BodyFormats, mapFormats } from "../body.ts"
import type { HttpNeeds } from "../needs.ts"
import { analysisCodes, lowQuality, noAnalysis, noSubject, noSubjectFace, subjectFaceCodes } from "../outcomes.ts"
import { base64Body, pictureFileBody } from "../pictures.ts"
import { problem } from "../problem.ts"
import { enrolQuery, newFaceJson, pageQuery } from "../requests.ts"
import { type Route, reply, route } from "../route.ts"
import { pageOf } from "./page.ts"

/** The faces a person is known by. */
export function faceRoutes(needs: HttpNeeds): Route[] {
  const { gallery, models, recognition } = needs
  const { faceWidthPxMin, qualityScoreMin } = recognition.enrolment
  const enrolNeeds = {
    analyze: needs.pool.analyze,
    subject: gallery.subject,
    addFace: gallery.addFace,
    space: models.space,
  }

  return [
    route({
      method: "post",
      path: "/v1/subjects/{id}/faces",
      access: "key",
      summary: "Add a face to a person: the largest of a picture, or a vector made elsewhere in the same space",
      timed: true,
      query: enrolQuery,
      body: newFaceBody(needs.http.imageBytesMax),
      answers: { 201: enrolmentAnswer },
      errors: [...analysisCodes, ...subjectFaceCodes, "low_quality", "wrong_space", "bad_vector", "not_found"],
      handle: async ({ path, query, body, budgetMs }) => {
        if (body.kind === "vector") {
          const enrolment = enrolVector({ values: body.embedding, space: body.space }, path.id, enrolNeeds)
          switch (enrolment.kind) {
            case "enrolled":
              return reply(201, { face: enrolment.face, ignoredFaces: [] })
            case "no_subject":
              return noSubject()
            case "wrong_space":
            case "bad_vector":
              return problem(enrolment.kind, enrolment.why)
            default:
              return unreachable(enrolment)
          }
        }
        const enrolment = await enrol(body.picture, path.id, enrolNeeds, {
          budgetMs,
          faceWidthPxMin: query.faceWidthPxMin ?? faceWidthPxMin,
          facesMax: recognition.facesMax,
          faces: query.faces,
          qualityScoreMin,
        })
        switch (enrolment.kind) {
          case "enrolled": {
            const ignoredFaces = enrolment.ignoredFaces.map(({ box, score }) => ({ box, score }))
            return reply(201, { face: enrolment.face, ignoredFaces })
          }
          case "no_subject":
            return noSubject()
          case "no_face":
          case "several_faces":
            return noSubjectFace(enrolment, "the picture")
          case "low_quality":
            return lowQuality(enrolment.quality, enrolment.qualityScoreMin)
          default:
            return noAnalysis(enrolment)
        }
      },
    }),

    route({
      method: "get",
      path: "/v1/subjects/{id}/faces",
      access: "key",
      summary: "The faces of a person, oldest first; pictures and vectors are not among what is told",
      query: pageQuery,
      answers: { 200: facesAnswer },
      errors: ["not_found"],
      handle: ({ path, query: { limit, after } }) => {
        const faces = gallery.facesOf(path.id)
        return faces === undefined ? noSubject() : reply(200, pageOf(faces, limit, after))
      },
    }),

    route({
      method: "delete",
      path: "/v1/faces/{id}",
      access: "key",
      summary: "Delete a face; the very next search no longer finds it",
      answers: { 204: "nothing" },
      errors: ["not_found"],
      handle: ({ path }) =>
        gallery.deleteFace(path.id)
          ? reply(204)
          : problem("not_found", "there is no face of this id; it may have been deleted"),
    }),
  ]
}

type NewFace =
  | { readonly kind: "picture"; readonly picture: Uint8Array }
  | { readonly kind: "vector"; readonly embedding: ArrayLike<number>; readonly space: string }

function newFaceBody(imageBytesMax: number): BodyFormats<NewFace> {
  return {
    ...mapFormats(pictureFileBody(imageBytesMax), (picture) => ({ kind: "picture", picture })),
    ...mapFormats(base64Body(newFaceJson, 1, imageBytesMax), (given) =>
      "image" in given ? { kind: "picture", picture: given.image } : { kind: "vector", ...given },
    ),
  }
}
