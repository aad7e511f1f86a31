/** An admitted request: time of sending and time of the reply, on the same clock. */
export interface Admission {
  readonly sentMs: number
  readonly repliedMs: number
}

/**
 * Returns the times in `sent` at which an exact sliding window would have admitted the request.
 *
 * @param sent  times in ms, ascending
 */
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
 * Returns the largest number of admissions that certainly lie within one interval of length `windowMs`. An admission
 * counts when its request was sent and its reply arrived within the interval, so the decision was made within the
 * interval too.
 *
 * @param admitted  ascending by `sentMs`
 */
export function mostForCertain(admitted: readonly Admission[], windowMs: number): number {
  const longestMs = admitted.reduce((most, { sentMs, repliedMs }) => Math.max(most, repliedMs - sentMs), 0)
  let most = 0
  // Index of the first request whose reply can have arrived after the end of the interval.
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
