import type { DocumentPath, ProblemCode } from '../config/problem.ts'

/** Notes that something in the policy does not hold, and goes on looking for more. */
export type Complain = (code: ProblemCode, message: string, path: DocumentPath, hint?: string) => void
