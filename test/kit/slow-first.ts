import { relative } from 'node:path'
import { BaseSequencer, type TestSpecification } from 'vitest/node'

/**
 * Test files that run for more than 10 s on an idle machine, the slowest first. Such a file at the end of a run would use
 * one core while the other one is idle.
 */
export const slowFiles: readonly string[] = [
  'test/cluster/policy-canary.test.ts',
  'test/integration/demo-check.test.ts',
  'test/integration/stream-authority.test.ts',
  'test/integration/bench.test.ts',
  'test/integration/introspection-limited.test.ts',
  'test/regression/opaque-revoked-text.test.ts',
  'test/integration/node-life-stop.test.ts',
  'test/integration/tls.test.ts',
  'test/integration/login-variants.test.ts',
  'test/integration/certificate-swaps.test.ts',
  'test/integration/audit-verify.test.ts',
  'test/integration/demo-steering.test.ts',
  'test/regression/introspection-workers.test.ts',
  'test/browser/login.test.ts',
  'test/browser/login-tabs.test.ts',
  'test/integration/client-certificates.test.ts',
  'test/integration/node-life-handover.test.ts',
  'test/unit/limits/lease-simulated.process.test.ts',
  'test/integration/slow-clients.test.ts',
  'test/integration/traces-sampled.test.ts',
  'test/regression/slow-waits.test.ts',
  'test/regression/rejected-policy.test.ts',
  'test/unit/house/supervised.test.ts',
  'test/unit/policy/random-policies.test.ts',
  'test/unit/telemetry/counted-exporter.test.ts',
]

/** Starts the slow files of each project before its other files. */
export class SlowFirst extends BaseSequencer {
  override async sort(files: TestSpecification[]): Promise<TestSpecification[]> {
    const rank = ({ project, moduleId }: TestSpecification) => {
      const at = slowFiles.indexOf(relative(project.config.root, moduleId))
      return at < 0 ? slowFiles.length : at
    }
    const sorted = await super.sort(files)
    // `super.sort` has put the files of a project next to each other, and a worker is used again only in its project.
    const projects = Map.groupBy(sorted, ({ project }) => project)
    return [...projects.values()].flatMap((own) => own.toSorted((a, b) => rank(a) - rank(b)))
  }
}
