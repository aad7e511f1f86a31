import type { Envelopes } from './envelope.ts'
import type { PolicyCopy } from './policy-copy.ts'
import { compareActivations } from './revision.ts'
import { type FoundPolicy, openSealed } from './sealed-policy.ts'

interface KeepCopyDependencies {
  readonly copy: PolicyCopy
  readonly envelopes: Envelopes
  readonly log: (level: 'error', message: string, fields: Record<string, unknown>) => void
}

/**
 * Writes the active policy to the copy on disk. Processes that share the file, such as a node and a worker with the
 * same settings, keep the policy with the newest activation. If the write fails, an older copy is removed: the process
 * has acknowledged that this older policy is replaced, and must not start with it.
 */
export function keepCopy(
  { copy, envelopes, log }: KeepCopyDependencies,
  { activation, sealed }: Pick<FoundPolicy, 'activation' | 'sealed'>,
): void {
  const { path } = copy
  try {
    const stored = copy.read()
    const kept = stored && openSealed(envelopes, stored)
    const order = kept === undefined ? -1 : compareActivations(kept.activation, activation)
    if (order > 0) return
    try {
      copy.write(sealed)
    } catch (error) {
      if (stored !== undefined && order < 0) copy.remove()
      throw error
    }
  } catch (error) {
    log('error', 'the copy of the active policy cannot be written', { path, reason: String(error) })
  }
}
