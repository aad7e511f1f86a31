export interface RedisCommand {
  readonly command: string
  /** Environment variables with which the server finds its libraries. */
  readonly env: Readonly<Record<string, string>>
  readonly version: string
}

export const privateRedis: string
export function findRedis(): RedisCommand
export function redisOnPath(): RedisCommand | undefined
export function unpackedRedis(root?: string): RedisCommand | undefined
export function packageName(): string
export function isNewEnough(banner: string): boolean
