import { readFileSync } from 'node:fs'
import { Command } from 'commander'
import { loadPolicy, type PolicySource, readPolicy } from '../config/policy.ts'
import { ConfigError, type Problem } from '../config/problem.ts'
import { compilePolicy } from '../policy/compile.ts'
import { addHelp } from './help.ts'
import { exitCodes, Output, type OutputFormat, outputOption } from './output.ts'

const STDIN = 0

/** What became of one path. */
interface Checked {
  readonly path: string
  readonly valid: boolean
  readonly services: number
  readonly routes: number
  readonly revision: string | null
  readonly problems: readonly Problem[]
}

/** `gatehouse check PATH… | -`: is this policy valid? Says all that is wrong with it, and changes nothing. */
export function checkCommand(): Command {
  const command = new Command('check')
    .description('Check policies: each a file, a folder of *.yaml files, or - for standard input')
    .argument('<path...>', 'the policies to check')
    .addOption(outputOption())
    .action((paths: string[], { output }: { output: OutputFormat }) => {
      process.exitCode = check(paths, new Output(output))
    })
  return addHelp(
    command,
    [
      { run: 'gatehouse check policy.yaml', does: 'one file' },
      { run: 'gatehouse check policy/ --output json', does: 'a folder, for scripts' },
    ],
    { [exitCodes.done]: 'every policy is valid', [exitCodes.invalid]: 'a policy is not valid' },
  )
}

function check(paths: readonly string[], output: Output): number {
  const checked = paths.map(checkOne)
  for (const { path, valid, services, routes, revision, problems } of checked) {
    if (valid) {
      const counts = `${count(services, 'service')}, ${count(routes, 'route')}`
      output.line(`${path}: ok, ${counts}, revision ${revision}`)
    }
    output.problems(problems)
  }
  output.document({ checked })
  return checked.every(({ valid }) => valid) ? exitCodes.done : exitCodes.invalid
}

function checkOne(path: string): Checked {
  const name = path === '-' ? 'standard input' : path
  try {
    const { services, routes, revision } = compilePolicy(path === '-' ? fromStdin(name) : loadPolicy(path))
    return { path: name, valid: true, services: services.length, routes: routes.length, revision, problems: [] }
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error
    return { path: name, valid: false, services: 0, routes: 0, revision: null, problems: error.problems }
  }
}

function fromStdin(file: string): PolicySource {
  return readPolicy([{ file, bytes: readFileSync(STDIN) }])
}

function count(number: number, noun: string): string {
  return `${number} ${noun}${number === 1 ? '' : 's'}`
}
