import { ConfigError } from '../config/problem.ts'
import { compilePolicy } from './compile.ts'
import { policyRevision, policyTexts, readPolicy } from './policy-source.ts'
import type { Snapshot } from './snapshot.ts'

type Compiled = { readonly snapshot: Snapshot } | { readonly error: ConfigError }

/**
 * Compiles policy files for checks that a node repeats, and compiles unchanged files only once. A policy of 10,000 routes
 * takes seconds to compile, and the node handles no request in this time. Keeps the result for one policy.
 */
export class CompiledPolicies {
  #revision = ''
  #compiled: Compiled | undefined

  /**
   * Returns the policy in the files at `path`. Files with the revision of `inForce` are not compiled. Reads all bytes at
   * each call.
   *
   * @throws {ConfigError} with the problems of the policy
   */
  at(path: string, publicUrls: readonly string[], inForce: Snapshot | undefined): Snapshot {
    const texts = policyTexts(path)
    const revision = policyRevision(texts)
    if (revision === inForce?.revision) return inForce
    if (revision !== this.#revision || this.#compiled === undefined) {
      this.#compiled = compiled(() => compilePolicy(readPolicy(texts), { publicUrls }))
      this.#revision = revision
    }
    if ('error' in this.#compiled) throw this.#compiled.error
    return this.#compiled.snapshot
  }
}

function compiled(compile: () => Snapshot): Compiled {
  try {
    return { snapshot: compile() }
  } catch (error) {
    if (error instanceof ConfigError) return { error }
    throw error
  }
}
