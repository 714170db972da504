/**
 * Whose key seals the bytes of records about a person, beside the key of the gallery: that one leaves with the person's row here,
 * while records that another box wrote meanwhile may lie below the person still.
 * @param subjectId with dashes
 */
export const ownerOfRecords = (subjectId: string): string => `records/${subjectId}`
