import { z } from 'zod'
import { checkNextStart } from '../../check-start.ts'
import { readSettings, type Settings } from '../../config/settings.ts'
import { type Finding, ok, unknown } from '../../doctor/finding.ts'
import { type DoctorSubject, runDoctor } from '../../doctor/run-doctor.ts'
import { PolicyFile } from '../../policy/policy-file.ts'
import type { Snapshot } from '../../policy/snapshot.ts'
import { NoPolicyFound } from '../../revisions/start-policy.ts'
import { AdminClient, adminFlag, adminUnreachable } from '../admin-client.ts'
import { exitCodes, type Output } from '../output.ts'
import { policyOfSettings } from '../settings-policy.ts'
import { defineVerb, flag } from '../verb.ts'

interface Report {
  /** Id of the node that ran the checks; `null` for checks on this machine. */
  readonly node: string | null
  readonly started_at: string
  readonly findings: readonly Finding[]
}

/** `gatehouse doctor`: checks what a node depends on, by a running node or on this machine. */
export const verb = defineVerb({
  description: 'Check what a node depends on: files, Redis, issuers, client secrets, upstreams, clock, certificates',
  flags: {
    config: z
      .string()
      .optional()
      .register(flag, {
        short: 'c',
        value: 'file',
        help: 'check on this machine with this settings file, instead of asking a running node',
        conflicts: ['admin'],
      }),
    admin: adminFlag,
  },
  examples: [
    { run: 'gatehouse doctor', does: 'the node at GATEHOUSE_ADMIN_URL checks' },
    { run: 'gatehouse doctor --config gatehouse.yaml', does: 'checks on this machine, also before the first start' },
  ],
  exitCodes: {
    [exitCodes.done]: 'nothing failed; some results can be unknown',
    [exitCodes.invalid]: 'a check failed; or refused: invalid token or missing scope',
    ...adminUnreachable,
  },
  run: async ({ config, admin }, output) => {
    const report = config === undefined ? await askNode(admin) : await checkHere(config)
    print(report, output)
    output.document(report)
    return report.findings.some(({ result }) => result === 'failed') ? exitCodes.invalid : exitCodes.done
  },
})

async function askNode(admin: string | undefined): Promise<Report> {
  const { document } = await AdminClient.from(admin).call('GET', '/api/v1/doctor', 'findings')
  return document as unknown as Report
}

/** @throws {ConfigError} when the settings are invalid */
async function checkHere(path: string): Promise<Report> {
  const startedAt = new Date().toISOString()
  const loaded = readSettings({ path, env: process.env, flags: {} })
  const findings = await runDoctor({
    loaded,
    ...(await policyToCheck(loaded.settings)),
    checkFiles: () => checkNextStart(loaded),
  })
  return { node: null, started_at: startedAt, findings }
}

/**
 * Reads the policy of the settings. While the cluster has none, or Redis does not reply, reads `policy.seed` instead. An
 * invalid policy is a finding of the check of the files; without a policy, less is checked.
 */
async function policyToCheck(settings: Settings): Promise<Pick<DoctorSubject, 'snapshot' | 'policyOutcome'>> {
  const seed = settings.policy.source === 'cluster' ? settings.policy.seed : undefined
  try {
    return { snapshot: await policyOfSettings(settings) }
  } catch (error) {
    if (!(error instanceof NoPolicyFound) || seed === undefined) return { snapshot: undefined }
    return { snapshot: seedOrNone(seed), policyOutcome: error.isClusterEmpty ? firstStart : withoutRedis }
  }
}

const firstStart = ok('the cluster has no policy yet; policy.seed is checked, which becomes its first revision')

const withoutRedis = unknown(
  'the policy of the cluster cannot be read; the issuers, logins and upstreams of policy.seed are checked',
  'correct the connection to Redis, and run `gatehouse doctor` again',
)

function seedOrNone(path: string): Snapshot | undefined {
  try {
    return new PolicyFile(path).load()
  } catch {
    return undefined
  }
}

function print({ findings }: Report, output: Output): void {
  for (const { check, subject, result, detail, remedy } of findings) {
    output.line(`${result.padEnd(7)}  ${check}  ${subject}: ${detail}`)
    if (remedy !== null) output.line(`         remedy: ${remedy}`)
  }
  const count = (wanted: Finding['result']) => findings.filter(({ result }) => result === wanted).length
  output.line(`${count('ok')} ok, ${count('failed')} failed, ${count('unknown')} unknown`)
}
