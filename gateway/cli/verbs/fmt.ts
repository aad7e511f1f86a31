import { chmodSync, readFileSync, realpathSync, renameSync, statSync, writeFileSync } from 'node:fs'
import { z } from 'zod'
import { policyFiles } from '../../config/policy-files.ts'
import { loadPolicy } from '../../policy/policy-source.ts'
import { formatPolicy } from '../format-policy.ts'
import { exitCodes, type Output } from '../output.ts'
import { defineVerb, flag } from '../verb.ts'

/** `gatehouse fmt PATH…`: formats the files of policies, or checks that they are formatted. */
export const verb = defineVerb({
  description: 'Format policies: indentation, and keys in the order of the reference; comments stay',
  arguments: {
    path: z.array(z.string()).register(flag, { help: 'policies to format: files, or folders with *.yaml files' }),
  },
  flags: {
    check: z.boolean().default(false).register(flag, {
      help: 'change no file; list the files that are not formatted, and exit with code 1 if there are any',
    }),
  },
  examples: [
    { run: 'gatehouse fmt policy.yaml', does: 'rewrite one file' },
    { run: 'gatehouse fmt policy/ --check', does: 'in CI' },
  ],
  exitCodes: {
    [exitCodes.done]: 'every file is formatted',
    [exitCodes.invalid]: 'a policy is invalid and unchanged; with --check: or a file is not formatted',
  },
  run: ({ path: paths, check }, output) => format(paths, check, output),
})

/** Formats policy files, or checks that they are formatted. Changes no file unless all given policies are valid. */
function format(paths: readonly string[], check: boolean, output: Output): number {
  for (const path of paths) loadPolicy(path)
  const files = paths.flatMap(policyFiles).map((file) => {
    const text = readFileSync(file, 'utf8')
    const formatted = formatPolicy(file, text)
    return { file, formatted, changed: formatted !== text }
  })
  const changed = files.filter((file) => file.changed)
  for (const { file, formatted } of changed) {
    if (!check) replaceFile(file, formatted)
    output.line(`${file}: ${check ? 'not formatted' : 'formatted'}`)
  }
  output.document({ files: files.map(({ file, changed }) => ({ file, changed })) })
  return check && changed.length > 0 ? exitCodes.invalid : exitCodes.done
}

/** Replaces a file atomically, so that a running node never reads a part of a policy. Follows a symbolic link. */
function replaceFile(path: string, text: string): void {
  const file = realpathSync(path)
  const fresh = `${file}.${process.pid}`
  writeFileSync(fresh, text, { flag: 'wx', mode: 0o600 })
  chmodSync(fresh, statSync(file).mode & 0o777)
  renameSync(fresh, file)
}
