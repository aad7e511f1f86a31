import { createReadStream } from 'node:fs'
import { readdir, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { createGunzip, createZstdDecompress } from 'node:zlib'
import { z } from 'zod'
import { readArchive } from '../../audit/read-archive.ts'
import type { AuditKey } from '../../audit/seal.ts'
import { type ChainReport, Verification, type VerificationReport } from '../../audit/verification.ts'
import { readAuditKey } from '../../config/audit-keys.ts'
import { readSecret } from '../../config/secret.ts'
import { loadSettings } from '../../config/settings.ts'
import { unreadableRemedies } from '../../config/unreadable-text.ts'
import { AdminClient, adminFlag, adminUnreachable, LOG_QUERY_REPLY_MS } from '../admin-client.ts'
import { CliError, type ExitCode, exitCodes, type Output } from '../output.ts'
import { defineVerb, flag } from '../verb.ts'

/**
 * `gatehouse audit verify`: checks whether records of the audit log are missing, altered, reordered or forged, and
 * prints at most 1000 findings.
 */
export const verb = defineVerb({
  description: 'Verify the audit log in Redis, or in files and spill folders',
  arguments: {
    path: z.array(z.string()).default([]).register(flag, {
      help: 'files or folders to verify, - for standard input; without a path, a node verifies the log in Redis',
    }),
  },
  flags: {
    config: z.string().optional().register(flag, {
      short: 'c',
      value: 'file',
      help: 'only with a path: settings file whose keys.audit contains the keys of the log',
    }),
    key: z.array(z.string()).default([]).register(flag, {
      value: 'id=file',
      help: 'only with a path: id and file of a key that sealed the log (see keys.audit); can be repeated',
    }),
    partial: z
      .boolean()
      .default(false)
      .register(flag, { help: 'only with a path: accept chains that begin or end outside of the files' }),
    admin: adminFlag,
  },
  examples: [
    { run: 'gatehouse audit verify', does: 'the log in Redis, through the node at GATEHOUSE_ADMIN_URL' },
    { run: 'gatehouse audit verify --key a1=audit.key archive/', does: 'archived files, without a cluster' },
  ],
  exitCodes: {
    [exitCodes.done]: 'no violation; chains of running nodes are verified as far as they are written',
    [exitCodes.invalid]: 'records are missing, altered, reordered or forged; each finding is printed',
    ...adminUnreachable,
    [exitCodes.partly]: 'no violation, but a node was killed before it closed its chain, or reported lost records',
  },
  run: async ({ path: paths, config, key, partial, admin }, output) => {
    if (paths.length > 0) return print(await verifyFiles(paths, keysOf(config, key), partial), output)
    if (config !== undefined || key.length > 0 || partial) {
      throw new CliError(exitCodes.usage, 'GH_USAGE', '--config, --key and --partial require a path', pathHint)
    }
    const path = '/api/v1/audit/verification'
    const { document } = await AdminClient.from(admin).call('GET', path, 'findings', undefined, LOG_QUERY_REPLY_MS)
    return print(document as unknown as VerificationReport, output)
  },
})

async function verifyFiles(
  paths: readonly string[],
  keys: readonly AuditKey[],
  partial: boolean,
): Promise<VerificationReport> {
  const verification = new Verification({ keys, partial })
  for (const path of paths) {
    for (const file of await filesIn(path)) await readFileInto(file, verification)
  }
  const report = verification.report()
  // Treat an empty audit log as an error: an attacker who removed every record must not get the result "valid".
  if (report.batches + report.findings.length === 0) throw nothingIn(paths)
  return report
}

function keysOf(config: string | undefined, given: readonly string[]): AuditKey[] {
  const flags = { policy: { path: '.' } }
  const keys: AuditKey[] =
    config === undefined ? [] : [...loadSettings({ path: config, env: process.env, flags }).keys.audit]
  for (const each of given) {
    const [, id, file] = /^([A-Za-z0-9._-]{1,64})=(.+)$/s.exec(each) ?? []
    if (file === undefined)
      throw new CliError(
        exitCodes.usage,
        'GH_USAGE',
        '--key must be ID=FILE',
        'such as --key a1=audit-key: the id of a key in keys.audit, and its file',
      )
    const { secret, failure } = readSecret({ file }, process.env, process.cwd())
    const keyOrFault = secret === undefined ? failure! : readAuditKey(secret)
    if (typeof keyOrFault === 'string') throw new CliError(exitCodes.usage, 'GH_USAGE', `--key ${id}: ${keyOrFault}`)
    keys.push({ id: id!, secret: keyOrFault })
  }
  return keys
}

const archiveName = /[.](spill|ndjson)([.](gz|zst))?$/

/**
 * Returns the given audit file, or the audit files of a folder sorted by name. The order by name is the order of
 * rotated files by age.
 */
async function filesIn(path: string): Promise<string[]> {
  if (path === '-') return [path]
  try {
    if (!(await stat(path)).isDirectory()) return [path]
    const names = (await readdir(path)).filter((name) => archiveName.test(name))
    return names.sort().map((name) => join(path, name))
  } catch (error) {
    throw unreadable(path, error)
  }
}

async function readFileInto(file: string, verification: Verification): Promise<void> {
  const bytes = file === '-' ? process.stdin : createReadStream(file)
  const unpack = file.endsWith('.gz') ? createGunzip() : file.endsWith('.zst') ? createZstdDecompress() : undefined
  try {
    if (unpack === undefined) return await readArchive(bytes, file, verification)
    bytes.once('error', (error: Error) => unpack.destroy(error))
    await readArchive(bytes.pipe(unpack), file, verification)
  } catch (error) {
    throw unreadable(file, error)
  }
}

function unreadable(path: string, error: unknown): CliError {
  const { code, message } = error as NodeJS.ErrnoException
  const hint = unreadableRemedies[code ?? '']
  return new CliError(exitCodes.invalid, 'GH_AUDIT_UNREADABLE', `${path} cannot be read (${code ?? message})`, hint)
}

const pathHint = 'name the audit files, or omit these flags to let a node verify the log in Redis'

function nothingIn(paths: readonly string[]): CliError {
  const message = `${paths.join(', ')}: no audit records found (files are *.ndjson and *.spill)`
  const hint = 'name the file of a file sink, a spill file, or a folder of them'
  return new CliError(exitCodes.invalid, 'GH_AUDIT_EMPTY', message, hint)
}

function print(report: VerificationReport, output: Output): ExitCode {
  const { findings, more, chains } = report
  output.document(report)
  output.table(
    ['chain', 'first', 'last', 'lost', 'end', 'keyed'],
    chains.map(({ chain, first, last, lost, end, keyed }) => [
      chain,
      String(first),
      String(last),
      String(lost),
      end,
      keyed ? 'yes' : 'no',
    ]),
  )
  for (const { kind, chain, first, last, detail } of findings) {
    const place = [chain ?? '', rangeOf(first, last)].filter((part) => part !== '').join(' ')
    output.line(`${kind}: ${place === '' ? '' : `${place}: `}${detail}`)
  }
  if (more > 0) output.line(`and ${more} more`)
  for (const line of remarks(chains)) output.line(line)
  const found = findings.length + more
  output.line(
    `${report.records} records verified, ${found === 0 ? 'no' : found} ${found === 1 ? 'finding' : 'findings'}`,
  )
  return exitCodeOf(report)
}

function* remarks(chains: readonly ChainReport[]): Generator<string> {
  for (const { chain, last, end, lost } of chains) {
    if (end === 'running') yield `${chain} continues: its node runs; records after ${last} are not verified yet`
    if (end === 'open') {
      yield `${chain} is open after ${last}: its node was killed or still runs; later records are not included`
    }
    if (lost > 0) yield `${chain}: the node reported ${lost} lost records: its buffer and spill folder were full`
  }
  if (chains.some(({ keyed }) => !keyed))
    yield 'not keyed: anyone with write access to the log could have replaced all of it'
}

/** Formats a range of audit record numbers. The admin API returns an unknown number as null. */
function rangeOf(first: number | null | undefined, last: number | null | undefined): string {
  if (last === undefined || last === null) return ''
  return first === last || first === undefined || first === null ? String(last) : `${first}-${last}`
}

function exitCodeOf({ findings, chains }: VerificationReport): ExitCode {
  if (findings.length > 0) return exitCodes.invalid
  return chains.some(({ end, lost }) => end === 'open' || lost > 0) ? exitCodes.partly : exitCodes.done
}
