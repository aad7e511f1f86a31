import type { ReactNode } from 'react'
import { type CallProblem, remedyOf } from '../api/problem.ts'
import type { Loaded } from '../api/use-operation.ts'
import { Time } from './texts.tsx'

type Tone = 'plain' | 'warn' | 'bad'

interface NoticeProps {
  readonly children: ReactNode
  readonly tone?: Tone
  /** Quiet: a message in place of content, without a frame. */
  readonly quiet?: boolean
}

export function Notice({ children, tone = 'plain', quiet = false }: NoticeProps) {
  return <div className={`notice ${tone}${quiet ? ' quiet' : ''}`}>{children}</div>
}

interface ProblemNoticeProps {
  readonly problem: CallProblem
  readonly onRetry?: () => void
}

/** A failed call: what happened, what to do, and the request id under which the log of the node has it. */
export function ProblemNotice({ problem, onRetry }: ProblemNoticeProps) {
  const { title, detail, errors = [], instance } = problem
  const remedy = remedyOf(problem)
  return (
    <div className="notice bad" role="alert">
      <strong>{title}</strong>
      <p>{detail}</p>
      {errors.length > 1 && (
        <ul>
          {errors.map(({ pointer, parameter, detail: each }) => (
            <li key={`${pointer}${parameter}${each}`}>
              <code>{pointer ?? parameter}</code> {each}
            </li>
          ))}
        </ul>
      )}
      {remedy !== undefined && <p className="remedy">{remedy}</p>}
      {(instance !== undefined || onRetry !== undefined) && (
        <p className="foot">
          {instance !== undefined && (
            <span>
              Request id <code>{instance}</code>
            </span>
          )}
          {onRetry !== undefined && (
            <button type="button" className="button small" onClick={onRetry}>
              Try again
            </button>
          )}
        </p>
      )}
    </div>
  )
}

interface LoadedContentProps<Document> {
  readonly of: Loaded<Document>
  readonly children: (document: Document) => ReactNode
  /** Sentence to show when the document has no content, and the condition. */
  readonly empty?: (document: Document) => ReactNode | undefined | false
}

/** Content of a call: its document, or why it is missing. After a failed repetition, the earlier document stays. */
export function LoadedContent<Document>({ of, children, empty }: LoadedContentProps<Document>) {
  const { document, problem, loadedMs, reload } = of
  if (document === undefined) {
    return problem === undefined ? (
      <div className="loading" aria-busy="true">
        Loading …
      </div>
    ) : (
      <ProblemNotice problem={problem} onRetry={reload} />
    )
  }
  const nothing = empty?.(document)
  return (
    <>
      {problem !== undefined && loadedMs !== undefined && (
        <Notice tone="warn">
          Not updated since <Time iso={new Date(loadedMs).toISOString()} />: {problem.detail}{' '}
          <button type="button" className="button small" onClick={reload}>
            Try again
          </button>
        </Notice>
      )}
      {nothing ? <Notice quiet>{nothing}</Notice> : children(document)}
    </>
  )
}
