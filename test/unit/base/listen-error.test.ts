import { createServer } from 'node:http'
import { expect, test } from 'vitest'
import { PlainServer, textReply } from '../../../gateway/probes/plain-server.ts'
import { listenWorkerProbes } from '../../../workers/probes.ts'
import { atEnd } from '../../kit/cleanup.ts'
import { listen } from '../../kit/ports.ts'

// A ListenError names the setting of the address, the cause and the remedy.

const holder = createServer()
const port = await listen(holder)
atEnd(() => void holder.close())
const taken = { host: '127.0.0.1', port }

test.each([
  {
    what: 'a taken admin port',
    opened: () => PlainServer.listen('admin.listen', taken, () => textReply(200, '')),
    message: `admin.listen: cannot listen on 127.0.0.1:${port}: the port is in use`,
    hint: 'stop the process that listens there, or set another address in admin.listen or with --admin; each process needs its own',
  },
  {
    what: 'a taken probe port of a worker',
    opened: () => listenWorkerProbes({ started: true, ready: true, metrics: async () => '' }, taken),
    message: `probes.listen: cannot listen on 127.0.0.1:${port}: the port is in use`,
    hint: 'stop the process that listens there, or set another address in probes.listen; each process needs its own',
  },
  {
    what: 'an address of another machine',
    opened: () => PlainServer.listen('probes.listen', { host: '2001:db8::1', port: 1 }, () => textReply(200, '')),
    message: 'probes.listen: cannot listen on [2001:db8::1]:1: this machine does not have the address',
    hint: expect.any(String),
  },
])(
  'the error of a process that cannot listen names the setting and the cause (case: $what)',
  async ({ opened, message, hint }) => {
    await expect(opened()).rejects.toMatchObject({ name: 'ListenError', message, hint })
  },
)
