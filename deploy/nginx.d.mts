export declare const privateNginx: string
export declare function findNginx(): { command: string; env: Record<string, string> }
export declare function unpackedNginx(root?: string): { command: string; env: Record<string, string> } | undefined
