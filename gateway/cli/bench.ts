import { Command } from 'commander'
import { entries, runEntry } from './entries.ts'
import { addHelp } from './help.ts'
import { exitCodes } from './output.ts'

/** `gatehouse bench …`: the bench suite, a program of its own that reads its own options. */
export function benchCommand(): Command {
  const command = new Command('bench')
    .description('Measure the gate beside bare nginx')
    .argument('[words...]', 'a scenario and its options; `gatehouse bench hot --help` lists them')
    .allowUnknownOption()
    .passThroughOptions()
    .action(async (words: string[]) => {
      process.exitCode = await runEntry(entries.bench, words)
    })
  return addHelp(
    command,
    [
      { run: 'gatehouse bench hot', does: 'CPU time of a request with a known token' },
      { run: 'gatehouse bench opaque --rounds 7 --output json', does: 'opaque tokens beside JWTs, for scripts' },
    ],
    { [exitCodes.invalid]: 'a request failed, or nginx is missing' },
  )
}
