/** An admitted request with its times on one clock. */
export interface Admission {
  readonly sentMs: number
  readonly repliedMs: number
}

/** Selects the times, ascending, that an ideal sliding log would have admitted. */
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
 * Largest number of admissions that certainly lie in one interval of this length. The request was sent and answered
 * within the interval, so its decision lies there too. The list is ascending by `sentMs`.
 */
export function mostForCertain(admitted: readonly Admission[], windowMs: number): number {
  const longestMs = admitted.reduce((most, { sentMs, repliedMs }) => Math.max(most, repliedMs - sentMs), 0)
  let most = 0
  // Later requests may have been answered after the interval.
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
