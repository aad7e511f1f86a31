import { execFileSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { availableParallelism, cpus, loadavg, release, totalmem } from 'node:os'
import { ownTree } from '../harness/node.ts'

/** Machine and commit of a benchmark run. Contains no names of hosts, folders or persons. */
export interface Circumstances {
  readonly machine: {
    readonly cpu: string
    /** Family, model and stepping of the processor (cpuid). Cloud machines hide the name of the model. */
    readonly cpu_model: string
    /** Whether the processor reports a hypervisor. Cache and system call costs differ on virtual machines. */
    readonly virtual: boolean
    readonly cores: number
    readonly memory_gib: number
    readonly kernel: string
    readonly node: string
  }
  /** Load average of the minute before the run. If it is above `cores`, the machine was busy with other work. */
  readonly load_before: number
  /** Commit of the checkout, and whether tracked or new files differ from it. `undefined` outside of a git checkout. */
  readonly commit: { readonly id: string; readonly changed: boolean } | undefined
}

export function circumstances(): Circumstances {
  return {
    machine: {
      cpu: cpus()[0]?.model ?? 'unknown',
      ...processor(),
      cores: availableParallelism(),
      memory_gib: Math.round(totalmem() / 2 ** 30),
      kernel: release(),
      node: process.version,
    },
    load_before: loadavg()[0]!,
    commit: commit(),
  }
}

function processor(): Pick<Circumstances['machine'], 'cpu_model' | 'virtual'> {
  const text = readFileSync('/proc/cpuinfo', 'utf8')
  const field = (name: string): string => new RegExp(`^${name}\\s*: (.*)$`, 'm').exec(text)?.[1] ?? '?'
  return {
    cpu_model: [field('cpu family'), field('model'), field('stepping')].join('/'),
    virtual: field('flags').split(' ').includes('hypervisor'),
  }
}

function commit(): Circumstances['commit'] {
  try {
    const changed = git('status', '--porcelain', '--', '.', ':!bench/results') !== ''
    return { id: git('rev-parse', '--short=12', 'HEAD'), changed }
  } catch {
    return undefined
  }
}

function git(...words: string[]): string {
  return execFileSync('git', words, { cwd: ownTree, encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] }).trim()
}
