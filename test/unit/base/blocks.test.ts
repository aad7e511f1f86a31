// Blocks of memory for large bodies are reused, but never while a reader can still use a block.

import { expect, test } from 'vitest'
import { BLOCK_BYTES, blockOf, giveBack, takeBlock } from '../../../gateway/base/blocks.ts'

test('the memory pool lends the most recently returned block first', () => {
  const first = blockOf(new Uint8Array(BLOCK_BYTES).fill(1))
  const second = blockOf(new Uint8Array(10).fill(2))
  giveBack(first)

  expect(takeBlock(5).buffer).toBe(first.buffer)
  expect(takeBlock(5).buffer).not.toBe(second.buffer)
  expect([...second]).toEqual(new Array(10).fill(2))
})

test('the memory pool lends a block only once even if the block was returned twice', () => {
  const block = takeBlock(10)
  giveBack(block)
  giveBack(block)

  expect(takeBlock(10).buffer).toBe(block.buffer)
  expect(takeBlock(10).buffer).not.toBe(block.buffer)
})

test('the memory pool does not lend a returned buffer that is not one of its blocks', () => {
  const other = Buffer.alloc(BLOCK_BYTES)
  giveBack(other)

  expect(takeBlock(10).buffer).not.toBe(other.buffer)
})
