import type { TelemetrySettings, TraceSettings } from '../base/telemetry-settings.ts'
import { OtelVariables } from './otel-variables.ts'
import type { Problem } from './problem.ts'
import { problem } from './problem.ts'
import { type Environment, readSecret } from './secret.ts'
import type { SettingsLayers } from './settings-layers.ts'
import type { TelemetryDocument } from './telemetry-settings.ts'
import { isPrivate } from './web-url.ts'

interface Reading {
  readonly env: Environment
  readonly layers: SettingsLayers
  readonly problems: Problem[]
  readonly warnings: string[]
}

const SAMPLE = 0.01
const INTERVAL_MS = 60_000

const silent: TelemetrySettings = { traces: undefined, metrics: undefined, logs: undefined, authorization: undefined }

/**
 * Reads the `telemetry` settings. OpenTelemetry's own variables fill in what the settings do not set. Errors are added
 * to `problems`.
 *
 * The exporters read more of these variables themselves: `OtelVariables` lists all that have an effect.
 */
export function readTelemetry(data: TelemetryDocument, reading: Reading): TelemetrySettings {
  const otel = new OtelVariables(reading.env, reading.problems)
  reading.warnings.push(...otel.withoutEffect)
  if (otel.disabled) return silent
  const metrics = otel.endpoint('metrics', data.metrics?.endpoint)
  const intervalMs = data.metrics?.interval ?? otel.intervalMs ?? INTERVAL_MS
  const logs = otel.endpoint('logs', data.logs?.endpoint)
  const traces = tracesOf(data, otel)
  return {
    traces,
    metrics: metrics === undefined ? undefined : { endpoint: metrics, intervalMs },
    logs: logs === undefined ? undefined : { endpoint: logs },
    authorization: authorizationOf(data, reading, [traces?.endpoint, metrics, logs]),
  }
}

function tracesOf({ traces }: TelemetryDocument, otel: OtelVariables): TraceSettings | undefined {
  const endpoint = otel.endpoint('traces', traces?.endpoint)
  if (traces === undefined && endpoint === undefined) return undefined
  otel.requirePropagators()
  const sampling =
    traces?.sample === undefined ? otel.sampling(SAMPLE) : ({ ratio: traces.sample, parentBased: true } as const)
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
 * Reads the authorization for the exporters.
 *
 * @param endpoints  endpoints that each receive it
 */
function authorizationOf(
  { authorization }: TelemetryDocument,
  reading: Reading,
  endpoints: readonly (string | undefined)[],
): string | undefined {
  if (authorization === undefined) return undefined
  const path = ['telemetry', 'authorization']
  const { secret, failure, warning } = readSecret(authorization, reading.env, reading.layers.folderOf(path))
  if (warning !== undefined) reading.warnings.push(warning)
  const open = endpoints.find((url) => url !== undefined && !isPrivate(new URL(url)))
  const flaw =
    failure ??
    (/^[\x20-\x7e]+$/.test(secret!) ? undefined : 'has a character that no field value has') ??
    (open && `would be read on the way to ${new URL(open).origin}: only https, or http on loopback, may get it`)
  if (flaw !== undefined) reading.problems.push(problem('GH_CONFIG_SECRET', flaw, path, reading.layers.locate(path)))
  return secret
}
