import { type ChildProcess, spawn, spawnSync } from 'node:child_process'
import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { delimiter, join } from 'node:path'
import { createInterface } from 'node:readline'
import { guard } from '../../deploy/guard.ts'
import { atEnd } from './cleanup.ts'
import { until } from './until.ts'

// Node has no datagram sockets of the family AF_UNIX, so the receiver is a line of Perl, which every Debian has.

const open =
  'use Socket; $p = $ENV{NOTIFY_SOCKET}; $p =~ s/^@/\\0/; socket(S, AF_UNIX, SOCK_DGRAM, 0) or die; $a = pack_sockaddr_un($p);'
const receive = `${open} bind(S, $a) or die $!; $| = 1; print "bound\\n"; while (defined recv(S, $m, 65536, 0)) { $m =~ s/\\n/ /g; print "$m\\n" }`
/** Stands in for `systemd-notify` on a machine without systemd. */
const send = `${open} connect(S, $a) or die $!; defined send(S, join("\\n", @ARGV), 0) or die $!;`

/** The socket on which systemd receives messages of a service, sd_notify(3). */
export class NotifySocket {
  /** Messages in the order of their arrival; a space replaces each line feed. */
  readonly messages: string[] = []
  /** Environment variables of the service. */
  readonly env: Readonly<Record<string, string>>
  readonly #receiver: ChildProcess

  /** @param address  a path, or `@` and a name in the abstract namespace */
  constructor(address: string, folder: string) {
    this.env = { NOTIFY_SOCKET: address, PATH: pathWithNotify(folder) }
    this.#receiver = spawn('perl', ['-e', receive], {
      env: { ...process.env, NOTIFY_SOCKET: address },
      stdio: ['ignore', 'pipe', 'inherit'],
    })
    const release = guard(this.#receiver.pid!)
    this.#receiver.once('exit', release)
    createInterface(this.#receiver.stdout!).on('line', (line) => {
      // systemd-notify waits until the receiver has closed the descriptor that comes with this message.
      if (!line.startsWith('BARRIER=')) this.messages.push(line)
    })
  }

  /** The messages except those of the watchdog. */
  get states(): readonly string[] {
    return this.messages.slice(1).filter((message) => message !== 'WATCHDOG=1')
  }

  async bound(): Promise<void> {
    await until('the receiver is bound', () => this.messages[0] === 'bound')
  }

  close(): void {
    this.#receiver.kill()
  }
}

/** Opens a socket at a path, or in the abstract namespace. The socket is closed after the last test of the file. */
export async function openNotifySocket(kind: 'path' | 'abstract'): Promise<NotifySocket> {
  const folder = mkdtempSync(join(tmpdir(), 'gatehouse-notify-'))
  const socket = new NotifySocket(kind === 'path' ? join(folder, 'notify') : `@${folder}`, folder)
  atEnd(() => {
    socket.close()
    rmSync(folder, { recursive: true, force: true })
  })
  await socket.bound()
  return socket
}

function pathWithNotify(folder: string): string {
  const path = process.env['PATH'] ?? ''
  if (spawnSync('systemd-notify', ['--version'], { stdio: 'ignore' }).status === 0) return path
  const file = join(folder, 'systemd-notify')
  writeFileSync(file, `#!/usr/bin/perl\n${send}\n`)
  chmodSync(file, 0o755)
  return `${folder}${delimiter}${path}`
}
