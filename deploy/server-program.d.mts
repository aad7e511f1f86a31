import type { PackageLists } from './debian.mjs'

/** A program to start. `env` has the paths of its libraries. */
export interface Startable {
  readonly command: string
  readonly env: Record<string, string>
}

export declare class ServerProgram {
  constructor(name: string, packages: string[], versionWord?: string, versionCode?: number, folder?: string)
  look(): Startable | undefined
  find(): Startable
  install(lists?: PackageLists): Promise<void>
}

export declare const nginx: ServerProgram
export declare const haproxy: ServerProgram
export declare const caddy: ServerProgram
export declare const prometheus: ServerProgram
export declare const promtool: ServerProgram
export declare const wrk: ServerProgram
export declare const h2load: ServerProgram
