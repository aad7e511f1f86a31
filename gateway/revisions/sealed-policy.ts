import type { Envelopes } from './envelope.ts'
import { type Activation, hashOf, type Revision, readActivation, readRevision } from './revision.ts'
import type { SealedPolicy } from './revision-store.ts'

/** An authentic activation with its revision. */
export interface FoundPolicy {
  readonly activation: Activation
  readonly revision: Revision
  readonly sealed: SealedPolicy
}

/**
 * Opens the envelope of a revision; `undefined` when the content is not authentic, or is not the revision that this
 * activation names.
 */
export function openRevision(
  envelopes: Envelopes,
  text: string,
  { number, hash }: Pick<Activation, 'number' | 'hash'>,
): Revision | undefined {
  const opened = envelopes.open('revision', text)
  if ('fault' in opened) return undefined
  const revision = readRevision(opened.body)
  if (revision === undefined) return undefined
  return revision.number === number && revision.hash === hash && hashOf(revision.files) === hash ? revision : undefined
}

/**
 * Opens the envelopes of an activation and its revision; `undefined` when one of them is not authentic, or a newer
 * version wrote it.
 */
export function openSealed(envelopes: Envelopes, sealed: SealedPolicy): FoundPolicy | undefined {
  const opened = envelopes.open('activation', sealed.activation)
  if ('fault' in opened) return undefined
  const activation = readActivation(opened.body)
  if (activation === undefined) return undefined
  const revision = openRevision(envelopes, sealed.revision, activation)
  return revision && { activation, revision, sealed }
}
