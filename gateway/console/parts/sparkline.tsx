import { sparkPath } from './spark-path.ts'

interface SparklineProps {
  readonly values: readonly number[]
  /** Text that describes the sparkline for screen readers. */
  readonly label: string
  readonly isRefused?: boolean
}

/** A small line without axes: the course of a number in a row of a table. */
export function Sparkline({ values, label, isRefused = false }: SparklineProps) {
  const d = sparkPath(values)
  return (
    <svg className="spark" viewBox="0 0 100 24" preserveAspectRatio="none" role="img" aria-label={label}>
      {d !== '' && <path d={d} className={isRefused ? 'refused' : undefined} />}
    </svg>
  )
}
