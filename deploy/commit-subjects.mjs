// Checks the subjects of the commits after FIRST: conventional, imperative, at most 72 characters.

import { spawnSync } from 'node:child_process'

/** Newest commit whose subject is not checked. The subjects of all later commits are checked. */
const FIRST = 'eab6625a41e1f202b8f832d329cd6b8025637546'
const LENGTH_MAX = 72
const form = /^(?:build|chore|ci|docs|feat|fix|perf|refactor|revert|style|test)(?:\([\w/., -]+\))?!?: ([a-z]+) \S/
/** Endings that show that a verb is not imperative. `imperative`: imperative verbs that have such an ending. */
const notImperative = /(?:ed|ing|s)$/
const imperative =
  /^(?:embed|need|feed|speed|proceed|exceed|shed|bring|string|ping|process|pass|address|express|compress|bypass|discuss|focus|suppress|stress|cross|miss|access|press|guess|dismiss|assess|possess)$/

/**
 * Checks the subject of a commit.
 *
 * @returns one sentence for each problem; an empty list for a valid subject
 */
export function problemsOf(subject) {
  const problems = []
  if (subject.length > LENGTH_MAX)
    problems.push(`it has ${subject.length} characters, at most ${LENGTH_MAX} are allowed`)
  const verb = form.exec(subject)?.[1]
  if (verb === undefined)
    problems.push('expected "fix(room): verb object", with one of the types in deploy/commit-subjects.mjs')
  else if (notImperative.test(verb) && !imperative.test(verb)) problems.push(`"${verb}" is not imperative`)
  return problems
}

if (process.argv[1] === import.meta.filename) {
  const log = spawnSync('git', ['log', '--no-merges', '--format=%h %s', `${FIRST}..HEAD`], { encoding: 'utf8' })
  // A tree without its history, such as a package or a shallow clone, has no subjects to check.
  const lines = log.status === 0 ? log.stdout.split('\n').filter((line) => line !== '') : []
  for (const line of lines) {
    const subject = line.slice(line.indexOf(' ') + 1)
    for (const problem of problemsOf(subject)) {
      console.error(`commit ${line}\n  ${problem}; amend it: git rebase -i, reword`)
      process.exitCode = 1
    }
  }
}
