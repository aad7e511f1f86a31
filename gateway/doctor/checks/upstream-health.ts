import type { LoadedSettings } from '../../config/settings.ts'
import type { ServicePolicy } from '../../policy/snapshot.ts'
import { HealthCheck } from '../../upstream/checks/health-check.ts'
import type { HealthRules } from '../../upstream/checks/health-rules.ts'
import { ConcurrencyLimiter } from '../../upstream/concurrency-limiter.ts'
import { nameResolver } from '../../upstream/names/name-resolver.ts'
import { openTarget } from '../../upstream/open-target.ts'
import type { DoctorCheck } from '../doctor-check.ts'
import { failedCheck, type Outcome, ok } from '../finding.ts'
import { perAddress } from '../per-address.ts'
import { upstreamMaterial } from './upstreams.ts'

const remedy = 'check that the service runs, and services.NAME.health in the policy: path and expect'

/** Runs the health check of each address of each upstream whose service has `health`, once, on a new connection. */
export const upstreamHealth: DoctorCheck = {
  name: 'upstream-health',
  remedy,
  tasks: ({ snapshot, loaded }) =>
    (snapshot?.services ?? []).flatMap((service) => {
      const { health } = service
      if (health === undefined) return []
      return service.upstreams.map((origin) => ({
        subject: `${service.id} ${origin.origin}`,
        run: (signal) =>
          perAddress(origin, loaded, remedy, (peer) => check(service, health, origin, peer, loaded, signal)),
      }))
    }),
}

async function check(
  service: ServicePolicy,
  rules: HealthRules,
  origin: URL,
  peer: string | undefined,
  { settings, sources }: LoadedSettings,
  signal: AbortSignal,
): Promise<Outcome> {
  const material = upstreamMaterial(service, origin, sources.env)
  const seats = new ConcurrencyLimiter('health check', 1)
  const { lookup } = nameResolver(settings.upstreamDns.servers)
  const target = openTarget(origin, service.protocol, rules.timeoutMs, 1, { seats, material, peer, lookup })
  const healthCheck = new HealthCheck(rules, target)
  const end = AbortSignal.any([signal, AbortSignal.timeout(rules.timeoutMs)])
  end.addEventListener('abort', () => healthCheck.timeOut(), { once: true })
  const { result, detail } = await healthCheck.run()
  return result === 'passed'
    ? ok(`passes its health check: ${detail}`)
    : failedCheck(`fails its health check: ${detail}`, remedy)
}
