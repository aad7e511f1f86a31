import { z } from 'zod'
import type { TelemetrySettings, TraceSettings } from '../base/telemetry-settings.ts'
import { OtelVariables } from './otel-variables.ts'
import { secretReference } from './secret.ts'
import { addProblem, type SettingsContext, settingSecret } from './settings-context.ts'
import { duration, InvalidText, parsedText } from './text-schemas.ts'
import { isPrivate, readWebUrl } from './web-url.ts'

const endpoint = (signal: string) =>
  parsedText('an http or https URL', readWebUrl).describe(
    `Receiver of OTLP over HTTP in protobuf, such as http://collector:4318. Without a path it gets /v1/${signal}.`,
  )

function readLink(text: string): string | InvalidText {
  if (!/^https?:\/\/[\x21-\x7e]{1,2000}$/.test(text)) return new InvalidText('must be an http or https URL')
  return text.includes('{trace_id}') ? text : new InvalidText('must have {trace_id} where the id belongs')
}

const traceSettings = z.strictObject({
  endpoint: endpoint('traces').optional().meta({ reload: 'restart' }),
  sample: z
    .number()
    .min(0)
    .max(1)
    .optional()
    .describe(
      'Part of the exchanges that is recorded, 0 to 1. Of admitted exchanges that belong to a trace of the client, those that ' +
        'the client records. Default 0.01, unless OTEL_TRACES_SAMPLER says otherwise.',
    )
    .meta({ reload: 'restart' }),
  slow: duration({ min: '1ms', max: '1h' })
    .optional()
    .describe('Exchanges whose reply began later than this are recorded in any case. Default none.')
    .meta({ reload: 'restart' }),
  faults: z
    .boolean()
    .prefault(false)
    .describe('Records every exchange that failed: what broke, not what the policy refused. Default false.')
    .meta({ reload: 'restart' }),
  max_per_second: z
    .int()
    .min(1)
    .max(1_000_000)
    .prefault(1000)
    .describe(
      'Most exchanges that a node records in a second. Default 1000. With `faults` a tenth is reserved for faults; exchanges ' +
        'that were not admitted have at most half of the rest.',
    )
    .meta({ reload: 'restart' }),
  recent: z
    .int()
    .min(0)
    .max(100_000)
    .prefault(1000)
    .describe(
      'So many of the last recorded exchanges are kept in Redis for `gatehouse traces`, 2 KiB each, for a day at most. ' +
        'Default 1000; 0 keeps none.',
    )
    .meta({ reload: 'restart' }),
  link: parsedText('an http or https URL with {trace_id} in it', readLink)
    .optional()
    .describe('Where people look at a trace elsewhere: https://jaeger.example/trace/{trace_id}. Default none.')
    .meta({ reload: 'restart' }),
})

const telemetryKeys = z.strictObject({
  authorization: secretReference
    .optional()
    .describe(
      'Value of the Authorization field for the receivers, which have to be https then, or on loopback. Default none.',
    ),
  traces: traceSettings
    .optional()
    .describe('Traces. Default none are recorded, unless OTEL_EXPORTER_OTLP_ENDPOINT says where they go.'),
  metrics: z
    .strictObject({
      endpoint: endpoint('metrics').meta({ reload: 'restart' }),
      interval: duration({ min: '1s', max: '1h' })
        .optional()
        .describe('Time between two readings. Default 60s, unless OTEL_METRIC_EXPORT_INTERVAL says otherwise.')
        .meta({ reload: 'restart' }),
    })
    .optional()
    .describe('What /metrics says, sent. Default none.'),
  logs: z
    .strictObject({ endpoint: endpoint('logs').meta({ reload: 'restart' }) })
    .optional()
    .describe("The node's own log, sent beside being written; not the access log. Default none."),
})

type TelemetryKeys = z.output<typeof telemetryKeys>

const DEFAULT_SAMPLE = 0.01
const DEFAULT_INTERVAL_MS = 60_000

/**
 * `telemetry`: signals that a process exports over OTLP. OpenTelemetry's own variables provide the values that the
 * settings do not set. The exporters read more of these variables themselves: `OtelVariables` lists all that have an
 * effect.
 */
export const telemetrySettings = (context: SettingsContext) =>
  telemetryKeys
    .transform((data, ctx): TelemetrySettings => {
      const otel = new OtelVariables(context.env, context.problems)
      context.warnings.push(...otel.withoutEffect)
      if (otel.disabled) return { traces: undefined, metrics: undefined, logs: undefined, authorization: undefined }
      const metrics = otel.endpoint('metrics', data.metrics?.endpoint)
      const intervalMs = data.metrics?.interval ?? otel.intervalMs ?? DEFAULT_INTERVAL_MS
      const logs = otel.endpoint('logs', data.logs?.endpoint)
      const traces = tracesOf(data, otel)
      const authorization = settingSecret(data.authorization, ['authorization'], ctx, context)
      const message = authorizationError(authorization, [traces?.endpoint, metrics, logs])
      if (message !== undefined) addProblem(ctx, { code: 'GH_CONFIG_SECRET', message, path: ['authorization'] })
      return {
        traces,
        metrics: metrics === undefined ? undefined : { endpoint: metrics, intervalMs },
        logs: logs === undefined ? undefined : { endpoint: logs },
        authorization,
      }
    })
    .prefault({})

function tracesOf({ traces }: TelemetryKeys, otel: OtelVariables): TraceSettings | undefined {
  const endpoint = otel.endpoint('traces', traces?.endpoint)
  if (traces === undefined && endpoint === undefined) return undefined
  otel.requirePropagators()
  const sampling =
    traces?.sample === undefined
      ? otel.sampling(DEFAULT_SAMPLE)
      : ({ ratio: traces.sample, parentBased: true } as const)
  return {
    endpoint,
    ...sampling,
    slowMs: traces?.slow,
    faults: traces?.faults ?? false,
    maxPerSecond: traces?.max_per_second ?? 1000,
    recent: traces?.recent ?? 1000,
    link: traces?.link,
  }
}

/**
 * Returns the error in an authorization for the exporters; `undefined` when it is valid or absent.
 *
 * @param endpoints  endpoints that each receive it
 */
function authorizationError(
  authorization: string | undefined,
  endpoints: readonly (string | undefined)[],
): string | undefined {
  if (authorization === undefined) return undefined
  if (!/^[\x20-\x7e]+$/.test(authorization)) return 'has a character that no field value has'
  const open = endpoints.find((url) => url !== undefined && !isPrivate(new URL(url)))
  return open && `would be read on the way to ${new URL(open).origin}: only https, or http on loopback, may get it`
}
