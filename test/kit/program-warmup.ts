import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { NodeProcess } from './node-process.ts'
import { programPath } from './programs.ts'
import { patientMs, redisDeadlineWords } from './redis-patience.ts'

const policy = {
  version: 1,
  services: {
    s: { upstreams: ['http://127.0.0.1:9'], routes: [{ id: 'r', match: { path: '/' }, require: 'public' }] },
  },
}

/**
 * Runs a node and a worker once, so that the compile cache contains a new bundle before the tests start. Otherwise, the
 * first twenty nodes of a run compile the bundle at the same time, and then all write the same files, which can stop them
 * for a minute on a slow disk.
 */
export async function warmUpPrograms(): Promise<void> {
  const node = new NodeProcess({ policy })
  await node.ready()
  // A node that is stopped gracefully writes the compile cache before it exits.
  await node.stop()
  await node.remove()
  // The worker exits because it has no settings file, after it has loaded its modules.
  const words = [...redisDeadlineWords(patientMs), programPath('worker'), '--config', 'absent.yaml']
  await once(spawn(process.execPath, words, { stdio: 'ignore' }), 'close')
}
