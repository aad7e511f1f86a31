import { checkNextStart } from '../../../gateway/check-start.ts'
import { policyOfSettings } from '../../../gateway/cli/settings-policy.ts'
import { readSettings } from '../../../gateway/config/settings.ts'
import type { DoctorCheck } from '../../../gateway/doctor/doctor-check.ts'
import type { Finding } from '../../../gateway/doctor/finding.ts'
import { runDoctor } from '../../../gateway/doctor/run-doctor.ts'
import { atEnd } from '../../kit/cleanup.ts'
import { NodeFolder } from '../../kit/node-folder.ts'

interface ExaminedNode {
  readonly checks: readonly DoctorCheck[]
  readonly settings?: Readonly<Record<string, unknown>>
  /** Default: a policy with one public route and without issuers. */
  readonly policy?: object
  readonly env?: Readonly<Record<string, string>>
}

const publicOnly = {
  version: 1,
  services: {
    orders: {
      upstreams: ['http://127.0.0.1:9'],
      routes: [{ id: 'public', match: { path: '/**' }, require: 'public' }],
    },
  },
}

/** Runs some checks of `gatehouse doctor --config`, in this process, for a node with these settings and this policy. */
export async function findingsOf({ checks, settings = {}, policy, env = {} }: ExaminedNode): Promise<Finding[]> {
  const folder = new NodeFolder()
  atEnd(() => folder.remove())
  folder.writePolicy(policy ?? publicOnly)
  folder.writeSettings(settings)
  const loaded = readSettings({ path: folder.file('gatehouse.yaml'), env, flags: {} })
  const snapshot = await policyOfSettings(loaded.settings)
  return runDoctor({ loaded, snapshot, checkFiles: () => checkNextStart(loaded) }, checks)
}
