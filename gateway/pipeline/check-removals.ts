import type { Field } from '../base/denial.ts'
import type { RequestHead } from './request-head.ts'

/** What a client may not tell a service, unless the gate states it: as docs/forward-auth.md lists it for the proxies. */
const unsayable = [
  'authorization',
  'dpop',
  'x-gatehouse-jwt-assertion',
  'x-auth-request-user',
  'x-auth-request-email',
  'x-auth-request-preferred-username',
  'x-auth-request-groups',
  'x-original-url',
  'x-original-method',
  'x-rewrite-url',
  'x-http-method-override',
  'x-real-ip',
  'x-forwarded-prefix',
  'x-forwarded-uri',
  'x-forwarded-method',
  'forwarded',
  'client-cert',
  'client-cert-chain',
  'proxy',
]

/** Everything under these is the gate's to say. */
const prefixes = ['x-gatehouse-', 'x-auth-request-']

/** The fields that the proxy has to take out of the request: names, with commas between. */
export function unstated({ names }: RequestHead, stated: readonly Field[]): string {
  const present = names.filter((name) => prefixes.some((prefix) => name.startsWith(prefix)))
  const removed = new Set([...unsayable, ...present])
  for (const [name] of stated) removed.delete(name)
  return [...removed].join(',')
}
