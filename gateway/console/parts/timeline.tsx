import type { ReplyOf } from '../api/call.ts'
import { durationText } from '../text/format.ts'
import { Value } from './texts.tsx'

type Span = ReplyOf<'show_trace'>['spans'][number]

/** Spans as bars on one time axis, in order of their start. */
export function Timeline({ spans }: { readonly spans: readonly Span[] }) {
  const totalMs = Math.max(...spans.map(({ offset_ms: offsetMs, ms }) => offsetMs + ms), 0.001)
  const percent = (ms: number) => `${(100 * ms) / totalMs}%`
  return (
    <ol className="timeline">
      {spans.map(({ span_id: id, name, offset_ms: offsetMs, ms, error }) => (
        <li key={id}>
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
