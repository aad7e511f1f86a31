import { createReadStream } from 'node:fs'
import { readdir, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { createGunzip, createZstdDecompress } from 'node:zlib'
import { Command } from 'commander'
import { readArchive } from '../audit/read-archive.ts'
import type { AuditKey } from '../audit/seal.ts'
import { type ChainReport, Verification, type VerificationReport } from '../audit/verification.ts'
import { readAuditKey } from '../config/audit-keys.ts'
import { readSecret } from '../config/secret.ts'
import { loadSettings } from '../config/settings.ts'
import { type AdminClient, adminOption, type SteerFlags, steer } from './admin-client.ts'
import { addHelp } from './help.ts'
import { CliError, type ExitCode, exitCodes, Output, outputOption } from './output.ts'

interface VerifyFlags extends SteerFlags {
  readonly config?: string
  readonly key: readonly string[]
  readonly partial: boolean
}

/** `gatehouse audit verify`: checks that the audit log is complete and unmodified, and lists every violation. */
export function auditVerifyCommand(): Command {
  const command = new Command('verify')
    .description('Verify the audit log: of a cluster, or files and spill folders of it')
    .argument('[path...]', 'files or folders, - for standard input; none: the log in Redis, by the admin API')
    .option('-c, --config <file>', 'for files: settings file of which keys.audit is taken')
    .option('--key <id=file>', 'for files: a key of the log; may be given more than once', collect, [])
    .option('--partial', 'the files are a part of the log: chains may begin and end elsewhere', false)
    .addOption(adminOption())
    .addOption(outputOption())
    .action((paths: string[], flags: VerifyFlags) =>
      paths.length === 0 ? steer(flags, (admin, output) => ask(flags, admin, output)) : verify(paths, flags),
    )
  return addHelp(
    command,
    [
      { run: 'gatehouse audit verify', does: 'the log in Redis, by the node that GATEHOUSE_ADMIN_URL names' },
      { run: 'gatehouse audit verify --key a1=audit.key archive/', does: 'the files of an archive, with no cluster' },
    ],
    {
      [exitCodes.invalid]: 'records are missing, altered, swapped or forged; each is named',
      [exitCodes.unreachable]: 'no node answers, or the node cannot reach Redis',
      [exitCodes.partly]: 'whole, but a node was killed before it closed its chain, or says that it lost records',
    },
  )
}

function collect(value: string, before: readonly string[]): string[] {
  return [...before, value]
}

async function ask({ config, key, partial }: VerifyFlags, admin: AdminClient, output: Output): Promise<void> {
  if (config !== undefined || key.length > 0 || partial) {
    throw new CliError(exitCodes.usage, 'GH_USAGE', '--config, --key and --partial go with files: name them')
  }
  const { document } = await admin.call('GET', '/api/v1/audit/verification', 'findings')
  print(document as unknown as VerificationReport, output)
}

async function verify(paths: readonly string[], { config, key, partial, output: format }: VerifyFlags): Promise<void> {
  const output = new Output(format)
  try {
    const verification = new Verification({ keys: keysOf(config, key), partial })
    for (const path of paths) {
      for (const file of await filesIn(path)) await readFileInto(file, verification)
    }
    const report = verification.report()
    // An empty log is an error: an attacker who removed every record must not get the result "valid".
    if (report.batches + report.findings.length === 0) throw nothingIn(paths)
    print(report, output)
  } catch (error) {
    process.exitCode = output.error(error)
  }
}

function keysOf(config: string | undefined, given: readonly string[]): AuditKey[] {
  const flags = { policy: { path: '.' } }
  const keys: AuditKey[] =
    config === undefined ? [] : [...loadSettings({ path: config, env: process.env, flags }).keys.audit]
  for (const each of given) {
    const [, id, file] = /^([A-Za-z0-9._-]{1,64})=(.+)$/s.exec(each) ?? []
    if (file === undefined) throw new CliError(exitCodes.usage, 'GH_USAGE', '--key wants ID=FILE')
    const { secret, failure } = readSecret({ file }, process.env, process.cwd())
    const bytes = secret === undefined ? failure! : readAuditKey(secret)
    if (typeof bytes === 'string') throw new CliError(exitCodes.usage, 'GH_USAGE', `--key ${id}: ${bytes}`)
    keys.push({ id: id!, secret: bytes })
  }
  return keys
}

const archiveName = /[.](spill|ndjson)([.](gz|zst))?$/

/** The file itself, or the audit files of a folder sorted by name, which sorts rotated files by age. */
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
  return new CliError(exitCodes.invalid, 'GH_AUDIT_UNREADABLE', `${path} cannot be read (${code ?? message})`)
}

function nothingIn(paths: readonly string[]): CliError {
  const message = `${paths.join(', ')}: there are no records of an audit log (files are *.ndjson and *.spill)`
  return new CliError(exitCodes.invalid, 'GH_AUDIT_EMPTY', message)
}

function print(report: VerificationReport, output: Output): void {
  const { findings, more, chains } = report
  process.exitCode = exitCodeOf(report)
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
  output.line(`${report.records} records verified, ${found === 0 ? 'nothing' : found} found`)
}

function* remarks(chains: readonly ChainReport[]): Generator<string> {
  for (const { chain, last, end, lost } of chains) {
    if (end === 'open') {
      yield `${chain} has an open end behind ${last}: its node was killed, or runs still; what came later is not here`
    }
    if (lost > 0) yield `${chain}: ${lost} records are lost, says the node: there was no room for them`
  }
  if (chains.some(({ keyed }) => !keyed)) yield 'not keyed: whoever can write the log could have written all of it anew'
}

/** The admin API returns unknown members as null. */
function rangeOf(first: number | null | undefined, last: number | null | undefined): string {
  if (last === undefined || last === null) return ''
  return first === last || first === undefined || first === null ? String(last) : `${first}-${last}`
}

function exitCodeOf({ findings, chains }: VerificationReport): ExitCode {
  if (findings.length > 0) return exitCodes.invalid
  return chains.some(({ end, lost }) => end === 'open' || lost > 0) ? exitCodes.partly : exitCodes.done
}
