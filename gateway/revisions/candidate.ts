import { z } from 'zod'
import { printRevision, type Revision, readRevision } from './revision.ts'

const shape = z.strictObject({ id: z.string(), follows: z.int().min(1), revision: z.string() })

/** A revision on which the members vote. */
export interface Candidate {
  /** Random id. The MAC binds the revision to it, so that an earlier candidate cannot be proposed again. */
  readonly id: string
  /** Number of the activation that the activation of the candidate would replace. */
  readonly follows: number
  readonly revision: Revision
}

/** Prints a candidate as the body of an envelope. */
export function printCandidate({ id, follows, revision }: Candidate): string {
  return JSON.stringify({ id, follows, revision: printRevision(revision) })
}

/** Parses a candidate; `undefined` when a newer version wrote it, in a form that this version does not know. */
export function readCandidate(body: string): Candidate | undefined {
  const { data } = shape.safeParse(JSON.parse(body))
  const revision = data && readRevision(data.revision)
  return revision && { ...data, revision }
}
