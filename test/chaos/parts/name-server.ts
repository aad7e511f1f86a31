// The name server of the chaos matrix, in its own process: `node name-server.ts PORT FILE`. Each name has the address
// 127.0.0.1 for 1 s. FILE contains the mode of the replies, which the process reads at each query.

import { readFileSync } from 'node:fs'
import { TestNameServer } from '../../kit/name-server.ts'
import type { NameServerMode, NameServerReport } from './reports.ts'

/** Delay of the replies in the mode `slow`, ms. A node waits 2 s for a reply. */
const SLOW_MS = 1500

const [port, file] = process.argv.slice(2)
const report = (message: NameServerReport): void => void process.send?.(message)

const server = new TestNameServer()
server.addresses = ['127.0.0.1']
server.onQuery = () => {
  const mode = readFileSync(file!, 'utf8') as NameServerMode
  server.delayMs = mode === 'slow' ? SLOW_MS : 0
  server.mode = mode === 'slow' ? 'answers' : mode
  report({ kind: 'query', mode })
}
await server.start(Number(port))
report({ kind: 'ready' })
