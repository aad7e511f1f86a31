import { formatDuration } from '../../../base/duration.ts'

const unitMs: Readonly<Record<string, number>> = { ms: 1, s: 1000, m: 60_000, h: 3_600_000 }

/**
 * Converts a duration in the syntax of Go, such as `1h30m`, into the syntax of the gate. A duration outside of the
 * bounds (ms) becomes the nearest bound. Returns `undefined` for any other text.
 */
export function durationFromGo(text: string, minMs: number, maxMs: number): string | undefined {
  if (!/^(?:\d+(?:\.\d+)?(?:ms|s|m|h))+$/.test(text)) return undefined
  let ms = 0
  for (const [, number, unit] of text.matchAll(/(\d+(?:\.\d+)?)(ms|s|m|h)/g)) ms += Number(number) * unitMs[unit!]!
  return formatDuration(Math.min(maxMs, Math.max(minMs, Math.round(ms))))
}
