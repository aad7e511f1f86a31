import { durationText } from '../text/format.ts'
import { Value } from './texts.tsx'

/** A phase of an exchange, or a span of a trace. */
interface TimedSpan {
  readonly name: string
  /** Start on the time axis, ms. */
  readonly offset_ms: number
  readonly ms: number
  readonly error: string | null
}

interface TimelineProps {
  readonly spans: readonly TimedSpan[]
  /** Length of the time axis, ms. Default: until the end of the last span. */
  readonly wholeMs?: number
}

/** Spans as bars on one time axis, in order of their start. */
export function Timeline({ spans, wholeMs = 0 }: TimelineProps) {
  const totalMs = Math.max(...spans.map(({ offset_ms: offsetMs, ms }) => offsetMs + ms), wholeMs, 0.001)
  const percent = (ms: number) => `${(100 * ms) / totalMs}%`
  return (
    <ol className="timeline">
      {spans.map(({ name, offset_ms: offsetMs, ms, error }, i) => (
        // biome-ignore lint/suspicious/noArrayIndexKey: the list never changes, and spans can be equal.
        <li key={i}>
          <span className="name">
            <Value text={name} />
          </span>
          <span className="track" aria-hidden="true">
            <span
              className={error === null ? 'bar' : 'bar bad'}
              style={{ marginLeft: percent(offsetMs), width: `max(2px, ${percent(ms)})` }}
            />
          </span>
          <span className="number">{durationText(ms)}</span>
          {error !== null && (
            <span className="error">
              <Value text={error} />
            </span>
          )}
        </li>
      ))}
    </ol>
  )
}
