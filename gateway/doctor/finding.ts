/**
 * Result of one check of `gatehouse doctor`. `unknown`: the check could not find out; it is never used for something
 * that works or fails.
 */
export const findingResults = ['ok', 'failed', 'unknown'] as const

export type FindingResult = (typeof findingResults)[number]

/** Result of a check of `gatehouse doctor`, with its cause and remedy. The texts contain no secret. */
export interface Outcome {
  readonly result: FindingResult
  readonly detail: string
  /** Action by which an operator corrects a failure, or settles an unknown result; `null` for `ok`. */
  readonly remedy: string | null
}

/** Outcome of one check of `gatehouse doctor` for one subject, such as an issuer. */
export interface Finding extends Outcome {
  readonly check: string
  readonly subject: string
}

export function ok(detail: string): Outcome {
  return { result: 'ok', detail, remedy: null }
}

export function failedCheck(detail: string, remedy: string): Outcome {
  return { result: 'failed', detail, remedy }
}

export function unknown(detail: string, remedy: string): Outcome {
  return { result: 'unknown', detail, remedy }
}
