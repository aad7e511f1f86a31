import { z } from 'zod'
import type { RedisSettings, RedisTls, RedisTopology } from '../base/redis-topology.ts'
import { certificatesError, keyFits, privateKeyError } from '../x509/certificate-texts.ts'
import { filePath } from './file-path.ts'
import type { SecretUse } from './open-secret.ts'
import type { DocumentPath } from './problem.ts'
import { readRedisHost, readRedisUrl, redisHostForm, redisUrlForm } from './redis-url.ts'
import { secretReference } from './secret.ts'
import { addProblem, type SettingsContext, settingCertificates, settingSecret } from './settings-context.ts'
import { duration, parsedText, text } from './text-schemas.ts'

const hosts = z
  .array(parsedText(redisHostForm, readRedisHost))
  .min(1)
  .describe('Addresses of some of the servers, as host:port. The node discovers the other servers.')
  .meta({ reload: 'restart' })

const name = text('1 to 128 visible characters', /^[\x21-\x7e]{1,128}$/)

const sentinelSettings = z.strictObject({
  hosts,
  master: name.describe('Name of the Redis master in the configuration of the sentinels.').meta({ reload: 'restart' }),
  username: name.optional().describe('User name for the sentinels. Default none.').meta({ reload: 'live' }),
  password: secretReference.optional().describe('Password for the sentinels. Default none.'),
})

const clusterSettings = z.strictObject({ hosts })

const certificateFile = (description: string) => filePath.describe(description).meta({ reload: 'live' })

const redisTls = z.strictObject({
  ca: certificateFile(
    'Certificates in PEM of the authorities that sign the server certificates. Default: the authorities of the system.',
  ).optional(),
  cert: certificateFile('Certificate of this node in PEM, for servers that require one. Requires `key`.').optional(),
  key: secretReference.optional().describe('Private key of `cert`, in PEM.'),
  server_name: name
    .optional()
    .describe('Name that the server certificates must contain. Default: the host of the connection.')
    .meta({ reload: 'restart' }),
})

const redisKeys = z.strictObject({
  url: parsedText(redisUrlForm, readRedisUrl)
    .optional()
    .describe(
      'URL of a single server: redis://host[:port][/database], rediss://… or unix:///path. Set exactly one of `url`, ' +
        '`sentinel` and `cluster`.',
    )
    .meta({ reload: 'restart' }),
  sentinel: sentinelSettings
    .optional()
    .describe('Master that Redis Sentinel names. After a failover, the nodes use the new master.'),
  cluster: clusterSettings.optional().describe('Servers of a Redis Cluster.'),
  username: name
    .optional()
    .describe(
      'ACL user. Default: the user `default` of the server. New connections use a changed user and password; open ' +
        'connections stay open.',
    )
    .meta({ reload: 'live' }),
  password: secretReference.optional().describe('Password of the ACL user. Default none.'),
  tls: redisTls
    .optional()
    .describe('TLS to the servers and sentinels. `{}` trusts the certificate authorities of the system.'),
  prefix: text('1 to 64 letters, digits, dots, :, - or _', /^[A-Za-z0-9._:-]{1,64}$/)
    .prefault('gh:')
    .describe(
      'Prefix of every key and channel name. All nodes and workers of a cluster need the same value. Default `gh:`.',
    )
    .meta({ reload: 'restart' }),
  min_replicas_max_lag: duration({ min: '1s', max: '5m' })
    .optional()
    .describe(
      'Value of min-replicas-max-lag in the configuration of the servers. Required with `sentinel`. A master that ' +
        'was cut off accepts writes for this time, so receipts of revocations add it to the time that they promise.',
    )
    .meta({ reload: 'restart' }),
  cluster_node_timeout: duration({ min: '100ms', max: '5m' })
    .optional()
    .describe(
      'Value of cluster-node-timeout in the configuration of the servers. Required with `cluster`. ' +
        '`revocation.max_staleness` must exceed it.',
    )
    .meta({ reload: 'restart' }),
})

type RedisKeys = z.output<typeof redisKeys>

/**
 * Schema of the settings `redis`: the Redis that the nodes of one cluster share. Parsing also reads the secrets and
 * certificates.
 */
export const redisSettings = (context: SettingsContext) =>
  redisKeys.transform((data, ctx): RedisSettings | undefined => {
    const place = topologyOf(data, ctx, context)
    const tls = tlsOf(data, ctx, context)
    const password = settingSecret(data.password, ['password'], ctx, context, usedAt('password'))
    if (data.username !== undefined && data.password === undefined) {
      addProblem(ctx, {
        code: 'GH_CONFIG_MISSING',
        message: 'is required with redis.username',
        path: ['password'],
        hint: 'set password: { env: NAME } or { file: PATH }',
      })
    }
    return place && { place, tls, username: data.username, password, prefix: data.prefix }
  })

