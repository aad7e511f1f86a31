import { compilePolicy } from '../policy/compile.ts'
import type { Snapshot } from '../policy/snapshot.ts'
import { type Activation, type Revision, sourceOf } from './revision.ts'
import type { SealedPolicy } from './revision-store.ts'
import type { FoundPolicy } from './sealed-policy.ts'

export interface CompilerDependencies {
  /** Folder against which relative paths in the policy are resolved. */
  readonly folder: string
  readonly publicUrls: readonly string[] | undefined
  /** Checks that the settings contain all that the policy needs. @throws {ConfigError} when a setting is missing */
  readonly check: (snapshot: Snapshot) => void
}

/** The policy that a process enforces, with the activation that made it active. */
export interface HeldPolicy {
  readonly activation: Activation
  readonly revision: Revision
  readonly sealed: SealedPolicy
  readonly snapshot: Snapshot
}

/** Compiles the policy with which a process starts. @throws {ConfigError} with all problems */
export function compiledPolicy({ folder, publicUrls, check }: CompilerDependencies, found: FoundPolicy): HeldPolicy {
  const snapshot = compilePolicy(sourceOf(found.revision.files, folder), { publicUrls })
  check(snapshot)
  return { ...found, snapshot }
}
