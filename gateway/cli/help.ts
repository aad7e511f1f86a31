import type { Command } from 'commander'
import { type ExitCode, exitCodes } from './output.ts'

interface Example {
  readonly run: string
  readonly does: string
}

const meanings: Readonly<Record<ExitCode, string>> = {
  [exitCodes.done]: 'done',
  [exitCodes.invalid]: 'refused or invalid',
  [exitCodes.usage]: 'wrong usage',
  [exitCodes.unreachable]: 'not reachable',
  [exitCodes.partly]: 'done in part',
  [exitCodes.crashed]: 'a fault of its own ended it',
}

/** Appends two examples and the verb's exit codes with their meanings to its help. */
export function addHelp(
  command: Command,
  examples: readonly [Example, Example],
  codes: Readonly<Partial<Record<ExitCode, string>>> = {},
): Command {
  const width = Math.max(...examples.map(({ run }) => run.length))
  const shown = examples.map(({ run, does }) => `  $ ${run.padEnd(width)}   ${does}`)
  const own = {
    [exitCodes.done]: meanings[0],
    [exitCodes.invalid]: meanings[1],
    [exitCodes.usage]: meanings[2],
    ...codes,
  }
  const exits = Object.entries(own).map(([code, meaning]) => `  ${code.padEnd(2)} ${meaning}`)
  return command.addHelpText('after', ['', 'Examples:', ...shown, '', 'Exit codes:', ...exits].join('\n'))
}
