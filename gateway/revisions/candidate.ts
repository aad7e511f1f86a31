import { z } from 'zod'
import { printRevision, type Revision, readRevision } from './revision.ts'

const shape = z.strictObject({ id: z.string(), follows: z.int().min(1), revision: z.string() })

/** A proposed revision of the cluster policy, on which the members vote before it becomes active. */
export interface Candidate {
  /**
   * Random id of the proposal. The MAC binds the proposed revision to this id, so that an earlier proposal cannot be
   * repeated.
   */
  readonly id: string
  /** Number of the activation that would be replaced if the proposed revision became active. */
  readonly follows: number
  readonly revision: Revision
}

/** Formats a candidate (a proposed revision) as the body of an envelope. */
export function printCandidate({ id, follows, revision }: Candidate): string {
  return JSON.stringify({ id, follows, revision: printRevision(revision) })
}

/**
 * Parses a candidate (a proposed revision); `undefined` when a newer version of Gatehouse wrote the proposed policy in an unknown form.
 */
export function readCandidate(body: string): Candidate | undefined {
  const { data } = shape.safeParse(JSON.parse(body))
  const revision = data && readRevision(data.revision)
  return revision && { ...data, revision }
}
