export function takeLock(path: string): { release(): void } | { heldBy: number }
