import { expect, test } from 'vitest'
import { Output, type Sinks } from '../../../gateway/cli/output.ts'
import { printReceipt, type ReceiptDocument, storedText } from '../../../gateway/cli/receipt-text.ts'

const receipt: ReceiptDocument = {
  id: 'r1',
  position: '7-0',
  acknowledged: [],
  missing: ['n1'],
  fenced_by: '2030-01-31T12:00:10.000Z',
  replicas: 0,
  fsynced: false,
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

test('the CLI prints `missing` for a node that did not acknowledge a revocation for which the command waited', () => {
  expect(textOf(true)).toMatch(/^n1 +missing +-$/m)
})

test('if the command did not wait, the CLI prints `sent` for a node that has not acknowledged a revocation, with the latest time from which the node enforces it', () => {
  const text = textOf(false)

  expect(text).toMatch(/^n1 +sent +-$/m)
  expect(text).not.toContain('missing')
  expect(text).toContain('at the latest from 2030-01-31T12:00:10.000Z')
})

test.each([
  [0, false, 'stored in Redis'],
  [1, false, 'stored in Redis and 1 replica'],
  [2, true, 'stored in Redis and 2 replicas, and on disk'],
])('the CLI prints a revocation receipt with %d replicas and fsynced %s as "%s"', (replicas, fsynced, text) => {
  expect(storedText({ ...receipt, replicas, fsynced })).toBe(text)
})
