// Preloaded into a process whose wall clock a test moves. At SIGUSR2 the module reads a number of milliseconds from the
// file in TEST_CLOCK_FILE, and shifts Date.now() and `new Date()` by this number. It does not shift
// performance.now(), timers, the clock of Node's own code (such as the field Date of replies), or of the kernel.

import { readFileSync } from 'node:fs'

const RealDate = Date
let shiftMs = 0

class ShiftedDate extends RealDate {
  constructor(...words: []) {
    if (words.length === 0) super(RealDate.now() + shiftMs)
    else super(...words)
  }

  static override now(): number {
    return RealDate.now() + shiftMs
  }
}

globalThis.Date = ShiftedDate as DateConstructor
process.on('SIGUSR2', () => {
  shiftMs = Number(readFileSync(String(process.env['TEST_CLOCK_FILE']), 'utf8'))
})
