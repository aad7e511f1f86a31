import { startBodyService } from '../harness/bodies.ts'
import { down, up } from '../harness/body-transfer.ts'
import { cpuTimeUs } from '../harness/cpu.ts'
import type { LoadTarget } from '../harness/drive.ts'
import { startBareProxy } from '../harness/nginx.ts'
import { rounds } from '../harness/options.ts'
import { bodies, policyOf } from '../harness/policy.ts'
import type { Scenario } from '../harness/scenario.ts'
import { ratios, spread } from '../harness/statistics.ts'
import { inTurns } from '../harness/turns.ts'

const MIB = 1024 * 1024

interface Turn {
  readonly cpuUsPerMib: number
  readonly identical: boolean
}

/**
 * Measures the CPU time of downloads and uploads at maximum speed, and checks that the bodies arrive unchanged. The
 * scenario `memory` measures slow readers.
 */
export const streaming: Scenario<'rounds' | 'mebibytes'> = {
  name: 'streaming',
  about: 'CPU time of a MiB down and up, compared with nginx, and whether bodies arrive unchanged',
  options: {
    rounds: rounds(4, 1),
    mebibytes: { about: 'size of a body', usual: 128, quick: 64 },
  },
  async run(site, chosen) {
    const service = site.keep(await startBodyService())
    const bare = site.keep(await startBareProxy(site.newFolder('bare-bodies'), service.port))
    const gate = await site.node({ policy: policyOf(site.issuer.url, { bodies: bodies(service.port) }) })
    const bytes = chosen.mebibytes * MIB
    const turn = async (target: LoadTarget, work: () => Promise<{ readonly identical: boolean }>): Promise<Turn> => {
      const before = cpuTimeUs(target.pid)
      const { identical } = await work()
      return { cpuUsPerMib: (cpuTimeUs(target.pid) - before) / chosen.mebibytes, identical }
    }
    const upload = { bytes, uploads: 1, takenMbPerSecond: 0 }
    const found = await inTurns(
      {
        bareDown: () => turn(bare, () => down(bare, bytes)),
        gateDown: () => turn(gate, () => down(gate, bytes)),
        bareUp: () => turn(bare, () => up(bare, upload)),
        gateUp: () => turn(gate, () => up(gate, upload)),
      },
      chosen.rounds,
    )
    const cpu = (turns: readonly Turn[]): number[] => turns.map(({ cpuUsPerMib }) => cpuUsPerMib)
    return {
      figures: {
        down_cpu_us_per_mib: spread(cpu(found.gateDown)),
        bare_down_cpu_us_per_mib: spread(cpu(found.bareDown)),
        down_ratio: spread(ratios(cpu(found.gateDown), cpu(found.bareDown))),
        up_cpu_us_per_mib: spread(cpu(found.gateUp)),
        bare_up_cpu_us_per_mib: spread(cpu(found.bareUp)),
        up_ratio: spread(ratios(cpu(found.gateUp), cpu(found.bareUp))),
      },
      broken: [...found.gateDown, ...found.gateUp].every(({ identical }) => identical)
        ? []
        : ['a body did not arrive unchanged'],
    }
  },
}
