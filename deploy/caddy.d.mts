export declare function findCaddy(): string | undefined
export declare function installCaddy(): Promise<void>
