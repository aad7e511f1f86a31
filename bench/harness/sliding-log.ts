/** A request that was admitted, by one clock. */
export interface Admission {
  readonly sentMs: number
  readonly repliedMs: number
}

/** How many of these moments, ascending, one sliding log would have admitted that costs nothing. */
export function admittedByPerfectLog(sent: readonly number[], limit: number, windowMs: number): number {
  const log: number[] = []
  let first = 0
  for (const at of sent) {
    while (first < log.length && at - log[first]! >= windowMs) first++
    if (log.length - first < limit) log.push(at)
  }
  return log.length
}

/**
 * Most admissions that are certain to lie in one interval of this length, of those ascending by `sentMs`: sent and answered
 * within it, so that the decision fell in between.
 */
export function mostForCertain(admitted: readonly Admission[], windowMs: number): number {
  let most = 0
  for (let i = 0; i < admitted.length; i++) {
    const end = admitted[i]!.sentMs + windowMs
    let count = 0
    for (let j = i; j < admitted.length && admitted[j]!.sentMs < end; j++) if (admitted[j]!.repliedMs < end) count++
    most = Math.max(most, count)
  }
  return most
}
