import { z } from 'zod'
import type { TelemetrySettings, TraceSettings } from '../base/telemetry-settings.ts'
import { OtelVariables } from './otel-variables.ts'
import { secretReference } from './secret.ts'
import { addProblem, type SettingsContext, settingSecret } from './settings-context.ts'
import { duration, InvalidText, parsedText } from './text-schemas.ts'
import { isPrivate, readWebUrl } from './web-url.ts'

const endpoint = (signal: string) =>
  parsedText('an http or https URL', readWebUrl).describe(
    `Receiver of OTLP over HTTP in protobuf, such as http://collector:4318. Without a path, /v1/${signal} is appended.`,
  )

function readLink(text: string): string | InvalidText {
  if (!/^https?:\/\/[\x21-\x7e]{1,2000}$/.test(text)) return new InvalidText('must be an http or https URL')
  return text.includes('{trace_id}')
    ? text
    : new InvalidText('must contain {trace_id}, which is replaced by the trace id')
}

const traceSettings = z.strictObject({
  endpoint: endpoint('traces').optional().meta({ reload: 'restart' }),
  sample: z
    .number()
    .min(0)
    .max(1)
    .optional()
    .describe(
      'Fraction of the exchanges that is recorded, 0 to 1. An admitted exchange in a trace of the client is recorded ' +
        'when the client records the trace. Default 0.01, or the value of OTEL_TRACES_SAMPLER.',
    )
    .meta({ reload: 'restart' }),
  slow: duration({ min: '1ms', max: '1h' })
    .optional()
    .describe('Time until the start of the reply after which an exchange is always recorded. Default none.')
    .meta({ reload: 'restart' }),
  faults: z
    .boolean()
    .prefault(false)
    .describe(
      'Whether every exchange that failed because of a fault is recorded. A request that the policy rejects is not a ' +
        'fault. Default false.',
    )
    .meta({ reload: 'restart' }),
  max_per_second: z
    .int()
    .min(1)
    .max(1_000_000)
    .prefault(1000)
    .describe(
      'Maximum number of exchanges that a node records per second. Default 1000. With `faults`, one tenth is reserved ' +
        'for faults; exchanges that were not admitted use at most half of the rest.',
    )
    .meta({ reload: 'restart' }),
  recent: z
    .int()
    .min(0)
    .max(100_000)
    .prefault(1000)
    .describe(
      'Number of recorded exchanges that Redis keeps for `gatehouse traces`, the latest ones, for at most one day. ' +
        'Each takes 2 KiB. Default 1000; 0 keeps none.',
    )
    .meta({ reload: 'restart' }),
  link: parsedText('an http or https URL with {trace_id} in it', readLink)
    .optional()
    .describe('URL of a trace in an external viewer: https://jaeger.example/trace/{trace_id}. Default none.')
    .meta({ reload: 'restart' }),
})

const telemetryKeys = z.strictObject({
  authorization: secretReference
    .optional()
    .describe(
      'Value of the Authorization field for the receivers. They must then use https, or http on loopback. Default none.',
    ),
  traces: traceSettings
    .optional()
    .describe('Traces of exchanges. Default: none is recorded, unless OTEL_EXPORTER_OTLP_ENDPOINT is set.'),
  metrics: z
    .strictObject({
      endpoint: endpoint('metrics').meta({ reload: 'restart' }),
      interval: duration({ min: '1s', max: '1h' })
        .optional()
        .describe('Time between two exports. Default 60s, or the value of OTEL_METRIC_EXPORT_INTERVAL.')
        .meta({ reload: 'restart' }),
    })
    .optional()
    .describe('Export of the metrics of /metrics. Default none.'),
  logs: z
    .strictObject({ endpoint: endpoint('logs').meta({ reload: 'restart' }) })
    .optional()
    .describe('Export of the log of the node, in addition to stdout. The access log is not exported. Default none.'),
})

type TelemetryKeys = z.output<typeof telemetryKeys>

const DEFAULT_SAMPLE = 0.01
const DEFAULT_INTERVAL_MS = 60_000

/**
 * Schema of the settings `telemetry`: traces, metrics and logs that a process exports over OTLP. Values that the
 * settings do not set come from the standard variables of OpenTelemetry. The exporters read more of these variables
 * themselves: `OtelVariables` lists all that have an effect.
 */
export const telemetrySettings = (context: SettingsContext) =>
  telemetryKeys
    .transform((data, ctx): TelemetrySettings => {
      const otel = new OtelVariables(context.env, context.problems)
      context.warnings.push(...otel.withoutEffect)
      if (otel.disabled) return { traces: undefined, metrics: undefined, logs: undefined }
      const metrics = otel.endpoint('metrics', data.metrics?.endpoint)
      const intervalMs = data.metrics?.interval ?? otel.intervalMs ?? DEFAULT_INTERVAL_MS
      const logs = otel.endpoint('logs', data.logs?.endpoint)
      const traces = tracesOf(data, otel)
      const check = (text: string) => authorizationError(text, [traces?.endpoint, metrics, logs])
      const use = { path: ['telemetry', 'authorization'], usedBy: 'export of telemetry', check }
      const authorization = settingSecret(data.authorization, ['authorization'], ctx, context, use)
      const message = authorization === undefined ? undefined : check(authorization)
      if (message !== undefined) addProblem(ctx, { code: 'GH_CONFIG_SECRET', message, path: ['authorization'] })
      return {
        traces,
        metrics: metrics === undefined ? undefined : { endpoint: metrics, intervalMs },
        logs: logs === undefined ? undefined : { endpoint: logs },
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
 * Returns the error in the Authorization value for the exporters; `undefined` when the value is valid.
 *
 * @param endpoints  URLs to which the value would be sent
 */
function authorizationError(authorization: string, endpoints: readonly (string | undefined)[]): string | undefined {
  if (!/^[\x20-\x7e]+$/.test(authorization)) return 'must contain only visible ASCII characters and spaces'
  const open = endpoints.find((url) => url !== undefined && !isPrivate(new URL(url)))
  return open && `must not be sent unencrypted to ${new URL(open).origin}: use https, or http on loopback`
}
