import type { DocumentPath, ProblemCode } from '../config/problem.ts'

/** Reports a problem in the policy; compilation continues to find further problems. */
export type ReportProblem = (code: ProblemCode, message: string, path: DocumentPath, hint?: string) => void
