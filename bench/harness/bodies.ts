import { join } from 'node:path'
import { type ForkedService, startForkedService } from './forked-service.ts'

/** Starts a service for large bodies, in a separate process. */
export function startBodyService(): Promise<ForkedService> {
  return startForkedService(join(import.meta.dirname, 'body-service.ts'))
}
