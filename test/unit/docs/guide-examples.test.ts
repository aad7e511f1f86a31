// Every YAML example on these pages is valid. The first line of an example names its document: `# gatehouse.yaml`,
// `# policy.yaml`, `# policy/orders.yaml`, or `# policy.yaml, a route` for keys of one route. Each test completes the
// parts that the example leaves out. The files that an example names do not exist, which is the only problem that is ignored.

import { readFileSync } from 'node:fs'
import { expect, test } from 'vitest'
import { parse } from 'yaml'
import { settingsSchema } from '../../../gateway/config/settings-schema.ts'
import { problemsOf, snapshotOf } from '../policy/policy-text.ts'

type Entry = Readonly<Record<string, unknown>>

const pages = [
  'callers',
  'cluster-policy',
  'grpc',
  'howto/entra',
  'howto/github',
  'howto/google',
  'howto/keycloak',
  'howto/spa',
  'http2',
  'mcp',
  'recipes',
  'redis',
  'rotation',
  'secrets',
  'service-credentials',
  'shared-login',
  'streams',
]

/** A whole policy, or one file of a policy folder. */
const policies = new Set(['policy.yaml', 'policy/orders.yaml'])

const examples = pages.flatMap((page) => {
  const text = readFileSync(new URL(`../../../docs/guide/${page}.md`, import.meta.url), 'utf8')
  return [...text.matchAll(/^```yaml\n(.*?)^```$/gms)].map(([, block], i) => ({
    name: `${page}.md, example ${i + 1}`,
    block: block!,
    document: /^# (.*)\n/.exec(block!)?.[1] ?? '',
  }))
})

/** Documents of other programs, such as Kubernetes objects. */
const isForeign = (block: string) => block.startsWith('apiVersion: ')

const route = { id: 'example', match: { path: '/example/**' }, require: { scopes: { all: ['example:read'] } } }
const issuer = (name: string) => ({ issuer: `https://${name}.example`, audience: ['https://api.example'] })
const issuers = { main: issuer('main'), corp: issuer('corp') }

/** Completes a policy: a service without issuers accepts the only issuer of the example, or `corp`. */
function policyWith({ services = {}, routes, ...given }: Record<string, unknown>): string {
  const accepted = given['issuers'] === undefined ? { issuers: ['corp'] } : {}
  const complete = (entry: Entry) => {
    const upstreams = [entry['upstream_tls'] === undefined ? 'http://orders.example' : 'https://orders.example']
    const own = (entry['routes'] as readonly Entry[] | undefined) ?? [{}]
    return { upstreams, ...accepted, ...entry, routes: own.map((each, i) => completeRoute(each, i)) }
  }
  const all = Object.entries({ ...(services as Entry), ...(routes !== undefined && { example: { routes } }) })
  const completed = all.map(([name, entry]) => [name, complete(entry as Entry)])
  return JSON.stringify({ version: 1, issuers, ...given, services: Object.fromEntries(completed) })
}

function completeRoute(given: Entry, i: number): Entry {
  const id = `example-${i}-${Math.random()}`.replace('.', '')
  return { ...route, id, match: { path: `/${id}/**` }, ...given }
}

test.each(examples.filter(({ document }) => policies.has(document)))(
  'the policy of docs/guide/$name is valid',
  ({ block }) => {
    expect(problemsOf(() => snapshotOf(policyWith(parse(block))))).toEqual([])
  },
)

test.each(examples.filter(({ document }) => document === 'policy.yaml, a route'))(
  'the keys of a route in docs/guide/$name are valid',
  ({ block }) => {
    expect(problemsOf(() => snapshotOf(policyWith({ routes: [parse(block)].flat() })))).toEqual([])
  },
)

test.each(examples.filter(({ document }) => document === 'gatehouse.yaml'))(
  'the settings of docs/guide/$name are valid',
  ({ block }) => {
    const settings = { policy: { path: 'policy.yaml' }, redis: { url: 'redis://127.0.0.1' }, ...parse(block) }

    const problems = settingsSchema.safeParse(settings).error?.issues ?? []
    expect(problems.filter(({ message }) => !message.includes('cannot be read (ENOENT)'))).toEqual([])
  },
)

test('the first line of every YAML example in the tested pages of docs/guide names its document', () => {
  const known = [...policies, 'policy.yaml, a route', 'gatehouse.yaml']

  expect(
    examples.filter(({ block, document }) => !isForeign(block) && !known.includes(document)).map(({ name }) => name),
  ).toEqual([])
})
