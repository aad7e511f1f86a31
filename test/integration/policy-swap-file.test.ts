import { randomUUID } from 'node:crypto'
import { mkdirSync, mkdtempSync, renameSync, rmSync, symlinkSync, unlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { stringify } from 'yaml'
import { atEnd } from '../kit/cleanup.ts'
import { startNode } from '../kit/node.ts'
import { later, swap } from '../kit/swap.ts'
import type { TestNode } from '../kit/test-node.ts'
import { admitted, type Gate, missingScope, notFound, refused } from './admission.ts'
import { publicRoute, startPolicySwap } from './policy-swap.ts'

// docs/design/contract.md §2: a node watches the policy file. An invalid file has no effect, and the log names its
// file, line and error code.

const { issuer, first, second, policy } = await startPolicySwap()
const target = '/orders/1'
const lasting = await startNode({ policy: policy() })

test.each([
  {
    title: 'invalid YAML',
    text: () => `${stringify(policy())}\n  - [`,
    problem: { code: 'GH_CONFIG_SYNTAX', line: expect.any(Number) },
  },
  {
    title: 'a misspelt key',
    text: () => stringify(policy()).replace('require:', 'requires:'),
    problem: { code: 'GH_CONFIG_UNKNOWN_KEY', line: 15, column: 9, path: 'services.orders.routes[0].requires' },
  },
  {
    title: 'an unknown issuer',
    text: () => stringify(policy({ service: { issuers: ['nobody'] } })),
    problem: { code: 'GH_POLICY_ISSUER', path: 'services.orders.issuers[0]', line: expect.any(Number) },
  },
  {
    title: 'two routes that match the same requests',
    text: () => stringify(policy({ routes: [{ ...publicRoute('twin'), match: { path: '/orders/**' } }] })),
    problem: { code: 'GH_POLICY_CONFLICT', path: 'services.orders.routes[1].match', line: expect.any(Number) },
  },
  { title: 'an empty file', text: () => '', problem: { code: expect.stringMatching(/^GH_CONFIG_/) } },
])(
  'if its policy file becomes invalid, a node keeps the previous policy and logs the reason: $title',
  async ({ text, problem }) => {
    const node = lasting
    const gate: Gate = { node, services: [first] }
    const good = policy({ routes: [publicRoute(`good-${randomUUID()}`)] })
    const { revision } = await swap(node, good)
    const seen = node.log.length

    node.writePolicy(text())
    node.reload()
    await admitted(gate, { target, token: issuer.sign() })
    const line = await later(node, seen, ({ msg }) => msg === 'policy rejected; the policy in force stays active')
    await admitted(gate, { target, token: issuer.sign() })

    expect(line).toMatchObject({ level: 'error', revision })
    const file = node.folder.file('policy.yaml')
    expect(line['problems']).toContainEqual(expect.objectContaining({ message: expect.any(String), file, ...problem }))

    // A valid file ends the error state, whether it equals the policy in force or not.
    const broken = node.log.length
    node.writePolicy(good)
    node.reload()
    expect(
      await later(
        node,
        broken,
        ({ msg }) => msg === 'the policy files are valid again: they contain the active policy',
      ),
    ).toMatchObject({ level: 'info', revision })
    await swap(node, policy({ routes: [publicRoute(`better-${randomUUID()}`)] }))
    await admitted(gate, { target, token: issuer.sign() })
  },
)

test.concurrent('a node keeps its policy when the policy file is deleted, and reads the file again when it is restored', async () => {
  const node = await startNode({ policy: policy() })
  const gate: Gate = { node, services: [first] }
  unlinkSync(node.folder.file('policy.yaml'))

  const line = await node.waitForLine(({ msg }) => msg === 'policy rejected; the policy in force stays active')
  expect(line['problems']).toMatchObject([{ code: 'GH_CONFIG_UNREADABLE', file: node.folder.file('policy.yaml') }])
  await admitted(gate, { target, token: issuer.sign() })
  await swap(node, policy({ scope: 'orders:all' }))
  await refused(gate, { target, token: issuer.sign() }, missingScope('orders:all'))
})

test.concurrent('a node rejects a policy that requires a key missing in its settings', async () => {
  const bare = { credentials: 'none' }
  const node = await startNode({ policy: policy({ service: bare }), settings: { keys: undefined } })
  node.writePolicy(policy())

  const line = await node.waitForLine(({ msg }) => msg === 'policy rejected; the policy in force stays active')
  expect(line['problems']).toMatchObject([
    { code: 'GH_CONFIG_KEY_MISSING', hint: expect.stringContaining('gatehouse keys generate assertion') },
  ])
  await admitted({ node, services: [first] }, { target, token: issuer.sign() })
})

test.concurrent('a node detects a changed policy file without a signal, and a signal without a change has no effect', async () => {
  const node = await startNode({ policy: policy() })
  for (let i = 0; i < 5; i++) node.reload()
  const revision = node.writePolicy(policy({ scope: 'orders:all' }))

  await node.waitForLine((line) => line['msg'] === 'policy changed' && line['revision'] === revision)

  expect(node.log.filter(({ msg }) => String(msg).startsWith('policy'))).toHaveLength(1)
})

test.concurrent('a node treats an added or removed file in a policy folder as a policy change', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'gatehouse-policy-'))
  atEnd(() => rmSync(folder, { recursive: true, force: true }))
  const { issuers, services } = policy()
  const write = (name: string, part: object) => writeFileSync(join(folder, name), stringify({ version: 1, ...part }))
  const changed = (node: TestNode, routes: number) =>
    node.waitForLine((line) => line['msg'] === 'policy changed' && line['routes'] === routes)
  write('issuers.yaml', { issuers })
  write('orders.yaml', { services })
  const node = await startNode({ policy: '', settings: { policy: { source: 'file', path: folder } } })
  const gate: Gate = { node, services: [first, second] }
  await refused(gate, { target: '/reports' }, notFound)

  write('reports.yaml', { services: { reports: { upstreams: [second.url], routes: [publicRoute('reports')] } } })
  await changed(node, 2)
  await admitted(gate, { target: '/reports' })
  await admitted(gate, { target, token: issuer.sign() })

  unlinkSync(join(folder, 'orders.yaml'))
  await changed(node, 1)
  await refused(gate, { target, token: issuer.sign() }, notFound)
})

test.concurrent('a node reloads a Kubernetes ConfigMap mount when its link points to a new version', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'gatehouse-policy-'))
  atEnd(() => rmSync(folder, { recursive: true, force: true }))
  const mount = (version: string, text: string) => {
    mkdirSync(join(folder, version))
    writeFileSync(join(folder, version, 'policy.yaml'), text)
    symlinkSync(version, join(folder, '..data_tmp'))
    renameSync(join(folder, '..data_tmp'), join(folder, '..data'))
  }
  mount('..2026_11_27_1', stringify(policy()))
  symlinkSync('..data/policy.yaml', join(folder, 'policy.yaml'))
  const node = await startNode({ policy: '', settings: { policy: { source: 'file', path: folder } } })
  const gate: Gate = { node, services: [first] }
  await admitted(gate, { target, token: issuer.sign() })

  mount('..2026_11_27_2', stringify(policy({ scope: 'orders:all' })))
  await node.waitForLine(({ msg }) => msg === 'policy changed')

  await refused(gate, { target, token: issuer.sign() }, missingScope('orders:all'))
})
