/** A request that was admitted, by one clock. */
export interface Admission {
  readonly sentMs: number
  readonly repliedMs: number
}

/** Those of these moments, ascending, that one sliding log would have admitted that costs nothing. */
export function perfectLog(sent: readonly number[], limit: number, windowMs: number): number[] {
  const log: number[] = []
  let first = 0
  for (const at of sent) {
    while (first < log.length && at - log[first]! >= windowMs) first++
    if (log.length - first < limit) log.push(at)
  }
  return log
}

/**
 * Most admissions that are certain to lie in one interval of this length, of those ascending by `sentMs`: sent and answered
 * within it, so that the decision fell in between.
 */
export function mostForCertain(admitted: readonly Admission[], windowMs: number): number {
  const longestMs = admitted.reduce((most, { sentMs, repliedMs }) => Math.max(most, repliedMs - sentMs), 0)
  let most = 0
  // From here on a reply may have come too late.
  let near = 0
  for (let i = 0; i < admitted.length; i++) {
    const endMs = admitted[i]!.sentMs + windowMs
    near = Math.max(near, i)
    while (near < admitted.length && admitted[near]!.sentMs + longestMs < endMs) near++
    let count = near - i
    for (let j = near; j < admitted.length && admitted[j]!.sentMs < endMs; j++)
      if (admitted[j]!.repliedMs < endMs) count++
    most = Math.max(most, count)
  }
  return most
}