function topologyOf(data: RedisKeys, ctx: z.RefinementCtx, context: SettingsContext): RedisTopology | undefined {
  const set = (['url', 'sentinel', 'cluster'] as const).filter((key) => data[key] !== undefined)
  const [topology, ...others] = set
  if (topology === undefined || others.length > 0) {
    const given = topology === undefined ? '' : `, not ${set.join(' and ')}`
    const message = `must have exactly one of url, sentinel and cluster${given}`
    addProblem(ctx, { code: 'GH_CONFIG_VALUE', message, path: [] })
    return undefined
  }
  rejectKeysOfOtherTopologies(data, topology, ctx)
  if (data.url !== undefined) return { topology: 'standalone', server: data.url.server, database: data.url.database }
  if (data.cluster !== undefined) {
    const nodeTimeoutMs = requiredWith('redis.cluster', data, 'cluster_node_timeout', ctx)
    return nodeTimeoutMs === undefined ? undefined : { topology: 'cluster', hosts: data.cluster.hosts, nodeTimeoutMs }
  }
  const { hosts, master, username, password } = data.sentinel!
  const minReplicasMaxLagMs = requiredWith('redis.sentinel', data, 'min_replicas_max_lag', ctx)
  const read = settingSecret(password, ['sentinel', 'password'], ctx, context, usedAt('sentinel', 'password'))
  if (minReplicasMaxLagMs === undefined) return undefined
  return { topology: 'sentinel', sentinels: hosts, master, username, password: read, minReplicasMaxLagMs }
}

function requiredWith(
  topology: string,
  data: RedisKeys,
  key: 'cluster_node_timeout' | 'min_replicas_max_lag',
  ctx: z.RefinementCtx,
): number | undefined {
  if (data[key] === undefined) {
    addProblem(ctx, { code: 'GH_CONFIG_MISSING', message: `is required with ${topology}`, path: [key] })
  }
  return data[key]
}

/**
 * Rejects settings that apply only to a Redis topology that is not configured. Without this error an operator would
 * believe that such a setting has an effect, for example that it protects data.
 */
function rejectKeysOfOtherTopologies(
  data: RedisKeys,
  topology: 'url' | 'sentinel' | 'cluster',
  ctx: z.RefinementCtx,
): void {
  const reject = (key: keyof RedisKeys, message: string) =>
    addProblem(ctx, { code: 'GH_CONFIG_VALUE', message, path: [key] })
  if (data.min_replicas_max_lag !== undefined && topology !== 'sentinel') {
    reject('min_replicas_max_lag', 'must not be set without redis.sentinel')
  }
  if (data.cluster_node_timeout !== undefined && topology !== 'cluster') {
    reject('cluster_node_timeout', 'must not be set without redis.cluster')
  }
  if (data.tls !== undefined && data.url !== undefined && 'path' in data.url.server) {
    reject('tls', 'must not be set for a Unix socket')
  }
}

function tlsOf({ tls, url }: RedisKeys, ctx: z.RefinementCtx, context: SettingsContext): RedisTls | undefined {
  if (tls === undefined) {
    return url?.tls === true ? { ca: undefined, cert: undefined, key: undefined, serverName: undefined } : undefined
  }
  if ((tls.cert === undefined) !== (tls.key === undefined)) {
    const [missing, given] = tls.cert === undefined ? ['cert', 'key'] : ['key', 'cert']
    const message = `is required with redis.tls.${given}`
    addProblem(ctx, { code: 'GH_CONFIG_MISSING', message, path: ['tls', missing] })
  }
  const key = settingSecret(tls.key, ['tls', 'key'], ctx, context, { ...usedAt('tls', 'key'), check: privateKeyError })
  const certificates = (file: string | undefined, path: DocumentPath, certificate: 'client' | 'authority') => {
    const use = { ...usedAt(...path), check: certificatesError, certificate }
    return settingCertificates(file, path, ctx, context, use)
  }
  const cert = certificates(tls.cert, ['tls', 'cert'], 'client')
  if (cert !== undefined && key !== undefined && !keyFits(cert, key)) {
    const message = `does not match ${tls.cert}; name the private key of the first certificate in that file`
    addProblem(ctx, { code: 'GH_CONFIG_SECRET', message, path: ['tls', 'key'] })
  }
  return { ca: certificates(tls.ca, ['tls', 'ca'], 'authority'), cert, key, serverName: tls.server_name }
}

const usedAt = (...path: DocumentPath): SecretUse => ({ path: ['redis', ...path], usedBy: 'connections to Redis' })
