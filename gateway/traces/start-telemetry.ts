import type { TelemetrySettings } from '../base/telemetry-settings.ts'
import type { RedisLink } from '../redis/redis-link.ts'
import type { MetricSource } from '../telemetry/metrics.ts'
import type { NodeLog } from '../telemetry/node-log.ts'
import type { OriginNames } from '../telemetry/origin-names.ts'
import { Telemetry } from '../telemetry/telemetry.ts'
import { RecentTraces } from './recent-traces.ts'

/** What a process tells of itself, and what it keeps of its traces. */
export interface StartedTelemetry {
  readonly telemetry: Telemetry
  /** `undefined`: none are kept. */
  readonly recent: RecentTraces | undefined
  readonly sources: readonly MetricSource[]
  /** Sends and writes what waits, as far as that takes no longer than a moment. */
  close(): Promise<void>
}

/** @param link  `undefined`: there is no Redis, and nothing is kept */
export async function startTelemetry(
  settings: TelemetrySettings,
  names: OriginNames,
  log: NodeLog,
  link: RedisLink | undefined,
): Promise<StartedTelemetry> {
  const max = settings.traces?.recent ?? 0
  const recent = link === undefined || max === 0 ? undefined : new RecentTraces({ link, max, log: log.log.bind(log) })
  const kept = recent === undefined ? [] : [recent]
  const telemetry = await Telemetry.start(settings, names, log, kept)
  const close = async (): Promise<void> => {
    await Promise.all([telemetry.close(), recent?.close()])
  }
  return { telemetry, recent, sources: [telemetry, ...kept], close }
}
