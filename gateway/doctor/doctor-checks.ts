import { certificates } from './checks/certificates.ts'
import { clientSecrets } from './checks/client-secrets.ts'
import { clock } from './checks/clock.ts'
import { discovery } from './checks/discovery.ts'
import { files } from './checks/files.ts'
import { keys } from './checks/keys.ts'
import { redirectUriCheck } from './checks/redirect-uris.ts'
import { redisCommands } from './checks/redis-commands.ts'
import { redisServer } from './checks/redis-server.ts'
import { upstreamHealth } from './checks/upstream-health.ts'
import { upstreams } from './checks/upstreams.ts'
import type { DoctorCheck } from './doctor-check.ts'

/** All kinds of checks of `gatehouse doctor`, in the order of its report. */
export const doctorChecks: readonly DoctorCheck[] = [
  files,
  redisServer,
  redisCommands,
  discovery,
  keys,
  clientSecrets,
  redirectUriCheck,
  upstreams,
  upstreamHealth,
  clock,
  certificates,
]
