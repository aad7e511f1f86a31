import type { Secret } from '../base/secret.ts'
import type { TelemetrySettings } from '../base/telemetry-settings.ts'
import type { RedisLink } from '../redis/redis-link.ts'
import type { MetricSource } from '../telemetry/metrics.ts'
import type { NodeLog } from '../telemetry/node-log.ts'
import type { OriginNames } from '../telemetry/origin-names.ts'
import { Telemetry } from '../telemetry/telemetry.ts'
import { RecentTraces } from './recent-traces.ts'

/** Telemetry of a process: OTLP export and the recent traces in Redis. */
export interface StartedTelemetry {
  readonly telemetry: Telemetry
  /** Recent traces; `undefined` when the process stores none. */
  readonly recent: RecentTraces | undefined
  readonly sources: readonly MetricSource[]
  /** Sends waiting telemetry, for at most 2 s, and writes the waiting traces to Redis. */
  close(): Promise<void>
}

/**
 * Starts the telemetry of a process.
 *
 * @param link           connection to Redis; `undefined` without Redis: no recent traces are then stored
 * @param authorization  returns the secret `telemetry.authorization` of the settings in force
 */
export async function startTelemetry(
  settings: TelemetrySettings,
  names: OriginNames,
  log: NodeLog,
  link: RedisLink | undefined,
  authorization: () => Secret | undefined,
): Promise<StartedTelemetry> {
  const max = settings.traces?.recent ?? 0
  const recent = link === undefined || max === 0 ? undefined : new RecentTraces({ link, max, log: log.log.bind(log) })
  const kept = recent === undefined ? [] : [recent]
  const telemetry = await Telemetry.start(settings, names, log, kept, authorization)
  const close = async (): Promise<void> => {
    await Promise.all([telemetry.close(), recent?.close()])
  }
  return { telemetry, recent, sources: [telemetry, ...kept], close }
}
