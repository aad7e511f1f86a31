import { Command } from 'commander'
import { entries, runEntry } from './entries.ts'
import { addHelp } from './help.ts'
import { exitCodes } from './output.ts'

/** `gatehouse bench …`: the benchmark suite, a separate program that parses its own options. */
export function benchCommand(): Command {
  const command = new Command('bench')
    .description('Measure the gate, against its budgets and beside others')
    .argument('[words...]', 'nothing for the suite; else a scenario and its options, which `--help` behind it lists')
    .allowUnknownOption()
    .passThroughOptions()
    .action(async (words: string[]) => {
      process.exitCode = await runEntry(entries.bench, words)
    })
  return addHelp(
    command,
    [
      { run: 'gatehouse bench --quick', does: 'the whole suite, short' },
      { run: 'gatehouse bench hot --output json', does: 'CPU time of a request with a known token, for scripts' },
    ],
    { [exitCodes.invalid]: 'a budget is missed by more than its tolerance, or something is broken' },
  )
}
