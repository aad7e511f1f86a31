import { table } from '../../deploy/docs/markdown.ts'
import { formatSpread, type Spread } from '../harness/statistics.ts'
import { type Bar, barPicture } from '../report/chart.ts'
import { type Kept, provenance } from './kept.ts'

/** Compared proxies, in the order of the rows on the page. The names of all figures of a proxy contain its `name`. */
const peers = [
  { name: 'nginx', title: 'nginx', does: 'only forwards' },
  { name: 'gate', title: 'Gatehouse', does: 'token, scope, role, revocation, limit of the route, assertion, log' },
  { name: 'gate_by_subject', title: 'Gatehouse, limit by subject', does: 'the same, counting by subject' },
  { name: 'haproxy', title: 'HAProxy, jwt_verify', does: 'token, scope, role, count by subject on one machine' },
  { name: 'fastify', title: 'Fastify stack', does: 'token, scope, role, count by subject in Redis' },
  { name: 'fastify_cached', title: 'Fastify stack, tokens cached', does: 'the same, with a cache of verified tokens' },
] as const

/** Markdown table with the CPU time per request and the throughput of each compared proxy. */
export function peersTable(run: Kept, toResults: string): string {
  const figures = figuresOf(run)
  const busy = (name: string): string[] =>
    figures['nginx_busy_percent'] === undefined ? [] : [cell(figures[`${name}_busy_percent`])]
  const rows = peers.map(({ name, title, does }) => [
    title,
    does,
    cell(figures[`${name}_cpu_us_per_request`]),
    cell(figures[`${name}_requests_per_second`]),
    ...busy(name),
    cell(figures[`cold_${name}_cpu_us_per_request`]),
  ])
  const headers = [
    '',
    'does',
    'cached tokens: µs of CPU per request',
    'requests/s',
    'new tokens: µs of CPU per request',
  ]
  if (busy('nginx').length > 0) headers.splice(4, 0, 'busy %')
  return `${table(headers, rows)}\n\n${ratioText(run)}\n\n${provenance(run, toResults)}`
}

/** Returns a sentence with the gate's CPU time relative to nginx and HAProxy, the two ratios that have a budget. */
function ratioText(run: Kept): string {
  const figures = figuresOf(run)
  const { generator = 'autocannon', rounds } = run.record.findings[0]!.conditions
  const [nginx, haproxy] = [cell(figures['ratio_to_nginx']), cell(figures['ratio_to_haproxy_jwt'])]
  return `CPU time per request of the gate in the same round: ${nginx} times that of nginx, and ${haproxy} times that of HAProxy with \`jwt_verify\`: median, lowest and highest of ${rounds} rounds, loaded by ${generator}.`
}

/** Draws docs/pictures/peers.svg: the CPU time per request of each compared proxy. */
export function peersPicture(run: Kept): string {
  const figures = figuresOf(run)
  const bars = peers.map(({ name, title }): Bar => ({ label: title, found: figures[`${name}_cpu_us_per_request`]! }))
  return barPicture(bars, 'CPU time of a request with a cached token, µs (line: lowest to highest round)')
}

function figuresOf({ record }: Kept): Readonly<Record<string, Spread>> {
  return record.findings[0]!.figures
}

function cell(found: Spread | undefined): string {
  return found === undefined ? '' : formatSpread(found)
}
