import type { Job } from 'bullmq'
import { GatewayFault } from '../gateway/base/fault.ts'
import { newSpanId, newTraceId } from '../gateway/base/trace-id.ts'
import type { Span, SpanLink } from '../gateway/telemetry/span.ts'
import type { Tracer } from '../gateway/telemetry/tracer.ts'

type Work = (job: Pick<Job, 'data' | 'id' | 'queueName'>) => Promise<unknown>

interface TracedJobDependencies {
  /** Kind of the job, from the contract of the job. */
  readonly kind: string
  /** Name of the worker. */
  readonly node: string
  readonly tracer: Tracer
}

/**
 * Records a span for each job that a sampled exchange has caused. The span starts a new trace and links to the
 * exchange.
 */
export function tracedJob({ kind, node, tracer }: TracedJobDependencies, work: Work): Work {
  return async (job) => {
    const cause = causeOf(job)
    if (cause === undefined) return work(job)
    const [startMs, startedAt] = [Date.now(), performance.now()]
    const record = (error: string | undefined): void => {
      const endMs = startMs + performance.now() - startedAt
      tracer.record([spanOf(job, { kind, node, cause, startMs, endMs, error })])
    }
    try {
      const done = await work(job)
      record(undefined)
      return done
    } catch (error) {
      record(error instanceof GatewayFault ? error.reason : 'job-failed')
      throw error
    }
  }
}

/**
 * Returns the span of the sampled exchange that caused the job, if any. The payload of the job is untrusted, because it
 * has not been validated yet.
 */
export function causeOf({ data }: Pick<Job, 'data'>): SpanLink | undefined {
  const written: unknown = (data as { traceparent?: unknown } | null)?.traceparent
  const [, traceId, spanId] = (typeof written === 'string' && form.exec(written)) || []
  return traceId === undefined || spanId === undefined ? undefined : { traceId, spanId }
}

const form = /^00-([0-9a-f]{32})-([0-9a-f]{16})-01$/

interface Facts {
  readonly kind: string
  readonly node: string
  readonly cause: SpanLink
  readonly startMs: number
  readonly endMs: number
  readonly error: string | undefined
}

function spanOf(job: Parameters<Work>[0], { kind, node, cause, startMs, endMs, error }: Facts): Span {
  return {
    traceId: newTraceId(),
    spanId: newSpanId(),
    parentId: '',
    remoteParent: false,
    name: `process ${kind}`,
    kind: 'consumer',
    startMs,
    endMs,
    error,
    attributes: {
      'messaging.system': 'bullmq',
      'messaging.operation.name': 'process',
      'messaging.operation.type': 'process',
      'messaging.destination.name': `${kind}:${job.queueName}`,
      ...(job.id !== undefined && { 'messaging.message.id': job.id }),
      ...(error !== undefined && { 'error.type': error }),
      'gatehouse.node': node,
    },
    links: [cause],
  }
}
