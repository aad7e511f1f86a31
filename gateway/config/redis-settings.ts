import { z } from 'zod'
import type { RedisHost } from '../base/redis-topology.ts'
import { duration, InvalidText, parsed, text } from './parsed.ts'
import { secretReference } from './secret.ts'

const hostForm = 'host:port or [address]:port'

function readHost(written: string): RedisHost | undefined {
  const [, bracketed, plain, digits] =
    /^(?:\[([0-9a-fA-F:.]+)\]|([A-Za-z0-9._-]+)):([1-9][0-9]{0,4})$/.exec(written) ?? []
  const port = Number(digits)
  return digits === undefined || port > 65_535 ? undefined : { host: (bracketed ?? plain)!, port }
}

const urlForm = 'redis://host[:port][/database], rediss://… or unix:///path/of.sock'

/** Parsed URL of a Redis server. */
interface RedisUrl {
  readonly server: RedisHost | { readonly path: string }
  readonly database: number
  readonly tls: boolean
}

/** Parses a Redis URL. Messages never quote the text, because it may contain a password. */
function readRedisUrl(written: string): RedisUrl | InvalidText | undefined {
  if (/^unix:\/\/\/[^\s?#]+$/.test(written)) {
    return { server: { path: written.slice('unix://'.length) }, database: 0, tls: false }
  }
  const url = /^rediss?:\/\/[\x21-\x7e]+$/.test(written) ? URL.parse(written) : null
  if (url === null || url.hostname === '') return undefined
  if (url.username !== '' || url.password !== '') {
    return new InvalidText('must not hold a user or password: set redis.username and redis.password')
  }
  const database = /^\/(0|[1-9][0-9]{0,3})$/.exec(url.pathname || '/0') ?? /^\/$/.exec(url.pathname)
  if (database === null || url.search !== '' || url.hash !== '') return undefined
  const host = url.hostname.replace(/^\[|\]$/g, '')
  const server = { host, port: Number(url.port || 6379) }
  return { server, database: Number(database[1] ?? 0), tls: url.protocol === 'rediss:' }
}

const hosts = z
  .array(parsed(hostForm, readHost))
  .min(1)
  .describe('Some of the servers, as host:port. The others are learnt from them.')
  .meta({ reload: 'restart' })

const name = text('1 to 128 visible characters', /^[\x21-\x7e]{1,128}$/)

const sentinelSettings = z.strictObject({
  hosts,
  master: name.describe('Name under which the sentinels know the master.').meta({ reload: 'restart' }),
  username: name.optional().describe('User at the sentinels themselves. Default none.').meta({ reload: 'restart' }),
  password: secretReference.optional().describe('Password at the sentinels themselves. Default none.'),
})

const clusterSettings = z.strictObject({ hosts })

const certificateFile = (what: string) => z.string().min(1).describe(what).meta({ reload: 'restart' })

const redisTls = z.strictObject({
  ca: certificateFile(
    'Certificates of the authorities that sign the servers’, in PEM. Default those of the system.',
  ).optional(),
  cert: certificateFile('Certificate of this node, in PEM, where the servers ask for one. Needs `key`.').optional(),
  key: secretReference.optional().describe('Private key of `cert`, in PEM.'),
  server_name: name
    .optional()
    .describe('Name that the certificates must have. Default the host that is connected to.')
    .meta({ reload: 'restart' }),
})

/** `redis`: the Redis that the nodes of one cluster share. */
export const redisSettings = z.strictObject({
  url: parsed(urlForm, readRedisUrl)
    .optional()
    .describe('One server: redis://host[:port][/database], rediss://… or unix:///path. Or `sentinel`, or `cluster`.')
    .meta({ reload: 'restart' }),
  sentinel: sentinelSettings.optional().describe('The master that these sentinels name, followed through failovers.'),
  cluster: clusterSettings.optional().describe('A Redis Cluster.'),
  username: name.optional().describe('ACL user. Default: that of the server, `default`.').meta({ reload: 'restart' }),
  password: secretReference.optional().describe('Its password. Default none.'),
  tls: redisTls.optional().describe('TLS to the servers, sentinels too. `{}` trusts the system’s authorities.'),
  prefix: text('1 to 64 letters, digits, dots, :, - or _', /^[A-Za-z0-9._:-]{1,64}$/)
    .prefault('gh:')
    .describe('Before the name of every key and channel. The same for all nodes of a cluster. Default `gh:`.')
    .meta({ reload: 'restart' }),
  min_replicas_max_lag: duration({ min: '1s', max: '5m' })
    .optional()
    .describe(
      'With `sentinel`, required: the servers’ own min-replicas-max-lag. For so long a master that was cut off goes on ' +
        'taking writes, so it is added to what a receipt promises.',
    )
    .meta({ reload: 'restart' }),
  cluster_node_timeout: duration({ min: '100ms', max: '5m' })
    .optional()
    .describe(
      'With `cluster`, required: the servers’ own cluster-node-timeout. `revocation.max_staleness` must exceed it.',
    )
    .meta({ reload: 'restart' }),
})

export type RedisDocument = z.output<typeof redisSettings>
