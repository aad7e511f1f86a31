import { spawnSync } from 'node:child_process'
import { fileURLToPath } from 'node:url'

const gatehouse = fileURLToPath(new URL('../../../gateway/cli/gatehouse.mjs', import.meta.url))

/** The command line in a process of its own. */
export function runGatehouse(args: readonly string[], input = '') {
  const options = { input, encoding: 'utf8', env: {}, timeout: 20_000 } as const
  const { status, stdout, stderr } = spawnSync(process.execPath, [gatehouse, ...args], options)
  return { status, stdout, stderr }
}
