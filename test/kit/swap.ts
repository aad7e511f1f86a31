import type { LogRecord } from './log-lines.ts'
import type { TestNode } from './test-node.ts'

/** Replaces the policy and waits until the node has activated it. */
export async function swap(node: TestNode, next: object | string): Promise<LogRecord> {
  const seen = node.log.length
  const revision = node.writePolicy(next)
  node.reload()
  return later(node, seen, (line) => line['msg'] === 'policy changed' && line['revision'] === revision)
}

/** Returns the first log record that matches `wanted`, without the first `seen` records of the log. */
export function later(node: TestNode, seen: number, wanted: (line: LogRecord) => boolean): Promise<LogRecord> {
  return node.waitForLine((line) => wanted(line) && node.log.indexOf(line) >= seen)
}
