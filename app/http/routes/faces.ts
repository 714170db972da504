import { unreachable } from "../../base/assert.ts"
import type { DetectedFace } from "../../face/face.ts"
import { type EnrolNeeds, enrol, enrolVector } from "../../pipeline/enrol.ts"
import { presentThresholds } from "../../pipeline/judge.ts"
import { lookAlikesOf } from "../../pipeline/look-alikes.ts"
import { enrolmentAnswer, facesAnswer, ignoredFaces } from "../answers.ts"
import { type BodyFormats, mapFormats } from "../body.ts"
import { createRoute, goneSince } from "../create-route.ts"
import type { HttpNeeds } from "../needs.ts"
import { analysisCodes, lowQuality, noAnalysis, noSubject, noSubjectFace, subjectFaceCodes } from "../outcomes.ts"
import { base64Body, pictureFileBody } from "../pictures.ts"
import { problem } from "../problem.ts"
import { enrolQuery, newFaceJson, pageQuery } from "../requests.ts"
import { type Route, reply, route } from "../route.ts"

/** The faces a person is known by. */
export function faceRoutes(needs: HttpNeeds): Route[] {
  const { gallery, models, recognition } = needs
  const { faceWidthPxMin, qualityScoreMin, keepFaceImages } = recognition.enrolment
  const enrolNeeds: EnrolNeeds = {
    analyze: needs.pool.analyze,
    subject: gallery.subject,
    addFace: gallery.addFace,
    lookAlikes: gallery.lookAlikes,
    thresholds: presentThresholds(needs.judge),
    space: models.space,
  }

  return [
    createRoute(needs.creates, {
      method: "post",
      path: "/v1/subjects/{id}/faces",
      access: "key",
      summary: "Add a face to a person: the largest of a picture, or a vector made elsewhere in the same space",
      timed: true,
      query: enrolQuery,
      body: newFaceBody(needs.http.imageBytesMax),
      answers: { 201: enrolmentAnswer },
      errors: [...analysisCodes, ...subjectFaceCodes, "low_quality", "wrong_space", "bad_vector", "not_found"],
      handle: async ({ path, query, body, ...hurry }, created) => {
        const callNeeds = { ...enrolNeeds, created: (id: string, left: Left) => created(id, left.map(toIgnored)) }
        if (body.kind === "vector") {
          const enrolment = await enrolVector({ values: body.embedding, space: body.space }, path.id, callNeeds)
          switch (enrolment.kind) {
            case "enrolled":
              return reply(201, { face: enrolment.face, ignoredFaces: [], lookAlikes: enrolment.lookAlikes })
            case "no_subject":
              return noSubject()
            case "wrong_space":
            case "bad_vector":
              return problem(enrolment.kind, enrolment.why)
            default:
              return unreachable(enrolment)
          }
        }
        const enrolment = await enrol(body.picture, path.id, callNeeds, {
          ...hurry,
          policy: recognition.policies.enrol,
          faceWidthPxMin: query.faceWidthPxMin ?? faceWidthPxMin,
          facesMax: recognition.facesMax,
          faces: query.faces,
          qualityScoreMin,
          chips: keepFaceImages,
        })
        switch (enrolment.kind) {
          case "enrolled": {
            const { face, lookAlikes } = enrolment
            return reply(201, { face, ignoredFaces: enrolment.ignoredFaces.map(toIgnored), lookAlikes })
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
      replay: async ({ entityId, note }) => {
        const face = gallery.face(entityId)
        if (face === undefined) return goneSince(`the face ${entityId}`)
        const lookAlikes = await lookAlikesOf(face.id, enrolNeeds)
        return reply(201, { face, ignoredFaces: ignoredFaces.parse(note), lookAlikes })
      },
    }),

    route({
      method: "get",
      path: "/v1/subjects/{id}/faces",
      access: "key",
      summary: "The faces of a person, oldest first; vectors are not among what is told",
      query: pageQuery,
      answers: { 200: facesAnswer },
      errors: ["not_found"],
      handle: ({ path, query }) => {
        const faces = gallery.facesOf(path.id, query)
        return faces === undefined ? noSubject() : reply(200, faces)
      },
    }),

    route({
      method: "get",
      path: "/v1/faces/{id}/image.jpg",
      access: "key",
      summary: "The picture a face was enrolled from, cut to the face",
      answers: { 200: { mediaType: "image/jpeg", binary: true } },
      errors: ["not_found"],
      handle: ({ path }) => {
        const chip = gallery.faceImage(path.id)
        if (chip === undefined) return noFace()
        return chip === null ? noFaceImage() : reply(200, chip.jpeg)
      },
    }),

    route({
      method: "delete",
      path: "/v1/faces/{id}",
      access: "key",
      summary: "Delete a face with its picture; the very next search no longer finds it",
      answers: { 204: "nothing" },
      errors: ["not_found"],
      handle: ({ path }) => (gallery.deleteFace(path.id) ? reply(204) : noFace()),
    }),
  ]
}

type Left = readonly DetectedFace[]

const toIgnored = ({ box, score }: DetectedFace) => ({ box, score })

function noFace() {
  return problem("not_found", "there is no face of this id; it may have been deleted")
}

function noFaceImage() {
  return problem(
    "not_found",
    "no picture is kept of this face: it was enrolled as a vector, before pictures were kept, or with recognition.enrolment.keepFaceImages off",
  )
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
