import { Argument, Command } from 'commander'
import { completionScript, type Shell, shells } from './completion-script.ts'
import { completionTree } from './completion-tree.ts'
import { addHelp } from './help.ts'
import { Output, type OutputFormat, outputOption } from './output.ts'

/** `gatehouse completion`: prints a shell script that completes verbs, flags, choices and files. */
export function completionCommand(): Command {
  const command = new Command('completion')
    .description('Print a completion script for a shell')
    .addArgument(new Argument('<shell>', 'whose').choices(shells))
    .addOption(outputOption())
    .action((shell: Shell, { output: format }: { output: OutputFormat }, self: Command) => {
      const script = completionScript(shell, completionTree(self.parent!))
      const output = new Output(format)
      for (const line of script.trimEnd().split('\n')) output.line(line)
      output.document({ shell, script })
    })
  return addHelp(command, [
    { run: 'source <(gatehouse completion bash)', does: 'for this shell' },
    { run: 'gatehouse completion zsh > ~/.zfunc/_gatehouse', does: 'for every one; ~/.zfunc is in $fpath' },
  ])
}
