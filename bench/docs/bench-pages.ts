import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { marked } from '../../deploy/docs/marked.ts'
import { budgetsText } from './budget-text.ts'
import { keptRuns, newest } from './kept.ts'
import { limitsText } from './limit-texts.ts'
import { peersPicture, peersTable } from './peer-texts.ts'
import { demandText, measuredText, modelText } from './scale-texts.ts'

const checkout = join(import.meta.dirname, '../..')

/**
 * Returns the pages and the chart that show figures of the newest stored runs, by their path in the checkout. The same
 * stored runs always give the same texts.
 */
export function benchPages(): ReadonlyMap<string, string> {
  const runs = keptRuns(join(checkout, 'bench/results'))
  const [peers, scale, limits] = [newest(runs, 'peers'), newest(runs, 'scale'), newest(runs, 'limits')]
  const page = (path: string, texts: Readonly<Record<string, string>>): [string, string] => [
    path,
    Object.entries(texts).reduce(
      (text, [name, own]) => marked(text, `bench:${name}`, own),
      readFileSync(join(checkout, path), 'utf8'),
    ),
  ]
  const inDocs = '../../bench/results/'
  return new Map([
    page('README.md', { peers: peersTable(peers, 'bench/results/') }),
    page('docs/design/benchmarks.md', { budgets: budgetsText(runs, inDocs), peers: peersTable(peers, inDocs) }),
    page('docs/guide/limits.md', { measured: limitsText(limits, inDocs) }),
    page('docs/guide/scaling.md', {
      measured: measuredText(scale, inDocs),
      model: modelText(scale),
      demand: demandText(scale),
    }),
    ['docs/pictures/peers.svg', peersPicture(peers)],
  ])
}
