// Memory of large bodies is used again, and never while somebody may still read it.

import { expect, test } from 'vitest'
import { BLOCK_BYTES, blockOf, giveBack, takeBlock } from '../../../gateway/base/blocks.ts'

test('a returned block is lent next', () => {
  const first = blockOf(new Uint8Array(BLOCK_BYTES).fill(1))
  const second = blockOf(new Uint8Array(10).fill(2))
  giveBack(first)

  expect(takeBlock(5).buffer).toBe(first.buffer)
  expect(takeBlock(5).buffer).not.toBe(second.buffer)
  expect([...second]).toEqual(new Array(10).fill(2))
})

test('a block that is returned twice is lent once', () => {
  const block = takeBlock(10)
  giveBack(block)
  giveBack(block)

  expect(takeBlock(10).buffer).toBe(block.buffer)
  expect(takeBlock(10).buffer).not.toBe(block.buffer)
})

test('a buffer of the size of a block that was never lent is not accepted', () => {
  const other = Buffer.alloc(BLOCK_BYTES)
  giveBack(other)

  expect(takeBlock(10).buffer).not.toBe(other.buffer)
})
