import type { SpawnOptions } from 'node:child_process'

export function runChild(command: string, words: readonly string[], options: SpawnOptions): Promise<number>
export function watchNpm(onEnd: () => void): NodeJS.Timeout | undefined
