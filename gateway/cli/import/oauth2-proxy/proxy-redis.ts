import { type OptionTold, secretOf } from './option-rule.ts'
import type { ProxyDraft } from './proxy-draft.ts'
import { firstValue, type ProxyOption } from './proxy-option.ts'

/** Matches user and password in the URL of a Redis server. */
const userInfo = /^(rediss?:\/\/)[^/@]*@/

/** Imports the URL of a single Redis server from oauth2-proxy options. User and password in the URL are not copied. */
export function importRedisUrl(option: ProxyOption, draft: ProxyDraft): OptionTold {
  const url = firstValue(option)
  draft.redis['url'] = url.replace(userInfo, '$1')
  if (!userInfo.test(url)) return ['mapped', 'settings: redis.url']
  return ['decide', 'user and password are not copied: set redis.username and redis.password of the settings']
}

export function importRedisPassword(option: ProxyOption, draft: ProxyDraft): OptionTold {
  draft.redis['password'] = secretOf(option, 'redis-password')
  return ['decide', 'the password is not copied: store it in the file or variable of redis.password in the settings']
}

export function importRedisSentinels({ values }: ProxyOption, draft: ProxyDraft): OptionTold {
  const master = draft.value('redis_sentinel_master_name', 'mymaster')
  Object.assign(draft.redis, { sentinel: { hosts: values.map(hostOf), master }, min_replicas_max_lag: '10s' })
  return ['decide', 'settings: redis.sentinel. Set min_replicas_max_lag to the value of the servers']
}

export function importRedisCluster({ values }: ProxyOption, draft: ProxyDraft): OptionTold {
  Object.assign(draft.redis, { cluster: { hosts: values.map(hostOf) }, cluster_node_timeout: '15s' })
  // Set `max_staleness`: it must be above the timeout of the Redis Cluster, 15 s by default.
  draft.settings['revocation'] = { max_staleness: '20s' }
  return ['decide', 'settings: redis.cluster. Set cluster_node_timeout to the value of the servers']
}

/**
 * Returns the settings `redis`, with exactly one of `cluster`, `sentinel` and `url`. Without an address in the files: a
 * server on this machine.
 */
export function importedRedis({ redis }: ProxyDraft): object {
  const { url = 'redis://127.0.0.1:6379', sentinel, cluster, ...rest } = redis
  if (cluster !== undefined) return { cluster, ...rest }
  return sentinel === undefined ? { url, ...rest } : { sentinel, ...rest }
}

function hostOf(url: string): string {
  return url.replace(/^rediss?:\/\/(?:[^/@]*@)?/, '').replace(/\/.*$/, '')
}
