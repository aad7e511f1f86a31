/** Where the set-up unpacks an nginx of its own. */
export declare const privateNginx: string
export declare function findNginx(): { command: string; env: Record<string, string> }
export declare function unpackedNginx(root?: string): { command: string; env: Record<string, string> } | undefined
export declare function hasNginx(): boolean
export declare function installNginx(): Promise<void>
