/** Path of a line through the values in a box of 100 × 24, the largest value at the top. */
export function sparkPath(values: readonly number[]): string {
  if (values.length < 2) return ''
  const largest = Math.max(...values, 1)
  const step = 100 / (values.length - 1)
  return values
    .map((value, i) => `${i === 0 ? 'M' : 'L'}${(i * step).toFixed(1)} ${(23 - (22 * value) / largest).toFixed(1)}`)
    .join('')
}
