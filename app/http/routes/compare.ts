import { unreachable } from "../../base/assert.ts"
import { searchVector } from "../../pipeline/search.ts"
import { verify } from "../../pipeline/verify.ts"
import { searchAnswer, verificationAnswer } from "../answers.ts"
import { jsonBody } from "../body.ts"
import type { HttpNeeds } from "../needs.ts"
import { analysisCodes, noAnalysis, noSubjectFace, subjectFaceCodes } from "../outcomes.ts"
import { base64Body, multipartBody } from "../pictures.ts"
import { problem } from "../problem.ts"
import { picturePairJson, searchJson, verifyQuery } from "../requests.ts"
import { type Route, reply, route } from "../route.ts"
import { toDecidedBy, toFace, toNamed } from "./recognize.ts"

/** Two pictures against each other, and a vector against the gallery. */
export function compareRoutes(needs: HttpNeeds): Route[] {
  const { models, thresholds, recognition } = needs
  const { imageBytesMax } = needs.http

  return [
    route({
      method: "post",
      path: "/v1/verify",
      access: "key",
      summary: "Whether two pictures show the same person",
      timed: true,
      query: verifyQuery,
      body: { ...multipartBody(["a", "b"], imageBytesMax), ...base64Body(picturePairJson, 2, imageBytesMax) },
      answers: { 200: verificationAnswer },
      errors: [...analysisCodes, ...subjectFaceCodes],
      handle: async ({ requestId, query, body: { a, b }, ...hurry }) => {
        const verification = await verify(
          a,
          b,
          { analyze: needs.pool.analyze, thresholds },
          {
            ...hurry,
            policy: recognition.policies.verify,
            faceWidthPxMin: query.faceWidthPxMin ?? recognition.enrolment.faceWidthPxMin,
            facesMax: recognition.facesMax,
            faces: query.faces,
            threshold: query.threshold,
          },
        )
        if (verification.kind === "not_compared") {
          const { side, outcome } = verification
          return outcome.kind === "no_face" || outcome.kind === "several_faces"
            ? noSubjectFace(outcome, `picture "${side}"`)
            : noAnalysis(outcome)
        }
        const { similarity, decision, degraded, timingsMs } = verification
        const faces = { a: toFace(verification.a), b: toFace(verification.b) }
        return reply(200, { requestId, models, similarity, decision, ...faces, degraded, timingsMs })
      },
    }),

    route({
      method: "post",
      path: "/v1/search",
      access: "key",
      summary: "Whose vector this is",
      recognizes: true,
      body: jsonBody(searchJson),
      answers: { 200: searchAnswer },
      errors: ["wrong_space", "bad_vector", "unavailable"],
      handle: async ({ requestId, body: { embedding, space, k, threshold, group } }) => {
        const search = { search: needs.gallery.search, space: models.space, judge: needs.judge, metrics: needs.metrics }
        const found = await searchVector({ values: embedding, space }, search, { candidates: k, threshold, group })
        switch (found.kind) {
          case "searched": {
            const { judgement, timingsMs } = found
            return reply(200, { requestId, ...toNamed(found), decidedBy: toDecidedBy(judgement), timingsMs })
          }
          case "wrong_space":
          case "bad_vector":
            return problem(found.kind, found.why)
          default:
            return unreachable(found)
        }
      },
    }),
  ]
}
