/** A value, or the reason why there is none in words for a person: what happened, which value, and the remedy. */
export type Result<Value> = { readonly kind: "ok"; readonly value: Value } | { readonly kind: "failed"; readonly why: string }
