import { readFileSync } from 'node:fs'
import { resolve } from 'node:path'
import type { RedisSettings, RedisTls, RedisTopology } from '../base/redis-topology.ts'
import { type Problem, problem } from './problem.ts'
import type { RedisDocument } from './redis-settings.ts'
import { type Environment, readSecret, type SecretReference } from './secret.ts'
import type { SettingsLayers } from './settings-layers.ts'

interface Reading {
  readonly env: Environment
  readonly layers: SettingsLayers
  readonly problems: Problem[]
  readonly warnings: string[]
}

/** Reads the `redis` settings with their secrets and certificates. Errors are added to `problems`. */
export function readRedis(data: RedisDocument | undefined, reading: Reading): RedisSettings | undefined {
  if (data === undefined) return undefined
  const place = placeOf(data, reading)
  const tls = tlsOf(data, reading)
  const password = secretAt(data.password, ['redis', 'password'], reading)
  if (data.username !== undefined && data.password === undefined) {
    complain(reading, 'GH_CONFIG_MISSING', 'is required with redis.username', 'password')
  }
  if (place === undefined) return undefined
  return { place, tls, username: data.username, password, prefix: data.prefix }
}

function placeOf(data: RedisDocument, reading: Reading): RedisTopology | undefined {
  const said = (['url', 'sentinel', 'cluster'] as const).filter((key) => data[key] !== undefined)
  if (said.length !== 1) {
    const message =
      said.length === 0 ? 'says nowhere: set url, sentinel or cluster' : `says ${said.join(' and ')}: one only`
    reading.problems.push(problem('GH_CONFIG_VALUE', message, ['redis'], reading.layers.locate(['redis'])))
    return undefined
  }
  refuseStray(data, said[0]!, reading)
  if (data.url !== undefined) return { topology: 'standalone', server: data.url.server, database: data.url.database }
  if (data.cluster !== undefined) {
    if (data.cluster_node_timeout === undefined) {
      complain(reading, 'GH_CONFIG_MISSING', 'is required with redis.cluster', 'cluster_node_timeout')
      return undefined
    }
    return { topology: 'cluster', hosts: data.cluster.hosts, nodeTimeoutMs: data.cluster_node_timeout }
  }
  const { hosts, master, username, password } = data.sentinel!
  if (data.min_replicas_max_lag === undefined) {
    complain(reading, 'GH_CONFIG_MISSING', 'is required with redis.sentinel', 'min_replicas_max_lag')
    return undefined
  }
  return {
    topology: 'sentinel',
    sentinels: hosts,
    master,
    username,
    password: secretAt(password, ['redis', 'sentinel', 'password'], reading),
    minReplicasMaxLagMs: data.min_replicas_max_lag,
  }
}

/**
 * Rejects keys that belong to another topology. An operator would believe that these keys have an effect, such as
 * protection.
 */
function refuseStray(data: RedisDocument, topology: 'url' | 'sentinel' | 'cluster', reading: Reading): void {
  if (data.min_replicas_max_lag !== undefined && topology !== 'sentinel') {
    complain(reading, 'GH_CONFIG_VALUE', 'is for redis.sentinel only', 'min_replicas_max_lag')
  }
  if (data.cluster_node_timeout !== undefined && topology !== 'cluster') {
    complain(reading, 'GH_CONFIG_VALUE', 'is for redis.cluster only', 'cluster_node_timeout')
  }
  if (data.tls !== undefined && data.url !== undefined && 'path' in data.url.server) {
    complain(reading, 'GH_CONFIG_VALUE', 'is not for a Unix socket', 'tls')
  }
}

function tlsOf(data: RedisDocument, reading: Reading): RedisTls | undefined {
  const { tls } = data
  if (tls === undefined) {
    return data.url?.tls === true
      ? { ca: undefined, cert: undefined, key: undefined, serverName: undefined }
      : undefined
  }
  if ((tls.cert === undefined) !== (tls.key === undefined)) {
    const missing = tls.cert === undefined ? 'cert' : 'key'
    complain(reading, 'GH_CONFIG_MISSING', 'cert and key belong together', 'tls', missing)
  }
  return {
    ca: pemAt(tls.ca, 'ca', reading),
    cert: pemAt(tls.cert, 'cert', reading),
    key: secretAt(tls.key, ['redis', 'tls', 'key'], reading),
    serverName: tls.server_name,
  }
}

function pemAt(file: string | undefined, key: string, reading: Reading): string | undefined {
  if (file === undefined) return undefined
  const path = resolve(reading.layers.folderOf(['redis', 'tls', key]), file)
  try {
    const pem = readFileSync(path, 'utf8')
    if (pem.includes('-----BEGIN CERTIFICATE-----')) return pem
    complain(reading, 'GH_CONFIG_VALUE', `${path} is not a certificate in PEM`, 'tls', key)
  } catch (error) {
    const code = (error as NodeJS.ErrnoException).code ?? 'unknown'
    complain(reading, 'GH_CONFIG_UNREADABLE', `${path} cannot be read (${code})`, 'tls', key)
  }
  return undefined
}

function secretAt(ref: SecretReference | undefined, path: string[], reading: Reading): string | undefined {
  if (ref === undefined) return undefined
  const { secret, failure, warning } = readSecret(ref, reading.env, reading.layers.folderOf(path))
  if (warning !== undefined) reading.warnings.push(warning)
  if (failure !== undefined) {
    reading.problems.push(problem('GH_CONFIG_SECRET', failure, path, reading.layers.locate(path)))
  }
  return secret
}

function complain({ problems, layers }: Reading, code: Problem['code'], message: string, ...keys: string[]): void {
  const path = ['redis', ...keys]
  problems.push(problem(code, message, path, layers.locate(path)))
}
