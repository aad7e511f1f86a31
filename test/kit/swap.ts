import type { LogRecord } from './log-lines.ts'
import type { TestNode } from './node.ts'

/** Replaces the policy and waits until it is in force. */
export async function swap(node: TestNode, next: object | string): Promise<LogRecord> {
  const seen = node.log.length
  const revision = node.writePolicy(next)
  node.signal('SIGHUP')
  return later(node, seen, (line) => line['msg'] === 'policy changed' && line['revision'] === revision)
}

/** The first line after the first `seen` of which `wanted` is true. */
export function later(node: TestNode, seen: number, wanted: (line: LogRecord) => boolean): Promise<LogRecord> {
  return node.waitForLine((line) => wanted(line) && node.log.indexOf(line) >= seen)
}
