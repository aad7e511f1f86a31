import { mkdirSync, writeFileSync } from 'node:fs'
import { basename, join } from 'node:path'
import { z } from 'zod'
import { AdminClient, adminFlag, adminUnreachable } from '../admin-client.ts'
import { CliError, exitCodes, type Output } from '../output.ts'
import { requireRevisionNumber } from '../policy-change.ts'
import { defineVerb, flag } from '../verb.ts'

interface Shown {
  readonly number: number
  readonly author: string
  readonly message: string
  readonly time: string
  readonly active: boolean
  readonly files: readonly { readonly name: string; readonly text: string }[]
}

/** `gatehouse revisions show N`: prints the files of a policy revision. */
export const verb = defineVerb({
  description: 'Print the files of a revision of the policy',
  arguments: { number: z.string().register(flag, { help: 'number of the revision' }) },
  flags: {
    out: z
      .string()
      .optional()
      .register(flag, { value: 'folder', help: 'write the files to this folder instead of printing them' }),
    admin: adminFlag,
  },
  examples: [
    { run: 'gatehouse revisions show 7 --out before/', does: 'write its files to a folder' },
    { run: 'gatehouse revisions show 7 --output json', does: 'as JSON: each file with its name' },
  ],
  exitCodes: {
    [exitCodes.invalid]: 'refused: the cluster keeps no such revision, invalid token, or missing scope',
    ...adminUnreachable,
  },
  run: async ({ number, out, admin }, output) => {
    requireRevisionNumber(number)
    const { document } = await AdminClient.from(admin).call('GET', `/api/v1/policy/revisions/${number}`, 'files')
    const { author, message, time, active, files } = document as unknown as Shown
    const about = `${active ? 'active, ' : ''}${time}, ${author}${message === '' ? '' : `: ${message}`}`
    output.remark(`revision ${number}: ${about}`)
    if (out !== undefined) writeFiles(out, files)
    else printFiles(files, output)
    output.document(document)
  },
})

function printFiles(files: Shown['files'], output: Output): void {
  for (const { name, text } of files) {
    if (files.length > 1) output.line(`# ---- ${name}`)
    for (const line of text.replace(/\n$/, '').split('\n')) output.line(line)
  }
}

/**
 * Writes the files of a policy revision to a folder. Replaces no file.
 *
 * @throws {CliError} when a file exists or cannot be written
 */
function writeFiles(folder: string, files: Shown['files']): void {
  for (const { name, text } of files) {
    const path = join(folder, basename(name))
    try {
      mkdirSync(folder, { recursive: true })
      writeFileSync(path, text, { flag: 'wx' })
    } catch (error) {
      const reason = (error as NodeJS.ErrnoException).code ?? 'unknown'
      const hint = reason === 'EEXIST' ? 'the file exists: name another folder' : 'name a folder that you may write to'
      throw new CliError(exitCodes.invalid, 'GH_OUTPUT_UNWRITABLE', `${path} cannot be written (${reason})`, hint)
    }
  }
}
