import { fork } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import type { CallsBySecond, ServiceOrder } from './service-fault.ts'

/** Number of services of a fleet. */
export const FLEET_SIZE = 3

/** Processes that serve the same requests. The first one becomes sick. */
export interface ServiceFleet {
  readonly ports: readonly number[]
  /** Changes how the first service treats requests. @returns its calls under the previous order */
  order(order: ServiceOrder): Promise<CallsBySecond>
  stop(): Promise<void>
}

export async function startServiceFleet(): Promise<ServiceFleet> {
  const services: Service[] = []
  const ports: number[] = []
  while (services.length < FLEET_SIZE) {
    const service = new Service()
    services.push(service)
    ports.push(await service.message<number>())
  }
  return {
    ports,
    order: (order) => services[0]!.ask<CallsBySecond>(order),
    stop: async () => {
      for (const service of services) await service.stop()
    },
  }
}

class Service {
  readonly #child = fork(join(import.meta.dirname, 'sick-service.ts'), {
    stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
  })
  readonly #exit = once(this.#child, 'exit')

  ask<Reply>(order: ServiceOrder): Promise<Reply> {
    const reply = this.message<Reply>()
    this.#child.send(order)
    return reply
  }

  async message<Message>(): Promise<Message> {
    const ended = this.#exit.then(([code]): never => {
      throw new Error(`a service of the benchmark ended with exit code ${code}`)
    })
    return (await Promise.race([once(this.#child, 'message') as Promise<[Message]>, ended]))[0]
  }

  async stop(): Promise<void> {
    this.#child.disconnect()
    await this.#exit
  }
}
