import { maxProblems, type Problem, problem } from '../config/problem.ts'
import type { PolicySource } from './policy-source.ts'
import { matchedPath } from './services/match-entry.ts'

/**
 * Finds path patterns with a segment such as `:id`. Many routers use this form for a variable segment. Here it matches
 * only the text `:id` itself.
 *
 * @returns one problem per route, at most 100
 */
export function literalSegments({ document, locate }: PolicySource): Problem[] {
  const problems: Problem[] = []
  for (const [service, { routes }] of Object.entries(document.services)) {
    for (const [i, { match }] of routes.entries()) {
      const path = matchedPath(match)
      const segment = path.split('/').find((each) => /^:[A-Za-z_]\w*$/.test(each))
      if (segment === undefined) continue
      const at = ['services', service, 'routes', i, 'match', 'path']
      const message = `segment ${segment} matches only the text ${segment} itself`
      const meant = path.replaceAll(/(?<=\/):[A-Za-z_]\w*(?=\/|$)/g, '*')
      const hint = `* stands for one segment of any text: ${meant}`
      problems.push(problem('GH_POLICY_LITERAL_SEGMENT', message, at, locate(at), hint))
      if (problems.length === maxProblems) return problems
    }
  }
  return problems
}
