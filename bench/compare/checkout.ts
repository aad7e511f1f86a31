import { execFileSync } from 'node:child_process'
import { existsSync, readFileSync, rmSync, symlinkSync } from 'node:fs'
import { join } from 'node:path'
import { installPackages } from '../../deploy/packages.mjs'
import { ownTree } from '../harness/node.ts'

/** Another commit of this repository, checked out with its packages and ready to run. */
export interface Checkout {
  readonly folder: string
  readonly commit: string
  remove(): void
}

/**
 * Checks out a commit into `.gatehouse/bench/<commit>`, with its packages. A commit with the same package-lock.json as
 * this checkout uses the packages of this checkout.
 *
 * @param rev  name of a commit, in any form that git accepts
 * @throws {Error} when git does not know the commit
 */
export async function checkoutOf(rev: string, progress: (line: string) => void): Promise<Checkout> {
  const commit = commitOf(rev)
  const folder = join(ownTree, '.gatehouse', 'bench', commit)
  const remove = (): void => {
    rmSync(folder, { recursive: true, force: true })
    git('worktree', 'prune')
  }
  // An earlier run that was killed can have left this folder.
  remove()
  git('worktree', 'add', '--detach', folder, commit)
  try {
    if (lockOf(folder) === lockOf(ownTree)) {
      symlinkSync(join(ownTree, 'node_modules'), join(folder, 'node_modules'))
    } else {
      progress(`packages of ${commit} (npm ci)`)
      await installPackages(folder)
    }
  } catch (error) {
    remove()
    throw error
  }
  return { folder, commit, remove }
}

function commitOf(rev: string): string {
  try {
    return git('rev-parse', '--short=12', '--verify', '--end-of-options', `${rev}^{commit}`)
  } catch {
    throw new Error(`unknown commit "${rev}"`)
  }
}

function lockOf(folder: string): string {
  const file = join(folder, 'package-lock.json')
  return existsSync(file) ? readFileSync(file, 'utf8') : ''
}

function git(...words: string[]): string {
  return execFileSync('git', words, { cwd: ownTree, encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] }).trim()
}
