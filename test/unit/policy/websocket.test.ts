import { expect, test } from 'vitest'
import { loadSettings } from '../../../gateway/config/settings.ts'
import { checkPolicyNeeds } from '../../../gateway/policy-needs.ts'
import { mainIssuer, problemsOf, snapshotOf } from './policy-text.ts'

// Option `websocket` of a route, and limits of messages: their defaults, and the entries that the compiler rejects.

const read = { scopes: { all: ['read'] } }

function policy(route: object): string {
  const routes = [{ id: 'r', match: { path: '/r' }, require: read, ...route }]
  const services = { s: { upstreams: ['http://s.test'], credentials: 'none', routes } }
  return `version: 1\n${mainIssuer}\nservices: ${JSON.stringify(services)}\n`
}

const messages = (parts: object = {}) => ({ name: 'm', by: 'subject', messages: 10, window: '1s', ...parts })

test('a route without `websocket` accepts no WebSockets, and a route with it has strict defaults', () => {
  expect(snapshotOf(policy({})).routes[0]!.websocket).toBeUndefined()
  expect(snapshotOf(policy({ websocket: {} })).routes[0]!.websocket).toEqual({
    origins: new Set(),
    subprotocols: undefined,
    maxMessageBytes: undefined,
    tokenInProtocol: false,
    messageLimits: [],
  })
})

test('a limit that counts WebSocket messages does not count requests', () => {
  const [route] = snapshotOf(policy({ websocket: {}, limits: [messages()] })).routes

  expect(route!.limits).toBeUndefined()
  expect(route!.websocket!.messageLimits).toEqual([{ label: 'route/r/m', messages: 10, windowMs: 1000 }])
})

const at = 'services.s.routes[0]'

test.each([
  ['no GET', { match: { path: '/r', methods: ['POST'] }, websocket: {} }, `GH_POLICY_WEBSOCKET ${at}.websocket`],
  [
    'a token on a public route',
    { require: 'public', websocket: { token_in_protocol: true } },
    `GH_POLICY_WEBSOCKET ${at}.websocket.token_in_protocol`,
  ],
  ['the origin *', { websocket: { origins: ['*'] } }, `GH_CONFIG_VALUE ${at}.websocket.origins[0]`],
  [
    'an origin with a path',
    { websocket: { origins: ['https://a.example/'] } },
    `GH_CONFIG_VALUE ${at}.websocket.origins[0]`,
  ],
  [
    'the subprotocol of the gate',
    { websocket: { subprotocols: ['gatehouse'] } },
    `GH_CONFIG_VALUE ${at}.websocket.subprotocols[0]`,
  ],
  [
    'a token as subprotocol',
    { websocket: { subprotocols: ['gatehouse.bearer.x'] } },
    `GH_CONFIG_VALUE ${at}.websocket.subprotocols[0]`,
  ],
  [
    'an invalid subprotocol',
    { websocket: { subprotocols: ['a b'] } },
    `GH_CONFIG_VALUE ${at}.websocket.subprotocols[0]`,
  ],
  ['messages without websocket', { limits: [messages()] }, `GH_POLICY_LIMIT ${at}.limits[0]`],
  ['messages by address', { websocket: {}, limits: [messages({ by: 'address' })] }, `GH_POLICY_LIMIT ${at}.limits[0]`],
  ['messages with a cost', { websocket: {}, limits: [messages({ cost: 2 })] }, `GH_POLICY_LIMIT ${at}.limits[0]`],
  [
    'messages on a public route',
    { require: 'public', websocket: {}, limits: [messages()] },
    `GH_POLICY_LIMIT ${at}.limits[0]`,
  ],
  ['messages and requests', { websocket: {}, limits: [messages({ requests: 1 })] }, `GH_CONFIG_VALUE ${at}.limits[0]`],
  [
    'neither messages nor requests',
    { limits: [{ name: 'm', by: 'subject', window: '1s' }] },
    `GH_CONFIG_VALUE ${at}.limits[0]`,
  ],
])('the policy compiler rejects a WebSocket route with %s', (_, route, expected) => {
  const found = problemsOf(() => snapshotOf(policy(route))).map(({ code, path }) => `${code} ${path}`)

  expect(found).toContain(expected)
})

test('a node rejects a policy whose max_message exceeds streams.max_message of its settings', () => {
  const flags = { policy: { path: '/policy.yaml' }, streams: { max_message: '64KiB' } }
  const settings = loadSettings({ path: undefined, flags, env: {} })
  const snapshotWith = (max_message: string) => snapshotOf(policy({ websocket: { max_message } }))

  checkPolicyNeeds(settings, snapshotWith('64KiB'))
  expect(problemsOf(() => checkPolicyNeeds(settings, snapshotWith('65KiB')))).toMatchObject([
    { code: 'GH_POLICY_WEBSOCKET', path: 'streams.max_message' },
  ])
})
