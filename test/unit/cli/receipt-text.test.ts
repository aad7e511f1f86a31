import { expect, test } from 'vitest'
import { Output, type Sinks } from '../../../gateway/cli/output.ts'
import { printReceipt, type ReceiptDocument, storedText } from '../../../gateway/cli/receipt-text.ts'

const receipt: ReceiptDocument = {
  id: 'r1',
  position: '7-0',
  acknowledged: [{ node: 'n2', ms: 3 }],
  missing: ['n1'],
  fenced_by: '2030-01-31T12:00:10.000Z',
  replicas: 0,
  fsynced: false,
  waited_ms: 2004,
}

function textOf(waited: boolean): string {
  let printed = ''
  const write = (text: string) => {
    printed += text
    return true
  }
  const sink = { isTTY: false, write } as Sinks['stdout']
  printReceipt(receipt, waited, new Output('text', { stdout: sink, stderr: sink }))
  return printed
}

test('the CLI prints `missing` for a node that did not acknowledge a revocation for which the command waited, and the duration of the wait', () => {
  const text = textOf(true)

  expect(text).toMatch(/^n1 +missing +-$/m)
  expect(text).toContain('1 node has not acknowledged within 2.0 s; all nodes reject the revoked tokens from 2030-')
})

test('if the command did not wait, the CLI prints `not heard yet` for a node that has not acknowledged a revocation, with the latest time from which the node enforces it', () => {
  const text = textOf(false)

  expect(text).toMatch(/^n1 +not heard yet +-$/m)
  expect(text).not.toContain('missing')
  expect(text).toContain('from 2030-01-31T12:00:10.000Z at the latest')
})

test.each([
  [0, false, 'stored in Redis'],
  [1, false, 'stored in Redis and in 1 replica of Redis'],
  [2, true, 'stored in Redis and in 2 replicas of Redis, and on disk'],
])('the CLI prints a revocation receipt with %d replicas and fsynced %s as "%s"', (replicas, fsynced, text) => {
  expect(storedText({ ...receipt, replicas, fsynced })).toBe(text)
})
